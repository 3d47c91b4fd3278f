"""What was decided before: remembered decisions and marks made by hand, found again.

A decision is remembered for one file (by its SHA-256), or for all of one maker's files of one name (by signer and name)
when the signature is valid and of a trusted signer; for anything less it narrows to the file. What was agreed to is
kept with it: an `install` or `without` speaks only for the undesirable actions the person was shown then, so that a
version which does more is asked about again. A `refuse` always speaks.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pratique import places
from pratique.decisions.book import BookFile
from pratique.decisions.book import StoreError as StoreError
from pratique.decisions.record import SCHEMA, Book, Choice, Key, Mark, Remembered, Source, Standing
from pratique.decisions.record import Agreed as Agreed
from pratique.decisions.record import lasting as lasting
from pratique.decisions.record import scope as scope
from pratique.errors import UsageError
from pratique.policy.score import Verdict
from pratique.subject import Subject

__all__ = ["Agreed", "Choice", "Decisions", "Key", "Mark", "Remembered", "Standing", "StoreError", "lasting", "scope"]


class Decisions:
    """The store. Every method opens, reads and closes the file, so that several processes may use it at once.

    Each raises `StoreError` for a damaged file and `CannotError` for one that cannot be read, written or believed,
    `NoRoomError` when there is no room to write it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file = BookFile(places.state() / "decisions.json" if path is None else path)

    @classmethod
    def open(cls) -> Decisions:
        """The store of whoever runs this."""
        return cls()

    # -- reading

    def lookup(self, subject: Subject, now: float | None = None) -> Remembered | None:
        """The decision in force for this subject: for the file itself first, then for its maker and name.

        Raises `StoreError`, `CannotError`.
        """
        now = time.time() if now is None else now
        keys = [Key(sha256=subject.sha256)] if subject.sha256 else []
        maker = scope(subject, ("signer",)) if subject.sha256 else None
        if maker is not None and maker.signer:
            keys.append(maker)
        if not keys:
            return None
        held = {entry.key: entry for entry in self._file.read().remembered}
        return next((held[key] for key in keys if key in held and held[key].in_force(now)), None)

    def marks_of(self, hashes: Sequence[str]) -> tuple[Mark, ...]:
        """The marks on files of these SHA-256."""
        wanted = set(hashes)
        return tuple(mark for mark in self._file.read().marks if mark.sha256 in wanted)

    def entries(self) -> tuple[Remembered | Mark, ...]:
        """Everything, expired decisions too; newest first."""
        book = self._file.read()
        return tuple(sorted((*book.remembered, *book.marks), key=lambda entry: -entry.made))

    def show(self, id: str) -> Remembered | Mark:
        """The entry whose id begins so. Raises `UsageError` when there is none, or more than one."""
        found = [entry for entry in self.entries() if id and entry.id.startswith(id)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(entry.id for entry in found)
            raise UsageError(f"{id!r} begins more than one id: {ids}", hint="write more of it")
        raise UsageError(f"no decision has the id {id!r}", hint="`pratique decisions` lists them")

    # -- writing

    def remember(
        self,
        subject: Subject,
        choice: Choice,
        *,
        verdict: Verdict | None = None,
        by: Sequence[str] = ("sha256",),
        expires_in: float | None = None,
        source: Source = "person",
        components: Mapping[str, Choice] | None = None,
        policy: str = "",
        now: float | None = None,
    ) -> Remembered:
        """Keep a decision; one for the same file (or maker and name) is replaced. `expires_in` seconds, None: for ever.

        `verdict` is the one it was made on; None: nothing undesirable was agreed to.

        Expired decisions are dropped on the way. Raises `UsageError`, `StoreError`, `CannotError`.
        """
        now = time.time() if now is None else now
        key = scope(subject, by)
        entry = Remembered(
            id=_id(f"{key.sha256}|{key.signer}|{key.name}"),
            choice=choice,
            source=source,
            key=key,
            made=now,
            expires=None if expires_in is None else now + expires_in,
            agreed=Agreed.on(verdict, policy) if verdict is not None else Agreed(verdict="clean"),
            name=subject.name or Path(subject.path).name or " ".join(subject.command),
            signer=subject.signer.name if subject.signer is not None else "",
            components=dict(components or {}),
        )
        with self._file.changing() as change:
            rest = [e for e in change.book.remembered if e.key != key and (e.expires is None or now < e.expires)]
            change.book = msgspec.structs.replace(change.book, remembered=(*rest, entry))
        return entry

    def mark(
        self, sha256: str, standing: Standing, *, name: str = "", note: str = "", now: float | None = None
    ) -> Mark:
        """Mark a file by hand; an earlier mark is replaced. Raises `StoreError`, `CannotError`."""
        made = time.time() if now is None else now
        entry = Mark(id=_id(f"mark|{sha256}"), sha256=sha256, standing=standing, made=made, name=name, note=note)
        with self._file.changing() as change:
            rest = [m for m in change.book.marks if m.sha256 != sha256]
            change.book = msgspec.structs.replace(change.book, marks=(*rest, entry))
        return entry

    def forget(self, id: str) -> Remembered | Mark:
        """Drop one entry and return it. Raises as `show` does."""
        with self._file.changing() as change:
            entry = self.show(id)
            change.book = msgspec.structs.replace(
                change.book,
                remembered=tuple(e for e in change.book.remembered if e.id != entry.id),
                marks=tuple(m for m in change.book.marks if m.id != entry.id),
            )
        return entry

    def forget_all(self) -> int:
        """Drop everything; how many there were."""
        with self._file.changing() as change:
            count = len(change.book.remembered) + len(change.book.marks)
            change.book = Book(schema=SCHEMA)
        return count


def _id(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]

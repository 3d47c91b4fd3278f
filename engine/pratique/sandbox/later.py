"""Texts that later installations keep, told anew as if an earlier one that is being undone had never been.

Each keeps the text it found and the text it left, and what it changed is the difference. Where two have added equal
lines, and the one is undone, the texts of the other still hold both: by them, what was taken out would be its own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from pratique.meaning import shared_files
from pratique.sandbox import journal, merging
from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.journal import Change, Journal, JournalError, Kept
from pratique.sandbox.states import state

#: After the name of a new text: the text before it, where it is told anew. The original is the host's own file.
_BEFORE: Final = ".before"


class Texts(NamedTuple):
    before: bytes
    installed: bytes


def is_told_anew(done: Journal, change: Change) -> bool:
    return bool(change.installed) and (done.directory / f"{change.installed}{_BEFORE}").exists()


def texts(done: Journal, change: Change) -> Texts:
    """Of a text file that was replaced; enough of each to see whether it is too long. Raises `OSError`."""
    before = f"{change.installed}{_BEFORE}" if is_told_anew(done, change) else change.copied or change.saved
    return Texts(*(_beginning(done, change, name) for name in (before, change.installed)))


def _beginning(done: Journal, change: Change, name: str) -> bytes:
    with (done.directory / name).open("rb") as file:
        return file.read(merging.largest(change.path) + 1)


class TakenOut:
    """One change of a text file, taken out of every text that came after it, one after the other.

    Each text is compared with the one before it: of equal lines the same are taken out everywhere.

    >>> taken = TakenOut(Texts(b"", b"ours\\n"))
    >>> taken.out_of(b"ours\\ntheirs\\n"), taken.out_of(b"ours\\ntheirs\\nours\\n")
    (b'theirs\\n', b'theirs\\nours\\n')
    """

    def __init__(self, change: Texts, path: str = "") -> None:
        self._first = self._last = change
        self._path = path

    def out_of(self, text: bytes) -> bytes | None:
        """None where it cannot be told apart."""
        for seen in (self._last, self._first):
            out = merging.without(*seen, text, self._path)
            if out is not None:
                self._last = Texts(out, text)
                return out
        return None


class Later:
    """The installations that came after one, as far as they can be undone."""

    def __init__(self, done: Journal) -> None:
        self._done = done

    def take_out(self, change: Change) -> tuple[TakenOut, dict[str, bytes]]:
        """The change, and by their paths the texts of later ones without it. Raises `OSError`.

        Of records none: whose each is, its key says.
        """
        taken = TakenOut(texts(self._done, change), change.path)
        anew: dict[str, bytes] = {}
        for theirs, same in () if shared_files.is_record(change.path) else self._changes(change.path):
            with contextlib.suppress(OSError):
                old = texts(theirs, same)
                before, installed = taken.out_of(old.before), taken.out_of(old.installed)
                if before is not None and installed is not None and (before, installed) != old:
                    path = os.path.realpath(theirs.directory / same.installed)
                    anew |= {path: installed, f"{path}{_BEFORE}": before}
        return taken, anew

    def _changes(self, path: str) -> Iterator[tuple[Journal, Change]]:
        for theirs in self._journals:
            yield from ((theirs, change) for change in theirs.changes if change.path == path and change.installed)

    @cached_property
    def _journals(self) -> tuple[Journal, ...]:
        own = self._done.directory
        with_texts = {text.parent for text in own.parent.parent.glob(f"*/{own.name}/*.installed")}
        found: list[tuple[float, Journal]] = []
        for directory in with_texts - {own}:
            with contextlib.suppress(OSError, JournalError):
                theirs = journal.read(directory)
                if theirs is not None and theirs.finished and _ended(theirs) > _ended(self._done):
                    found.append((_ended(theirs), theirs))
        return tuple(theirs for _, theirs in sorted(found, key=lambda one: one[0]))


def _ended(done: Journal) -> float:
    return done.done.ended if done.done is not None else 0.0


def like(path: str) -> str:
    """The text beside which one is told anew, a file that is there in any case."""
    return path.removesuffix(_BEFORE)


def changes(anew: Mapping[str, bytes], host: Beneath) -> Iterator[Change]:
    """What a transaction changes in the journals. Raises `OSError`."""
    for path, content in anew.items():
        above, name = split(like(path))
        model = state(name, host.directory(above), host.lstat(like(path)))
        found = host.find(path)
        before = Kept(state=state(split(path)[1], host.directory(above), found)) if found is not None else None
        after = msgspec.structs.replace(model, size=len(content), mtime_ns=time.time_ns())
        yield Change(path=path, before=before, after=Kept(state=after))

"""Puts accepted effects on the host, all of them or none.

What is accepted is checked first (`accepted`); then it is one transaction (`carrying`), with a journal in the session's
place that `undo` reads. The host's own paths are reached component by component, so no link can lead a write elsewhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pratique.errors import NoRoomError, PratiqueError
from pratique.recording import Effect, FileState
from pratique.sandbox import carrying, originals, restored
from pratique.sandbox.accepted import Plan, becomes_directory
from pratique.sandbox.beneath import Beneath
from pratique.sandbox.journal import Change, Journal, Kept
from pratique.sandbox.spec import CommitResult
from pratique.sandbox.staging import Source
from pratique.sandbox.states import attributes_of
from pratique.sandbox.taking_back import take_back
from pratique.sandbox.written import Layers, Written

#: In the session's place: the journal of its commit.
JOURNAL: Final = "journal"


def commit(
    wanted: Iterable[Effect], everything: Iterable[Effect], written: Written, contents: Mapping[str, bytes] = {}
) -> CommitResult:
    """Put `wanted` on the host; `everything` is all the session's effects, the refused ones too.

    A new directory that was not asked for is made when something in it was. `contents`: what the files at these paths
    are to hold in place of what the program left in them, where only a part of a file was admitted.

    Raises `ConflictError` (the host changed since the session began), `NoRoomError`, `PratiqueError`; in all cases
    the host is as it was.
    """
    everything = tuple(everything)
    with Beneath("/") as host:
        plan = Plan(host, everything, written)
        plan.choose(wanted)
        with Layers(written) as layers:
            plan.check(layers)
            plan.check_room(layers)
            changes = [_change(effect, host, layers, contents) for effect in plan.chosen.values()]
            transact(changes, host, _Session(plan, host, layers, written, contents), written)
    return CommitResult(
        applied=tuple(sorted(effect.id for effect in plan.chosen.values() if effect.id not in plan.implied)),
        skipped=tuple(plan.skipped),
    )


def _change(effect: Effect, host: Beneath, layers: Layers, contents: Mapping[str, bytes]) -> Change:
    before = after = None
    if effect.before is not None:
        directory = effect.before.type == "directory"
        before = Kept(
            state=_now(effect, host), attributes=attributes_of(host.directory(effect.path)) if directory else {}
        )
    if effect.after is not None:
        state, content = effect.after, contents.get(effect.path)
        if content is not None:
            state = msgspec.structs.replace(state, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        after = Kept(
            state=state, attributes=layers.directory_attributes(effect.path) if becomes_directory(effect) else {}
        )
    return Change(path=effect.path, before=before, after=after)


def _now(effect: Effect, host: Beneath) -> FileState:
    """What is there, checked to be what the session found; of a directory others may have changed the time since."""
    assert effect.before is not None
    return msgspec.structs.replace(effect.before, mtime_ns=host.lstat(effect.path).st_mtime_ns)


def transact(changes: Iterable[Change], host: Beneath, source: Source, written: Written) -> None:
    step = carrying.Step()
    changes = tuple(changes)
    if not changes:
        return
    journal: Journal | None = None
    try:
        journal = carrying.begin(written.place / JOURNAL, written.id, changes, host, step, source)
        carrying.carry_out(journal, host, source, step)
    except BaseException as error:
        if journal is not None:
            back = take_back(journal, host)
            written.restored.update(back.restored)
            restored.write(written.place, written.restored)
            complain_of(back.failed + back.left, journal)
        if isinstance(error, OSError):
            raise explained(error, step.path) from error
        raise


def complain_of(troubles: list[str], journal: Journal) -> None:
    """Raises `PratiqueError` when there are any."""
    if troubles:
        what = "undoing" if journal.header.kind == "undo" else "installation"
        raise PratiqueError(
            f"some of an {what} that failed could not be taken back:\n  " + "\n  ".join(troubles[:10]),
            hint=f"the originals are in {journal.directory}, what belongs where is in its log",
        )


def explained(error: OSError, path: str) -> PratiqueError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoomError(
            f"no room for {path}; everything was taken back, nothing was committed",
            hint="free some room and commit again",
        )
    reason = (error.strerror or str(error)).lower()
    return PratiqueError(
        f"cannot put {path} in place: {reason}; everything was taken back",
        hint="commit without it, or mend what is in its way and commit again"
        + ("; `lsattr -d` shows whether it is immutable" if error.errno == errno.EPERM else ""),
    )


class _Session:
    """What the session wrote, as the source of a transaction."""

    def __init__(
        self, plan: Plan, host: Beneath, layers: Layers, written: Written, contents: Mapping[str, bytes]
    ) -> None:
        self._layers = layers
        self._contents = contents
        self._twins = _twins(plan, host, written.started_ns)

    def find(self, path: str) -> tuple[int, str]:
        return self._layers.entry(path)

    def open(self, path: str) -> int:
        return self._layers.open_file(path)

    def content(self, path: str) -> bytes | None:
        return self._contents.get(path)

    def may_be_linked(self, descriptor: int | None, like: FileState) -> bool:
        """The session's own file becomes the host's, where the overlay made no notes on it and it is complete.

        A label of the host's security module belongs to the place it was made in: such a file is copied.
        """
        if descriptor is None:
            return False  # nothing is won
        found = os.fstat(descriptor)
        if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (like.mode, like.uid, like.gid):
            return False
        if any(name.startswith(_NOTES) for name in os.listxattr(descriptor)):
            return False
        return not originals.is_open_for_writing(descriptor)

    def twin(self, path: str) -> str:
        return self._twins.get(path, "")


def _twins(plan: Plan, host: Beneath, started_ns: int) -> dict[str, str]:
    """Which paths are to be another name of which, found out before keeping originals changes them once more."""
    out = {}
    for path, effect in plan.chosen.items():
        twin = effect.details.get("link", "")
        if twin in plan.chosen:
            out[path] = twin
        elif twin and twin not in plan.known:  # else it stays as the host has it, which is not as the program left both
            found = host.find(twin)
            if found is not None and found.st_ctime_ns <= started_ns:
                out[path] = twin
    return out


_NOTES: Final = ("trusted.overlay.", "user.overlay.", "security.selinux", "security.SMACK64")

"""Takes an installation back, by its journal: every path as it was before, with all that belongs to it.

First everything is compared with what was installed. What somebody changed since stands in the way: of a text file only
our change is taken out where that can be told apart; anything else is left, and named. Then it is one transaction like
the commit was, with a journal of its own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pratique.errors import ConflictError, NoRoomError, PratiqueError, UsageError
from pratique.recording import FileState
from pratique.sandbox import carrying, journal, later, merging
from pratique.sandbox.beneath import Beneath, names_in, open_regular, split
from pratique.sandbox.commit import JOURNAL, complain_of
from pratique.sandbox.journal import Change, Journal, Kept
from pratique.sandbox.originals import best
from pratique.sandbox.states import attributes, state
from pratique.sandbox.taking_back import take_back

#: In the session's place: the journal of its undoing.
UNDO: Final = "undo"
_SHOWN: Final = 10


class InTheWay(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    reason: str


class Stayed(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    what: str  # "npm's cache"


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: paths put back as they were, text files of which our change was taken out, and what was left.

    `left` stood in the way; `stayed` did not, for others may use it as they like. With what is `gone`, and with the
    lines of `lines_gone`, nothing was to be done: somebody had removed them already.
    """

    restored: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    lines_gone: tuple[str, ...] = ()
    left: tuple[InTheWay, ...] = ()
    stayed: tuple[Stayed, ...] = ()


def _nothing_stays(path: str) -> str:
    return ""


def undo(
    place: Path, session: str, *, anyway: bool = False, rebuilt: Iterable[str] = (),
    may_stay: Callable[[str], str] = _nothing_stays, complaints: Sequence[str] = (),
) -> Undone:  # fmt: skip
    """Take back the commit of the session at `place`. The caller holds the lock of those who change the host.

    `anyway`: what stands in the way is left as it is, and the rest undone. `rebuilt`: files that some program makes
    anew from others, which never stand in the way. `may_stay`: of a path that others changed since, what it is if it
    may be left for that ("" if not). `complaints`: what else stands in the way, in words; `anyway`, it does not.

    Raises `UsageError` (there is nothing to undo), `ConflictError` (something stands in the way; nothing was changed),
    `NoRoomError`, `PratiqueError`.
    """
    done = installed(place, session)
    with Beneath("/") as host:
        look = _Look(done, host, frozenset(rebuilt), may_stay)
        changes = look.changes()
        if (look.left or complaints) and not anyway:
            raise _in_the_way(look.left, complaints, session)
        if changes or look.anew:
            _transact(changes, host, done, look, place, session)
        else:
            carrying.make_place(place / UNDO)
            nothing = Journal(place / UNDO, journal.Header(id=session, kind="undo", started=time.time()), (), ())
            nothing.begin()
            nothing.end(journal.Done(ended=time.time()))
    for name in (JOURNAL, UNDO):
        finished = journal.read(place / name)
        if finished is not None:
            finished.forget_originals()
    merged = tuple(sorted(look.merged))
    restored = tuple(change.path for change in changes if change.path not in look.merged)
    return Undone(
        restored=restored, merged=merged, gone=tuple(sorted(look.gone)), lines_gone=tuple(sorted(look.lines_gone)),
        left=tuple(look.left), stayed=tuple(look.stayed),
    )  # fmt: skip


def _in_the_way(left: Sequence[InTheWay], complaints: Sequence[str], session: str) -> ConflictError:
    changed = [f"{one.path}: {one.reason}" for one in left]
    anyway = f"pratique undo --anyway {session}"
    told, hint = [], f"{anyway} leaves these as they are and undoes the rest"
    if complaints:
        told += ["other packages would be broken", *_few(complaints)]
        hint = f"take these packages away first; {anyway} undoes it all the same"
    if changed:
        told += ["this was changed since it was installed:", *_few(changed)]
    told[0] = told[0].rstrip(":") + "; nothing was undone:"
    return ConflictError("\n".join(told), hint=hint)


def _few(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN} more"


def installed(place: Path, session: str) -> Journal:
    """The journal of what the session installed. Raises `UsageError` when it installed nothing, or was undone."""
    when = undone(place)
    if when is not None:
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
        raise UsageError(
            f"{session} was undone on {moment} already", hint=f"`pratique show {session}` says what it was"
        )
    try:
        found = journal.read(place / JOURNAL)
    except FileNotFoundError:
        found = None
    except (OSError, journal.JournalError) as error:
        raise PratiqueError(f"the journal of {session} cannot be read: {error}") from None
    if found is None or not found.finished:
        raise UsageError(
            f"{session} cannot be undone: it installed nothing, or what it replaced is not kept any more",
            hint="`pratique history` says of each session whether it can be undone",
        )
    return found


def undone(place: Path) -> float | None:
    """When the session's installation was undone (Unix time); None: it was not."""
    try:
        found = journal.read(place / UNDO)
    except (OSError, journal.JournalError):
        return None
    return found.done.ended if found is not None and found.finished and found.done is not None else None


class _Look:
    """What is there now, beside what was installed."""

    def __init__(
        self, done: Journal, host: Beneath, rebuilt: frozenset[str], may_stay: Callable[[str], str]
    ) -> None:  # fmt: skip
        self._done = done
        self._host = host
        self._rebuilt = rebuilt
        self._may_stay = may_stay
        self._staying: set[str] = set()  # directories that cannot go, for what is in them
        self._named: set[str] = set()  # what was left, and why that is so is settled
        self._going: set[str] = set()
        self._later = later.Later(done)
        self.merged: dict[str, bytes] = {}
        self.anew: dict[str, bytes] = {}  # texts of later installations, without what goes
        self.gone: list[str] = []
        self.lines_gone: list[str] = []
        self.left: list[InTheWay] = []
        self.stayed: list[Stayed] = []

    def changes(self) -> list[Change]:
        """Deepest first, so that a directory is looked at when it is known what in it goes."""
        found: dict[str, Change] = {}
        returning = {one.path for one in self._done.changes if one.was_directory and not one.becomes_directory}
        for change in reversed(self._done.changes):
            undoing = self._change(change, returning)
            if undoing is not None:
                found[change.path] = undoing
        out = []
        for path in sorted(found, key=os.fsencode):
            above = split(path)[0]
            if (
                found[path].before is None
                and above in returning
                and above not in found
                and self._is_no_directory(above)
            ):
                del found[path]  # its directory does not come back, for something else is there
            else:
                out.append(found[path])
        return out

    def _is_no_directory(self, path: str) -> bool:
        now = self._host.find(path)
        return now is None or not stat.S_ISDIR(now.st_mode)

    def _leave(self, path: str, reason: str) -> None:
        self._staying.add(split(path)[0])
        self._named.add(path)
        if path not in self._rebuilt and not self._stays(path):
            self.left.append(InTheWay(path=path, reason=reason))

    def _stays(self, path: str) -> bool:
        what = self._may_stay(path)
        if what:
            self.stayed.append(Stayed(path=path, what=what))
        return bool(what)

    def _change(self, change: Change, returning: set[str]) -> Change | None:
        above, name = split(change.path)
        try:
            found = self._host.find(change.path)
            if found is None and change.before is not None and above not in returning:
                self._host.directory(above)
            now = None
            if found is not None:
                directory = self._host.directory(above)
                now = state(name, directory, found)
                kept = attributes(name, directory, now.type)
        except FileNotFoundError:
            self._leave(change.path, f"the directory it belongs in, {above}, is gone")
            return None
        except OSError as error:
            self._leave(change.path, f"cannot be reached: {(error.strerror or str(error)).lower()}")
            return None
        if now is None:
            self._going.add(change.path)
            if change.before is None:
                self.gone.append(change.path)
                return None
            if change.after is not None:
                self._leave(change.path, "was removed")
                return None
            return Change(path=change.path, before=None, after=change.before)
        here = Kept(state=now, attributes=kept)
        if change.after is None:
            if not (change.was_directory and here.state.type == "directory"):
                self._leave(change.path, f"there is another {here.state.type} now")
            return None
        if change.becomes_directory:
            return self._directory(change, here)
        if self._differs(change, here) or later.is_told_anew(self._done, change):
            return self._merge(change, here)
        if change.installed:
            with contextlib.suppress(OSError):
                self.anew |= self._later.take_out(change)[1]
        self._going.add(change.path)
        return Change(path=change.path, before=here, after=change.before)

    def _directory(self, change: Change, here: Kept) -> Change | None:
        if here.state.type != "directory":
            self._leave(change.path, f"was a directory, is a {here.state.type} now")
            return None
        if change.was_directory:
            if self._differs(change, here):
                self._leave(change.path, "its owner, mode or attributes were changed")
                return None
            assert change.before is not None
            return Change(path=change.path, before=here, after=change.before)
        try:
            names = names_in(self._host.directory(change.path))
        except OSError as error:
            self._leave(change.path, f"cannot be listed: {(error.strerror or str(error)).lower()}")
            return None
        new = sorted(name for name in names if f"{change.path}/{name}" not in self._going)
        if new or change.path in self._staying:
            theirs = [name for name in new if not self._is_known(f"{change.path}/{name}")]
            foreign = [name for name in theirs if not self._stays(f"{change.path}/{name}")]
            if foreign:
                more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
                self._leave(change.path, f"{foreign[0]!r}{more} is in it now")
            self._staying.add(split(change.path)[0])
            return None
        self._going.add(change.path)
        return Change(path=change.path, before=here, after=change.before)

    def _is_known(self, path: str) -> bool:
        """Something of ours that stays, and was named itself."""
        return path in self._staying or path in self._named or path in self._rebuilt

    def _differs(self, change: Change, here: Kept) -> bool:
        """From what was installed. Its time does not count: who only writes the same again changes nothing."""
        assert change.after is not None
        was, now = change.after.state, here.state
        put = (self._done.staged or {}).get(change.path)
        owner = (put.uid, put.gid) if put else (was.uid, was.gid)
        known = put.attributes if put else change.after.attributes
        return not _same_content(was, now) or (was.type, was.mode, owner, was.size, was.target) != (
            now.type, now.mode, (now.uid, now.gid), now.size, now.target,
        ) or known != here.attributes  # fmt: skip

    def _merge(self, change: Change, here: Kept) -> Change | None:
        """Only our lines go, where others changed a text file since."""
        before, after = change.before, change.after
        if change.installed and before is not None and after is not None and here.state.type == "file":
            found = self._without_ours(change)
            if found is not None:
                was, merged = found
                if merged == was:
                    self.lines_gone.append(change.path)
                    return None
                now = msgspec.structs.replace(here.state, size=len(merged), mtime_ns=time.time_ns())
                self.merged[change.path] = merged
                return Change(path=change.path, before=here, after=Kept(state=now))
        self._leave(change.path, "was changed")
        return None

    def _without_ours(self, change: Change) -> tuple[bytes, bytes] | None:
        """The text now, and without our lines; None where those cannot be told apart, or nobody may read the file."""
        try:
            taken, anew = self._later.take_out(change)
            with open(self._host.open_file(change.path), "rb") as file:
                now = file.read(merging.largest(change.path) + 1)
        except (OSError, ValueError):
            return None
        out = taken.out_of(now)
        if out is None:
            return None
        self.anew |= anew
        return now, out


def _same_content(was: FileState, now: FileState) -> bool:
    """As far as can be told: of a file that even its owner may not read (mode 0), by its time."""
    if was.sha256 and now.sha256:
        return was.sha256 == now.sha256
    return was.type != "file" or bool(now.sha256) or was.mtime_ns == now.mtime_ns


def _transact(
    changes: list[Change], host: Beneath, done: Journal, look: _Look, place: Path, session: str
) -> None:  # fmt: skip
    step = carrying.Step()
    undoing: Journal | None = None
    with _Originals(done, host, {**look.merged, **look.anew}) as source:
        try:
            times = _times(changes, host, done)
            everything = (*changes, *later.changes(look.anew, host))
            undoing = carrying.begin(place / UNDO, session, everything, host, step)
            carrying.carry_out(undoing, host, source, step, times=times)
        except BaseException as error:
            if undoing is not None:
                back = take_back(undoing, host)
                complain_of(back.failed + back.left, undoing)
            if isinstance(error, OSError):
                raise _explained(error, step.path) from error
            raise


def _times(changes: list[Change], host: Beneath, done: Journal) -> dict[str, int]:
    """Directories nobody touched since get the times they had; those that go need none."""
    assert done.done is not None
    going = {change.path for change in changes if change.after is None}
    after = done.done.times
    return {
        path: mtime_ns
        for path, mtime_ns in done.times.items()
        if path not in going
        and (found := host.lstat(path) if path == "/" else host.find(path)) is not None
        and found.st_mtime_ns == after.get(path)
    }


def _explained(error: OSError, path: str) -> PratiqueError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoomError(f"no room for {path}; nothing was undone", hint="free some room and undo it again")
    reason = (error.strerror or str(error)).lower()
    return PratiqueError(
        f"cannot put {path} back: {reason}; nothing was undone",
        hint="mend what is in its way and undo it again"
        + ("; `lsattr -d` shows whether it is immutable" if error.errno == errno.EPERM else ""),
    )


class _Originals:
    """What the commit replaced, as the source of a transaction. A context manager.

    `contents`: of what is put there with another content, by path.
    """

    def __init__(self, done: Journal, host: Beneath, contents: Mapping[str, bytes]) -> None:
        self._changes = {change.path: change for change in done.changes}
        self._host = host
        self._contents = contents
        self._directory = os.open(done.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> _Originals:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._directory)

    def find(self, path: str) -> tuple[int, str]:
        change = self._changes[path]
        assert change.before is not None
        return self._directory, best(change.saved, change.copied, change.before.state, self._directory)

    def open(self, path: str) -> int:
        """Of a file with another content, the one that is there now, with the attributes it has."""
        if path in self._contents:
            return self._host.open_file(later.like(path) if path not in self._changes else path)
        directory, name = self.find(path)
        return open_regular(name, directory)

    def content(self, path: str) -> bytes | None:
        return self._contents.get(path)

    def may_be_linked(self, descriptor: int | None, like: FileState) -> bool:
        if descriptor is None:
            return True
        found = os.fstat(descriptor)
        return (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (like.mode, like.uid, like.gid)

    def twin(self, path: str) -> str:
        return ""  # the originals are the files themselves: their further names come back with them

"""Room on the disk: how much there is, how much a session has used, and giving it back whatever the session left."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pratique.errors import NoRoomError

#: Kept free for the rest of the machine, bytes; on a small file system a twentieth of it.
RESERVE = 64 * 1024 * 1024
#: The same in files (inodes).
RESERVE_FILES = 10_000
#: Percent of the free room (and of the free inodes) a session may take when nothing else was said.
SHARE = 75


class Left(NamedTuple):
    """What an ordinary user could still make on a file system."""

    bytes: int
    files: int


def left(place: Path | int) -> Left:
    found = os.statvfs(place)
    # btrfs and others make room for as many files as there is room for their content: no number there is no bound.
    return Left(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else 2**63)


def free(place: Path | int) -> int:
    """Bytes an ordinary user could still write."""
    return left(place).bytes


def reserve(place: Path) -> int:
    found = os.statvfs(place)
    return min(RESERVE, found.f_blocks * found.f_frsize // 20)


def used(place: Path) -> tuple[int, int]:
    """Files and bytes (as allocated) beneath a directory; what vanishes meanwhile is not counted."""
    files = size = 0
    pending = [str(place)]
    while pending:
        try:
            entries = os.scandir(pending.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    files += 1
                    size += found.st_blocks * 512
                    if stat.S_ISDIR(found.st_mode):
                        pending.append(entry.path)
    return files, size


#: What a fast machine can write in a second: until a bound is nearer than that, looking now and then will do.
_FAST = Left(4 * 1024**3, 200_000)
_SHORTEST = 0.004  # s


class Watch:
    """Looks after the room while a session runs. Counting a big tree is slow, so it is done in a tenth of the time.

    In between, the file system's own numbers tell how much everybody together has written: as long as that is less
    than the session may still write, there is nothing to count.
    """

    def __init__(self, place: Path, limit: int | None) -> None:
        self.place = place
        self.limit = limit  # as asked for; None: a share of the room there is
        self.reserve = reserve(place)
        self.files = 0
        self.bytes = 0
        self._files_reserve = min(RESERVE_FILES, os.statvfs(place).f_files // 20)
        self._start = left(place)
        self._most = Left(
            self._start.bytes * SHARE // 100 if limit is None else limit, self._start.files * SHARE // 100
        )
        self._suspect = self._most  # taken from the file system since the start, by whomever: time to count
        self._again = 0.0

    def largest_file(self) -> int:
        """The size no single file may exceed, bytes: it may eat into the reserve, which `look` then sees."""
        room = free(self.place) - self.reserve // 2
        return max(0, room if self.limit is None else min(room, self.limit + self.reserve))

    def begin(self) -> None:
        """Raises `NoRoomError` when there is too little to even start."""
        if self._start.bytes < 2 * self.reserve or self._start.files < 2 * self._files_reserve:
            raise self._full("there is too little room to start")

    def pause(self, longest: float) -> float:
        """How long nobody needs to `look`, s: the nearer to a bound, the shorter."""
        now = left(self.place)
        taken = self._taken(now)
        near = min(
            (now.bytes - self.reserve) / _FAST.bytes,
            (self._suspect.bytes - taken.bytes) / _FAST.bytes,
            (now.files - self._files_reserve) / _FAST.files,
        )
        return min(longest, max(_SHORTEST, near / 4))

    def look(self, *, thorough: bool = False) -> None:
        """Raises `NoRoomError` when the disk is nearly full or the session has written more than it may."""
        now = left(self.place)
        if now.bytes < self.reserve or now.files < self._files_reserve:
            raise self._full("the installer filled the disk; it was stopped")
        taken = self._taken(now)
        suspicious = taken.bytes > self._suspect.bytes or taken.files > self._suspect.files
        began = time.monotonic()
        if not thorough and not suspicious and began < self._again:
            return
        self.files, self.bytes = used(self.place / "upper")
        self._again = time.monotonic() + max(0.25, 10 * (time.monotonic() - began))
        self._suspect = Left(
            taken.bytes + max(self._most.bytes - self.bytes, self._most.bytes // 64),
            taken.files + max(self._most.files - self.files, self._most.files // 64),
        )
        if self.bytes > self._most.bytes or self.files > self._most.files:
            raise self._too_much()

    def _taken(self, now: Left) -> Left:
        return Left(self._start.bytes - now.bytes, self._start.files - now.files)

    def _too_much(self) -> NoRoomError:
        wrote = f"it wrote {self.bytes:,} bytes in {self.files:,} files"
        if self.limit is not None:
            return NoRoomError(
                f"the installer wrote more than the {self.limit:,} bytes it may: {wrote}; it was stopped",
                hint="allow more with --size, or refuse this installer",
            )
        return NoRoomError(
            f"the installer filled the disk: {wrote}, more than {SHARE} % of what there was room for at {self.place}; "
            "it was stopped",
            hint="allow more with --size, set PRATIQUE_STATE to a larger file system, or refuse this installer",
        )

    def _full(self, what: str) -> NoRoomError:
        now = left(self.place)
        if now.bytes < 2 * self.reserve:
            why = f"{now.bytes:,} bytes free at {self.place}, {self.reserve:,} are kept for the machine"
        else:
            why = f"room for {now.files:,} files at {self.place}, {self._files_reserve:,} are kept for the machine"
        return NoRoomError(
            f"{what}: {why}",
            hint=f"free some room on the file system of {self.place}, or set PRATIQUE_STATE to a larger one",
        )


def _entries(directory: int) -> Iterator[tuple[str, bool]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry.name, entry.is_dir(follow_symlinks=False)


def _open_child(directory: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=directory)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=directory)
        return os.open(name, flags, dir_fd=directory)


def remove_tree(path: Path) -> None:
    """Remove a tree however deep and whatever its modes, never leaving it by a link. Nothing there: nothing to do."""
    try:
        top = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        remove_tree_at(top, path.name)
    finally:
        os.close(top)


def remove_tree_at(top: int, name: str) -> None:
    """The same of a name in an open directory.

    One descriptor walks down and up again (the way up is `..`, which is safe: nobody else writes here any more), so
    neither the recursion nor the longest path of the system is a limit.
    """
    names = [name]
    here = top
    try:
        found = os.stat(name, dir_fd=top, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=top)
            return
        here = _open_child(top, name)
        while names:
            inner = None
            os.fchmod(here, 0o700)
            for entry, is_directory in _entries(here):
                if is_directory:
                    inner = entry
                    break
                os.unlink(entry, dir_fd=here)
            if inner is not None:
                deeper = _open_child(here, inner)
                os.close(here)
                here = deeper
                names.append(inner)
                continue
            above = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
            os.rmdir(names.pop(), dir_fd=here)
    except FileNotFoundError:
        return
    finally:
        if here != top:
            os.close(here)

"""Room on the disk: how much there is, how much a session has used, and giving it back whatever the session left."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from pratique.errors import NoRoomError

#: Kept free for the rest of the machine, bytes; on a small file system a twentieth of it.
RESERVE = 64 * 1024 * 1024


def free(place: Path | int) -> int:
    """Bytes an ordinary user could still write."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


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


class Watch:
    """Looks after the room while a session runs. Counting a big tree is slow, so it is done in a tenth of the time."""

    def __init__(self, place: Path, limit: int | None) -> None:
        self.place = place
        self.limit = limit
        self.reserve = reserve(place)
        self.files = 0
        self.bytes = 0
        self._again = 0.0

    def largest_file(self) -> int:
        """The size no single file may exceed, bytes: it may eat into the reserve, which `look` then sees."""
        room = free(self.place) - self.reserve // 2
        return max(0, room if self.limit is None else min(room, self.limit + self.reserve))

    def begin(self) -> None:
        """Raises `NoRoomError` when there is too little to even start."""
        if free(self.place) < 2 * self.reserve:
            raise self._full("there is too little room to start")

    def look(self, *, thorough: bool = False) -> None:
        """Raises `NoRoomError` when the disk is nearly full or the session has written more than it may."""
        if free(self.place) < self.reserve:
            raise self._full("the installer filled the disk; it was stopped")
        now = time.monotonic()
        if not thorough and now < self._again:
            return
        self.files, self.bytes = used(self.place / "upper")
        spent = time.monotonic() - now
        self._again = now + max(0.25, 10 * spent)
        if self.limit is not None and self.bytes > self.limit:
            raise NoRoomError(
                f"the installer wrote {self.bytes:,} bytes, more than the {self.limit:,} it may; it was stopped",
                hint="allow more, or refuse this installer",
            )

    def _full(self, what: str) -> NoRoomError:
        return NoRoomError(
            f"{what}: {free(self.place):,} bytes free at {self.place}, {self.reserve:,} are kept for the machine",
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
    """Remove a tree however deep and whatever its modes, never leaving it by a link. Nothing there: nothing to do.

    One descriptor walks down and up again (the way up is `..`, which is safe: nobody else writes here any more), so
    neither the recursion nor the longest path of the system is a limit.
    """
    try:
        top = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    names = [path.name]
    here = top
    try:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            path.unlink()
            return
        here = _open_child(top, path.name)
        while names:
            inner = None
            os.fchmod(here, 0o700)
            for name, is_directory in _entries(here):
                if is_directory:
                    inner = name
                    break
                os.unlink(name, dir_fd=here)
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
        os.close(top)
        if here != top:
            os.close(here)

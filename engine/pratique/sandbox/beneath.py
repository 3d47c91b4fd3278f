"""Paths that cannot be led astray: every component is opened by itself and must not be a link.

Between the moment a path is looked at and the moment it is written, somebody may put a link in its way. A descriptor of
the directory, reached without following one, cannot be redirected any more.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections import OrderedDict
from pathlib import Path

_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Directories kept open; paths come sorted, so a few ancestors are what is asked for again.
_KEPT_OPEN = 128


def split(path: str) -> tuple[str, str]:
    """The directory and the name; the name of `/` is `.`."""
    above, _, name = path.rstrip("/").rpartition("/")
    return above or "/", name or "."


class Beneath:
    """A tree, seen from a directory of it. All paths are absolute and mean below that directory."""

    def __init__(self, root: str | Path = "/", *, insist: bool = False) -> None:
        """`insist`: it is a tree of our own, so a directory that is locked is unlocked."""
        self._insist = insist
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: OrderedDict[str, int] = OrderedDict()

    def __enter__(self) -> Beneath:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        os.close(self._root)

    def directory(self, path: str) -> int:
        """A descriptor of that directory, valid until a few more were asked for. Raises `OSError`.

        A link on the way is ENOTDIR or ELOOP, as the kernel says it.
        """
        path = path.rstrip("/")
        if not path:
            return self._root
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        above, name = split(path)
        descriptor = self._descend(name, self.directory(above))
        self._open[path] = descriptor
        if len(self._open) > _KEPT_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def forget(self, path: str) -> None:
        """The directory is gone (or another one): do not use its descriptor, nor those beneath it."""
        for known in [one for one in self._open if one == path or one.startswith(path + "/")]:
            os.close(self._open.pop(known))

    def lstat(self, path: str) -> os.stat_result:
        above, name = split(path)
        return os.stat(name, dir_fd=self.directory(above), follow_symlinks=False)

    def find(self, path: str) -> os.stat_result | None:
        """Like `lstat`; None when there is nothing, or no directory where one would be on the way."""
        try:
            return self.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open_file(self, path: str) -> int:
        """A regular file for reading. Raises `OSError`; `IsADirectoryError`, `ValueError` for what is no file."""
        above, name = split(path)
        directory = self.directory(above)
        try:
            return open_regular(name, directory)
        except PermissionError:
            if not self._insist:
                raise
            _unlock(name, directory, 0o400)
            return open_regular(name, directory)

    def _descend(self, name: str, directory: int) -> int:
        if self._insist:
            _unlock(name, directory, 0o500)
        return open_directory(name, directory)


def open_directory(name: str, directory: int | None) -> int:
    """A directory, and no link to one; where its names may be used but not listed, only to that end (`is_readable`).

    Raises `OSError`.
    """
    try:
        return os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=directory)
    except PermissionError:
        return os.open(name, os.O_PATH | _DIRECTORY, dir_fd=directory)


def is_readable(descriptor: int) -> bool:
    """Whether names can be listed, attributes read and writes be waited for by it."""
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_PATH


def names_in(descriptor: int) -> list[str]:
    """What is in an open directory. One that nobody may list is open to its owner while it is being listed.

    Raises `OSError`.
    """
    if is_readable(descriptor):
        return os.listdir(descriptor)
    here = Path(f"/proc/self/fd/{descriptor}")  # the directory itself, wherever its name may lead meanwhile
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    here.chmod(mode | 0o400)
    try:
        opened = os.open(here, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        here.chmod(mode)
    try:
        return os.listdir(opened)  # noqa: PTH208
    finally:
        os.close(opened)


def handle(descriptor: int) -> int | str:
    """The descriptor, for calls on attributes; or a path to it, where those take no descriptor of this kind."""
    return descriptor if is_readable(descriptor) else f"/proc/self/fd/{descriptor}"


def _unlock(name: str, directory: int, needed: int) -> None:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & needed != needed:
        os.chmod(name, stat.S_IMODE(found.st_mode) | needed, dir_fd=directory)


def open_regular(name: str, directory: int | None) -> int:
    """Open a file that must be a regular one: a pipe in its place must not make us wait for ever."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=directory)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ValueError(f"{name!r} is not a regular file")
    return descriptor

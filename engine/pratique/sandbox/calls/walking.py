"""A path followed name by name, as the kernel follows it for one thread: from its root, and by its own /proc/self.

Slower than leaving it to the kernel, which would resolve it for us: for what that cannot resolve.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

from pratique.sandbox.calls import threads

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD, <linux/fcntl.h>
#: Links followed on one path; Linux itself gives up after as many.
_MOST_LINKS: Final = 40
_ANY: Final = os.O_PATH | os.O_CLOEXEC
_PROC_ROOT: Final = 1  # its inode, <linux/proc_fs.h>
_OWN: Final = (b"self", b"thread-self")


class Found(NamedTuple):
    """Where a path leads: `name` in an open directory, or, without a name, to what is open itself."""

    descriptor: int  # the caller closes it
    name: bytes
    mode: int  # of what is there; 0: nothing


def walk(proc: int, thread: int, directory: int, path: bytes, *, follow: bool, inside: bool = False) -> Found:
    """Where `path` leads the thread from an open directory of its (or AT_FDCWD).

    `proc`: descriptor of a /proc that shows the thread by that number. `follow`: a link at the end, too. `inside`: as
    if the directory were the thread's root. Raises `OSError`: a directory on the way is not there, or (EPERM) is the
    thread's but not for us to see.
    """
    with _Walk(proc, thread, directory) as one:
        if inside:
            one.stay()
        return one.to(path, follow=follow)


class _Walk:
    def __init__(self, proc: int, thread: int, directory: int) -> None:
        self._proc = proc
        self._thread = thread
        self._directory = directory & 0xFFFFFFFF
        self._root = os.open(f"{thread}/root", _ANY, dir_fd=proc)
        self._at = os.dup(self._root)

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)
        if self._at >= 0:
            os.close(self._at)

    def stay(self) -> None:
        """The directory is the root of it all."""
        start = self._start()
        os.close(self._root)
        self._root = start
        self._go(os.dup(start))

    def to(self, path: bytes, *, follow: bool) -> Found:
        if path[:1] != b"/":
            self._go(self._start())
        rest = _names(path)
        a_directory = path[-1:] == b"/"  # what has a slash behind it
        links = 0
        while rest:
            name = rest.pop()
            last = not rest
            try:
                there = self._open(name)
            except FileNotFoundError:
                if last:
                    return self._found(name, 0)
                raise
            found = os.fstat(there)
            if stat.S_ISLNK(found.st_mode) and (follow or a_directory or not last):
                links += 1
                try:
                    text = self._text(name, there, found)
                finally:
                    os.close(there)
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                if text is None:  # it leads to a thing, not to a name
                    self._go(self._opened(name, _ANY))
                    continue
                if text[:1] == b"/":
                    self._go(os.dup(self._root))
                a_directory = a_directory or (last and text[-1:] == b"/")
                rest += _names(text)
            elif last and name not in (b".", b".."):
                os.close(there)
                return self._found(name, found.st_mode, a_directory)
            else:
                self._go(there)
        return self._found(b"", os.fstat(self._at).st_mode, a_directory)

    def _start(self) -> int:
        if self._directory == _HERE:
            return os.open(f"{self._thread}/cwd", _ANY, dir_fd=self._proc)
        return threads.taken(self._proc, self._thread, self._directory)

    def _open(self, name: bytes) -> int:
        if name == b".." and os.path.samestat(os.fstat(self._at), os.fstat(self._root)):
            name = b"."
        return self._opened(name, _ANY | os.O_NOFOLLOW)

    def _opened(self, name: bytes, flags: int) -> int:
        try:
            return os.open(name, flags, dir_fd=self._at)
        except PermissionError as error:
            if self._in_proc(os.fstat(self._at)):  # what is its own the thread may see, for all we know
                error.errno = errno.EPERM
            raise

    def _in_proc(self, found: os.stat_result) -> bool:
        return found.st_dev == os.lstat("/proc").st_dev

    def _text(self, name: bytes, link: int, found: os.stat_result) -> bytes | None:
        """What a link says; None when what it says is not where it leads: those of processes in /proc."""
        if self._in_proc(found):
            if os.fstat(self._at).st_ino != _PROC_ROOT:
                return None
            if name in _OWN:  # the kernel would answer for us
                return threads.named(self._proc, self._thread, name)
        return os.readlink(b"", dir_fd=link)

    def _go(self, descriptor: int) -> None:
        os.close(self._at)
        self._at = descriptor

    def _found(self, name: bytes, mode: int, a_directory: bool = False) -> Found:
        if a_directory and not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        found, self._at = Found(self._at, name, mode), -1
        return found


def _names(path: bytes) -> list[bytes]:
    """The last first."""
    return [name for name in reversed(path.split(b"/")) if name]

"""What a path in a call names: absolute, links resolved, as the session sees it.

The supervisor's root directory is the session's, so the kernel itself resolves what is above the last name. What it
cannot, for the supervisor is no process of the session (/proc/self), or for the thread has another root, is walked.
Processes are looked up in a /proc of the supervisor's own pid name space, which is not in that root: it comes as a
descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final, NamedTuple

from pratique.sandbox.calls import threads, walking
from pratique.sandbox.calls.memory import Unreadable

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD, <linux/fcntl.h>
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

#: Directories remembered.
_MOST_KNOWN: Final = 128
_DELETED: Final = " (deleted)"
#: The call fails for the thread as it does for us, whose rights are no less; or there is no such thread any more.
_FAILS: Final = frozenset({
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EINVAL, errno.EBADF, errno.ESRCH,
})  # fmt: skip


class Place(NamedTuple):
    """Where a path leads. `mode` is that of what is there (0: nothing)."""

    path: str
    mode: int

    @property
    def type(self) -> str:
        """In the words of `file.create`."""
        return TYPES.get(stat.S_IFMT(self.mode), "")


TYPES: Final = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFBLK: "device", stat.S_IFCHR: "device",
}  # fmt: skip


class _Known(NamedTuple):
    """A directory that a name led to. It is kept open: no other gets its number as long as it is."""

    descriptor: int
    path: str


class Names:
    """`proc`: descriptor of a /proc that shows the session's threads by the numbers notifications have."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._own = os.open("self/fd", _DIRECTORY, dir_fd=proc)
        self._known: dict[tuple[int, int], _Known] = {}  # by device and inode
        self._moving: set[int] = set()  # threads about to rename a directory
        self._passing: int | None = None  # the last directory that is not remembered
        self.confined = False  # set when somebody in the session has changed its root directory

    def place(self, thread: int, directory: int, name: bytes, *, follow: bool, inside: bool = False) -> Place | None:
        """Where `name` leads from an open directory (or AT_FDCWD). None: the directory it should be in is not there.

        `follow`: as calls do that work on what a link leads to; a link that leads nowhere names where it leads to.
        `inside`: no way leads out of that directory (RESOLVE_IN_ROOT). Raises `Unreadable` when that is not for us to
        see.
        """
        if not name:
            return None
        if not inside and not self._confined(thread):
            try:
                if (place := self._quick(thread, directory, name, follow=follow)) is not None:
                    return place
            except OSError:
                pass
        return self._walked(thread, directory, name, follow=follow, inside=inside)

    def _quick(self, thread: int, directory: int, name: bytes, *, follow: bool) -> Place | None:
        """By way of the kernel. None: a link is at the end, which has to be followed. Raises `OSError`."""
        above, _, last = name.rpartition(b"/")
        if name[:1] == b"/":
            above = above or b"/"
        if last in (b"", b".", b".."):
            above, last = name, b""
        known = self._directory(thread, directory, above)
        if not last:
            return Place(known.path, os.fstat(known.descriptor).st_mode)
        # Asking first is cheaper than an exception, and most files that are opened to be written are new.
        if follow and not os.access(last, os.F_OK, dir_fd=known.descriptor, follow_symlinks=False):
            return Place(_below(known.path, last), 0)
        try:
            mode = os.stat(last, dir_fd=known.descriptor, follow_symlinks=False).st_mode
        except FileNotFoundError:
            mode = 0
        return None if follow and stat.S_ISLNK(mode) else Place(_below(known.path, last), mode)

    def _walked(self, thread: int, directory: int, name: bytes, *, follow: bool, inside: bool) -> Place | None:
        try:
            found = walking.walk(self._proc, thread, directory, name, follow=follow, inside=inside)
        except OSError as error:
            if error.errno in _FAILS:
                return None
            raise Unreadable from None
        try:
            if found.name:
                return Place(_below(self.opened(found.descriptor), found.name), found.mode)
            path = self._lasting(found.descriptor)
            return Place(path, found.mode) if path[:1] == "/" else None  # a pipe, a socket
        except OSError:  # it lies deeper than any name the kernel would tell it by
            raise Unreadable from None
        finally:
            os.close(found.descriptor)

    def _confined(self, thread: int) -> bool:
        """Whether the thread has a root of its own."""
        if not self.confined:
            return False
        try:
            return os.readlink(f"{thread}/root", dir_fd=self._proc) != "/"
        except OSError:
            return True

    @property
    def unsettled(self) -> bool:
        return bool(self._moving)

    def moved(self, thread: int) -> None:
        """The thread is going to rename a directory: no path is sure until it has."""
        self._moving.add(thread)
        self._forget()

    def settle(self, thread: int) -> None:
        """The thread makes another call: what it was going to do is done."""
        self._moving.discard(thread)
        self._forget()

    def _directory(self, thread: int, directory: int, name: bytes) -> _Known:
        """The directory, and its path. Those last used are remembered: an open one's number is nobody else's."""
        lasting = not self._moving
        way, start = self._way(thread, directory, name)
        if lasting:
            now = os.stat(way, dir_fd=start)
            known = self._known.get((now.st_dev, now.st_ino))
            if known is not None:
                return known
        descriptor = os.open(way, _DIRECTORY, dir_fd=start)
        found = os.fstat(descriptor)
        known = _Known(descriptor, self.opened(descriptor))
        if not lasting or known.path.endswith(_DELETED):
            if self._passing is not None:
                os.close(self._passing)
            self._passing = descriptor
            return known
        if len(self._known) >= _MOST_KNOWN:
            self._forget()
        before = self._known.setdefault((found.st_dev, found.st_ino), known)
        if before is not known:
            os.close(descriptor)  # the name led elsewhere a moment ago
        return before

    def _forget(self) -> None:
        for known in self._known.values():
            os.close(known.descriptor)
        self._known.clear()

    def descriptor(self, thread: int, number: int) -> Place | None:
        """What an open descriptor of the thread leads to. None: there is none, or it is no file (a pipe, a socket).

        Raises `Unreadable` when that is not for us to see.
        """
        try:
            copy = threads.taken(self._proc, thread, number)
        except OSError as error:
            if error.errno in _FAILS:
                return None
            raise Unreadable from None
        try:
            path = self._lasting(copy)
            return Place(path, os.fstat(copy).st_mode) if path[:1] == "/" else None
        finally:
            os.close(copy)

    def readable(self, thread: int, name: bytes) -> int:
        """A descriptor to read what `name` leads to, also when that has no name of its own. Raises `OSError`."""
        found = walking.walk(self._proc, thread, _HERE, name, follow=True)
        try:
            return os.open(str(found.descriptor), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._own)
        finally:
            os.close(found.descriptor)

    def working_directory(self, thread: int) -> str:
        try:
            return os.readlink(f"{thread}/cwd", dir_fd=self._proc)
        except OSError:
            return ""

    def _way(self, thread: int, directory: int, name: bytes) -> tuple[bytes, int | None]:
        """The name as this process has to put it, and the directory it starts from."""
        if name[:1] == b"/":
            return name, None
        if directory & 0xFFFFFFFF == _HERE:
            return b"%d/cwd/%b" % (thread, name), self._proc
        return b"%d/fd/%d/%b" % (thread, directory & 0xFFFFFFFF, name), self._proc

    def opened(self, descriptor: int) -> str:
        """The path of a descriptor of our own."""
        return os.readlink(str(descriptor), dir_fd=self._own)

    def _lasting(self, descriptor: int) -> str:
        """The same of what may have lost its name: the one it had."""
        path = self.opened(descriptor)
        if not path.endswith(_DELETED) or path.startswith("/memfd:"):
            return path
        try:
            if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
                return path  # it is called so
        except OSError:
            pass
        return path.removesuffix(_DELETED)


def _below(directory: str, name: bytes) -> str:
    return f"{directory.rstrip('/')}/{os.fsdecode(name)}"

"""What a path in a call names: absolute, links resolved, as the session sees it.

The supervisor's root directory is the session's, so the kernel itself resolves what is above the last name. Processes
are looked up in a /proc of the supervisor's own pid name space, which is not in that root: it comes as a descriptor.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import Final, NamedTuple

_libc: Final = ctypes.CDLL(None, use_errno=True)

#: Links followed at the end of one path; Linux itself gives up after as many.
_MOST_LINKS: Final = 40
_HERE: Final = 0xFFFFFF9C  # AT_FDCWD, <linux/fcntl.h>
_SYS_OPENAT2: Final = 437
_RESOLVE_IN_ROOT: Final = 0x10  # <linux/openat2.h>
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_ANY: Final = os.O_PATH | os.O_CLOEXEC

#: Directories remembered.
_MOST_KNOWN: Final = 128
_PER_PROCESS: Final = (b"/proc/", b"/dev/fd")
#: Paths that mean something else to each process.
_OWN: Final = {b"/proc/self": b"", b"/proc/thread-self": b"", b"/dev/fd": b"/fd"}
_OWN_STREAMS: Final = {b"/dev/stdin": b"/fd/0", b"/dev/stdout": b"/fd/1", b"/dev/stderr": b"/fd/2"}


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

    def place(self, thread: int, directory: int, name: bytes, *, follow: bool) -> Place | None:
        """Where `name` leads from an open directory (or AT_FDCWD). None: the directory it should be in is not there.

        `follow`: as calls do that work on what a link leads to; a link that leads nowhere names where it leads to.
        """
        if not name:
            return None
        for _ in range(_MOST_LINKS):
            if follow and name.startswith((b"/proc/", b"/dev/")) and (jump := self._jump(thread, directory, name)):
                return jump
            above, _, last = name.rpartition(b"/")
            if name[:1] == b"/":
                above = above or b"/"
            if last in (b"", b".", b".."):
                above, last = name, b""
            try:
                known = self._directory(thread, directory, above)
                if not last:
                    return Place(known.path, os.fstat(known.descriptor).st_mode)
                # Asking first is cheaper than an exception, and most files that are opened to be written are new.
                if follow and not os.access(last, os.F_OK, dir_fd=known.descriptor, follow_symlinks=False):
                    return Place(f"{known.path.rstrip('/')}/{os.fsdecode(last)}", 0)
                try:
                    mode = os.stat(last, dir_fd=known.descriptor, follow_symlinks=False).st_mode
                except FileNotFoundError:
                    mode = 0
                if not (follow and stat.S_ISLNK(mode)):
                    return Place(f"{known.path.rstrip('/')}/{os.fsdecode(last)}", mode)
                target = os.readlink(last, dir_fd=known.descriptor)
            except (OSError, ValueError):
                return None
            name = target if target[:1] == b"/" else os.fsencode(known.path) + b"/" + target
        return None

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
        lasting = not self.confined and not self._moving
        if lasting:
            way, start = self._way(thread, directory, name)
            now = os.stat(way, dir_fd=start)
            known = self._known.get((now.st_dev, now.st_ino))
            if known is not None:
                return known
        descriptor = self._open(thread, directory, name, _DIRECTORY)
        found = os.fstat(descriptor)
        known = _Known(descriptor, self.opened(descriptor))
        if not lasting or known.path.endswith(" (deleted)"):
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
        """What an open descriptor of the thread leads to. None: there is none, or it is no file (a pipe, a socket)."""
        try:
            path = os.readlink(f"{thread}/fd/{number & 0xFFFFFFFF}", dir_fd=self._proc)
            if path[:1] != "/":
                return None
            mode = os.stat(f"{thread}/fd/{number & 0xFFFFFFFF}", dir_fd=self._proc).st_mode
        except OSError:
            return None
        return Place(path.removesuffix(" (deleted)") if not path.startswith("/memfd:") else path, mode)

    def working_directory(self, thread: int) -> str:
        try:
            return os.readlink(f"{thread}/cwd", dir_fd=self._proc)
        except OSError:
            return ""

    def _way(self, thread: int, directory: int, name: bytes) -> tuple[bytes, int | None]:
        """The name as this process has to put it, and the directory it starts from."""
        if name[:1] == b"/":
            if name.startswith(_PER_PROCESS):
                for own, instead in _OWN.items():
                    if name.startswith(own) and name[len(own) : len(own) + 1] in (b"", b"/"):
                        return b"%d%b%b" % (thread, instead, name[len(own) :]), self._proc
            return name, None
        if directory & 0xFFFFFFFF == _HERE:
            return b"%d/cwd/%b" % (thread, name), self._proc
        return b"%d/fd/%d/%b" % (thread, directory & 0xFFFFFFFF, name), self._proc

    def _open(self, thread: int, directory: int, name: bytes, flags: int) -> int:
        """A descriptor of `name`, followed to the end."""
        way, start = self._way(thread, directory, name)
        if self.confined and (inner := self._confined(thread, way, start, flags)) is not None:
            return inner
        return os.open(way, flags, dir_fd=start)

    def _confined(self, thread: int, way: bytes, start: int | None, flags: int) -> int | None:
        """The same where links cannot lead out of the thread's own root; None when it has the session's."""
        root = os.readlink(b"%d/root" % thread, dir_fd=self._proc)
        if root == b"/":
            return None
        name = way
        if start is not None:
            # The first two or three names lead to an open directory; what is below it is resolved from the root.
            names = way.split(b"/")
            depth = 3 if names[1] == b"fd" else 2
            base = os.readlink(b"/".join(names[:depth]), dir_fd=start)
            if not (base + b"/").startswith(root + b"/"):
                return None  # outside of it, as after a chroot without a chdir
            name = base[len(root) :] + b"/" + b"/".join(names[depth:])
        descriptor = os.open(b"%d/root" % thread, _DIRECTORY, dir_fd=self._proc)
        try:
            how = struct.pack("=QQQ", flags, 0, _RESOLVE_IN_ROOT)
            opened = int(_libc.syscall(_SYS_OPENAT2, descriptor, name, how, len(how)))
            if opened < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), name)
            return opened
        finally:
            os.close(descriptor)

    def _jump(self, thread: int, directory: int, name: bytes) -> Place | None:
        """Links below /proc lead to things, not to names: /proc/self/fd/1 may be a file, or a pipe without any name."""
        name = _OWN_STREAMS.get(name, name)
        try:
            opened = self._open(thread, directory, name, _ANY)
        except OSError:
            return None
        try:
            return Place(self.opened(opened).removesuffix(" (deleted)"), os.fstat(opened).st_mode)
        finally:
            os.close(opened)

    def opened(self, descriptor: int) -> str:
        """The path of a descriptor of our own."""
        return os.readlink(str(descriptor), dir_fd=self._own)

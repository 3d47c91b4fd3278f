"""Puts a copy of a file, link or pipe beside its final name, complete with owner, mode, attributes and times."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from pratique.recording import FileState
from pratique.sandbox.beneath import handle
from pratique.sandbox.durable import Durable
from pratique.sandbox.linux import FICLONE
from pratique.sandbox.states import attributes_of

_CHUNK = 64 * 1024 * 1024


def content(source: int, target: int, size: int) -> None:
    """Copy `size` bytes between two open files: shared blocks where the file system can, holes stay holes."""
    try:
        fcntl.ioctl(target, FICLONE, source)
        return
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EPERM, errno.ENOSYS):
            raise
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            raise
        at = os.lseek(source, start, os.SEEK_HOLE)
        _range(source, target, start, at)


def _range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        try:
            done = os.copy_file_range(source, target, min(_CHUNK, end - start), start, start)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            done = os.pwrite(target, os.pread(source, min(1024 * 1024, end - start), start), start)
        if done == 0:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        start += done


def write(target: int, content: bytes) -> None:
    """All of it; a short write is gone on with."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(target, rest) :]


def dress(target: int, like: FileState, attributes: dict[str, bytes]) -> None:
    """Owner, attributes, mode, times of an open file or directory; in this order, for each takes away from the next.

    A change of owner clears set-user-id bits and capabilities; setting an ACL changes the mode.
    """
    there = handle(target)
    if (here := os.fstat(target)).st_uid != like.uid or here.st_gid != like.gid:
        with _as_far_as_one_may():
            os.chown(there, like.uid, like.gid)
    present = attributes_of(target)
    for name in present.keys() - attributes.keys():
        os.removexattr(there, name)
    for name, value in attributes.items():
        if present.get(name) != value:
            os.setxattr(there, name, value)
    if stat.S_IMODE(os.fstat(target).st_mode) != like.mode:  # that of somebody else's directory is not ours to set
        os.chmod(there, like.mode)  # noqa: PTH101  # as a rule it is a descriptor
    set_time(target, like.mtime_ns)


def set_time(target: int, mtime_ns: int) -> None:
    """When an open file or directory was changed; in somebody else's directory we may put things, but not set that."""
    try:
        os.utime(handle(target), ns=(mtime_ns, mtime_ns))
    except PermissionError:
        if os.fstat(target).st_uid == os.geteuid():
            raise


@contextlib.contextmanager
def _as_far_as_one_may() -> Iterator[None]:
    """An ordinary user who replaces what is another's, or in a group not theirs, makes it their own, as always."""
    try:
        yield
    except PermissionError:
        if os.geteuid() == 0:
            raise


def file(
    source: int, name: str, directory: int, like: FileState, durable: Durable, instead: bytes | None = None
) -> None:
    """A copy of an open file under a new name; `instead`: with this content in place of its own.

    On failure nothing is left. Raises `OSError`.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    target = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        if instead is None:
            content(source, target, os.fstat(source).st_size)
        else:
            write(target, instead)
        dress(target, like, attributes_of(source))
        durable.file(target)
    except BaseException:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(target)


def other(name: str, directory: int, like: FileState) -> None:
    """A link or a pipe, made from its state alone. Raises `OSError`."""
    if like.type == "link":
        os.symlink(like.target, name, dir_fd=directory)
    elif like.type == "fifo":
        os.mkfifo(name, stat.S_IMODE(like.mode), dir_fd=directory)
    else:
        raise OSError(errno.EOPNOTSUPP, f"a {like.type} is never put on the host")
    _dress_other(name, directory, like)


def node(name: str, directory: int, found: os.stat_result, like: FileState) -> None:
    """A socket's name or a device file, as `found` elsewhere: an original of the host's own. Raises `OSError`."""
    os.mknod(name, found.st_mode, found.st_rdev, dir_fd=directory)
    _dress_other(name, directory, like)


def _dress_other(name: str, directory: int, like: FileState) -> None:
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if (found.st_uid, found.st_gid) != (like.uid, like.gid):
            with _as_far_as_one_may():
                os.chown(name, like.uid, like.gid, dir_fd=directory, follow_symlinks=False)
        if like.type != "link":
            os.chmod(name, like.mode, dir_fd=directory)
        os.utime(name, ns=(like.mtime_ns, like.mtime_ns), dir_fd=directory, follow_symlinks=False)
    except BaseException:
        os.unlink(name, dir_fd=directory)
        raise

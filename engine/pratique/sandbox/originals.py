"""Originals: what a change takes away, kept in the journal's directory before it is taken.

A hard link costs nothing, and keeps the file itself with all that belongs to it. It shows later changes too, though, so
a file that can still be changed under the link (it has other names, or somebody has it open for writing) is copied as
well: the link for taking a transaction back at once, the copy for undoing it at any later time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from pratique.recording import FileState
from pratique.sandbox import copying
from pratique.sandbox.beneath import open_regular
from pratique.sandbox.durable import Durable
from pratique.sandbox.states import state, type_of

#: What `link` answers where it cannot be done: another file system, a foreign file, no more links, none at all.
CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)


def keep(name: str, directory: int, own: int, number: int, durable: Durable, *, for_long: bool) -> tuple[str, str]:
    """Keep an entry of an open directory (no directory itself) in `own`: its name there, and that of a copy or "".

    `for_long`: not only until the transaction has ended. Raises `OSError`.
    """
    saved, copied = str(number), f"{number}.copy"
    try:
        os.link(name, saved, src_dir_fd=directory, dst_dir_fd=own, follow_symlinks=False)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        copy(name, directory, copied, own, durable)
        return copied, ""
    if for_long and may_change(saved, own):
        copy(saved, own, copied, own, durable)
        return saved, copied
    return saved, ""


def may_change(name: str, directory: int) -> bool:
    """Whether a file with a hard link here can be changed otherwise than through this name and the one it came from."""
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return False
    if found.st_nlink > 2:
        return True
    try:
        descriptor = open_regular(name, directory)
    except PermissionError:
        return True
    try:
        return is_open_for_writing(descriptor)
    finally:
        os.close(descriptor)


def is_open_for_writing(descriptor: int) -> bool:
    """Whether somebody has this file open for writing, or mapped; True also where that cannot be found out.

    The kernel grants a read lease only where nobody does.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False


def best(saved: str, copied: str, before: FileState, own: int) -> str:
    """The name under which the original is kept unchanged: the link, or the copy when the link shows later changes."""
    if not copied:
        return saved
    now = os.stat(saved, dir_fd=own, follow_symlinks=False)
    same = (type_of(now), stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid, now.st_size, now.st_mtime_ns) == (
        before.type, before.mode, before.uid, before.gid, before.size, before.mtime_ns,
    )  # fmt: skip
    return saved if same else copied


def copy(name: str, directory: int, target: str, target_directory: int, durable: Durable) -> None:
    """A complete copy of anything but a directory. On failure nothing is left. Raises `OSError`."""
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    like = state(name, directory, found, hashed=False)
    if like.type in ("socket", "device"):
        copying.node(target, target_directory, found, like)
        return
    if like.type != "file":
        copying.other(target, target_directory, like)
        return
    source = open_regular(name, directory)
    try:
        copying.file(source, target, target_directory, like, durable)
    finally:
        os.close(source)

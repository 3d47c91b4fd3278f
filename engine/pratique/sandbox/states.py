"""What a path is at one moment, as a `FileState`; and its extended attributes, named and in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
from typing import Literal, NamedTuple

from pratique.recording import FileState
from pratique.sandbox.beneath import handle, open_regular
from pratique.sandbox.linux import CAPABILITY_NAMES

Type = Literal["file", "directory", "link", "fifo", "socket", "device"]

_TYPES: dict[int, Type] = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
}  # fmt: skip
_CAPABILITY = "security.capability"
#: The overlay's own notes, and labels the host's security module gives by itself.
_NOT_THE_PROGRAMS = ("trusted.overlay.", "user.overlay.", "security.selinux", "security.ima", "security.evm")
_LONGEST_VALUE = 4096


class Identity(NamedTuple):
    """Which file a path leads to, and when it was last changed."""

    inode: int
    mtime_ns: int
    ctime_ns: int


def identity(found: os.stat_result) -> Identity:
    return Identity(found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def type_of(found: os.stat_result) -> Type:
    return _TYPES[stat.S_IFMT(found.st_mode)]


def state(name: str, directory: int, found: os.stat_result, *, hashed: bool = True) -> FileState:
    """The state of an entry of an open directory. A file we may not read has no hash. Raises `OSError`."""
    kind = type_of(found)
    return FileState(
        type=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size if kind == "file" else 0,
        sha256=sha256(name, directory) if kind == "file" and hashed else "",
        target=os.readlink(name, dir_fd=directory) if kind == "link" else "",
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
        inode=found.st_ino,
        device=found.st_rdev if kind == "device" else 0,
    )


def sha256(name: str, directory: int) -> str:
    """In hex; "" when the file may not be read or is no regular one (any more)."""
    try:
        descriptor = open_regular(name, directory)
    except (PermissionError, FileNotFoundError, ValueError):
        return ""
    with open(descriptor, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def attributes(name: str, directory: int | None, kind: Type) -> dict[str, bytes]:
    """Extended attributes of a file or directory, ACLs and capabilities included, without the overlay's own."""
    if kind not in ("file", "directory"):
        return {}
    try:
        if kind == "file":
            descriptor = open_regular(name, directory)
        else:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except (PermissionError, ValueError):
        return {}
    try:
        return attributes_of(descriptor)
    finally:
        os.close(descriptor)


def attributes_of(descriptor: int) -> dict[str, bytes]:
    """The same for an open file or directory."""
    opened = handle(descriptor)
    try:
        names = os.listxattr(opened)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return {}
    out = {}
    for name in names:
        if not name.startswith(_NOT_THE_PROGRAMS):
            with contextlib.suppress(OSError):
                out[name] = os.getxattr(opened, name)
    return out


def in_words(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, str]:
    """What changed, for `Effect.details`: `capabilities`, and `xattr:NAME`; "" for one that went away."""
    out = {}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        value = after.get(name)
        if name == _CAPABILITY:
            out["capabilities"] = "" if value is None else _capabilities(value)
        else:
            out[f"xattr:{name}"] = "" if value is None else _text(value[:_LONGEST_VALUE])
    return out


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()
    return text if text.isprintable() else "0x" + value.hex()


def _capabilities(value: bytes) -> str:
    """`struct vfs_cap_data`, <linux/capability.h>, in the words of setcap: "cap_net_raw=ep"."""
    if len(value) < 20:
        return "0x" + value.hex()
    magic, permitted, inheritable, more_permitted, more_inheritable = struct.unpack_from("<5I", value)
    permitted |= more_permitted << 32
    inheritable |= more_inheritable << 32
    flags = ("e" if magic & 1 else "") + ("p" if permitted else "") + ("i" if inheritable else "")
    both = permitted | inheritable
    names = [
        CAPABILITY_NAMES[number] if number < len(CAPABILITY_NAMES) else f"cap_{number}"
        for number in range(64)
        if both >> number & 1
    ]
    return f"{','.join(names)}={flags}"

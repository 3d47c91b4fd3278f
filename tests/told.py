"""The calls of a process that change anything, as strace wrote them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

#: Every call but `openat` by which a commit, an undo or a recovery changes anything, or waits for the disk.
CHANGING = (
    "mkdir", "mkdirat", "symlink", "symlinkat", "mknod", "mknodat", "link", "linkat", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "rmdir", "write", "pwrite64", "copy_file_range", "ftruncate", "chmod", "fchmod",
    "fchmodat", "fchown", "fchownat", "setxattr", "fsetxattr", "fremovexattr", "utimensat", "fsync", "syncfs",
)  # fmt: skip
#: What strace is to write: descriptors with their paths, nothing shortened, all strings in hexadecimal digits.
STRACE = (
    "-y",
    "-v",
    "-xx",
    "-s",
    "10000000",
    "-e",
    "trace=" + ",".join("?" + name for name in (*CHANGING, "openat", "fstat", "newfstatat")),
)


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[str, ...]
    result: int


def calls(said: str) -> list[Call]:
    """Those that did not fail and were not cut short, out of what strace wrote with `STRACE`."""
    out = []
    for name, arguments, result in re.findall(r"^(\w+)\((.*)\) += (\d+)", said, re.MULTILINE):
        plain = re.sub(r" /\*.*?\*/", "", arguments)
        out.append(Call(name, tuple(re.findall(r"(?:[^,\[{]|\[.*?\]|\{.*?\})+", plain)), int(result)))
    return out


def text_of(argument: str) -> str:
    """A name or another string."""
    return os.fsdecode(bytes_of(argument))


def bytes_of(argument: str) -> bytes:
    """What was written."""
    return bytes.fromhex(argument[argument.index('"') + 1 : argument.rindex('"')].replace("\\x", ""))


def path_of(*arguments: str) -> str:
    """Out of an open directory and a name, either by itself, or a path."""
    out = ""
    for argument in arguments:
        if found := re.search(r"<([^>]*)>", argument):
            out = os.fsdecode(bytes.fromhex(found[1].replace("\\x", "")))
        elif '"' in argument:
            out = os.path.normpath(os.path.join(out, text_of(argument)))  # noqa: PTH118  # an absolute one stands alone
    return out

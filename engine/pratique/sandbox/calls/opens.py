"""Whose opening of a hidden file it was: fanotify on exactly those files, read by the supervisor.

Asking about every opening for reading would cost each some 45 microseconds; this costs nothing but the openings it is
about. The whole of the session's /proc is watched as well, for its files come and go with the processes, and tell of a
sandbox (see `pratique.sandbox.probes`). It needs the real root: an ordinary user's hidden files are watched without
knowing by whom (`hidden.watch`).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_libc: Final = ctypes.CDLL(None, use_errno=True)

# <linux/fanotify.h>
_CLOEXEC_NONBLOCK_UNLIMITED: Final = 0x1 | 0x2 | 0x10 | 0x20
_MARK_ADD_DONT_FOLLOW: Final = 0x1 | 0x4
_MARK_ADD_MOUNT: Final = 0x1 | 0x10
_OPEN: Final = 0x20
_ON_DIRECTORIES: Final = 0x40000000
_EVENT: Final = struct.Struct("=IBBHQii")
_HERE: Final = -100  # AT_FDCWD, <linux/fcntl.h>


class Opened(NamedTuple):
    process: int  # in the reader's pid name space
    descriptor: int  # of what was opened; closed when the next is asked for


def mark(paths: Iterable[str], *, mounted: Iterable[str] = ()) -> int | None:
    """A descriptor that tells of openings of these files and directories; None where the kernel lets us have none.

    Of what is `mounted`, every opening of a file is told.
    """
    descriptor = int(_libc.fanotify_init(_CLOEXEC_NONBLOCK_UNLIMITED, os.O_RDONLY | os.O_CLOEXEC))
    if descriptor < 0:
        return None
    what = ctypes.c_uint64(_OPEN | _ON_DIRECTORIES)
    for path in paths:
        # One that cannot be marked is still watched without a name.
        _libc.fanotify_mark(descriptor, _MARK_ADD_DONT_FOLLOW, what, _HERE, os.fsencode(path))
    for path in mounted:
        files = ctypes.c_uint64(_OPEN)
        _libc.fanotify_mark(descriptor, _MARK_ADD_MOUNT, files, _HERE, os.fsencode(path))
    return descriptor


def read(descriptor: int) -> Iterator[Opened]:
    """Every opening that waits to be told."""
    while True:
        try:
            data = os.read(descriptor, 64 * 1024)
        except BlockingIOError:
            return
        except ProcessLookupError:  # the next was a file in /proc of a process that has ended: nobody can open it now
            continue
        at = 0
        while at + _EVENT.size <= len(data):
            length, _, _, _, what, opened, process = _EVENT.unpack_from(data, at)
            at += max(length, _EVENT.size)
            if opened < 0:
                continue
            try:
                if what & _OPEN:
                    yield Opened(process, opened)
            finally:
                os.close(opened)

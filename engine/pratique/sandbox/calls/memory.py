"""What a call's arguments point to, read out of the memory of the process that made it. Every reading is bounded."""

from __future__ import annotations

import ctypes
import errno
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
_PAGE: Final = 4096
PATH_MAX: Final = 4096  # <linux/limits.h>
#: Most paths are shorter than this: a second reading is rare.
_FIRST: Final = 256
#: Of a command line, bytes.
MOST_ARGUMENTS: Final = 32 * 1024
_MOST_POINTERS: Final = 4096


class _Stretch(ctypes.Structure):
    """struct iovec, <linux/uio.h>"""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Unreadable(Exception):
    """The kernel does not let us read that process's memory."""


_room = ctypes.create_string_buffer(MOST_ARGUMENTS)
_ours = _Stretch(ctypes.addressof(_room), 0)
_theirs = (_Stretch * 2)()
_view = memoryview(_room).cast("B")
_first, _second = _theirs[0], _theirs[1]
_to, _from = ctypes.byref(_ours), ctypes.byref(_theirs)
_readv = _libc.process_vm_readv
_readv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
_readv.restype = ctypes.c_ssize_t


def read(thread: int, address: int, size: int) -> bytes:
    """Up to `size` bytes (at most 32 KiB); fewer where the memory ends, none where there is none.

    Raises `Unreadable` when it is not for us to read.
    """
    size = min(size, MOST_ARGUMENTS)
    _ours.length = size
    _first.base = address
    left = _PAGE - (address & (_PAGE - 1))
    if left >= size:
        _first.length = size
        got = _readv(thread, _to, 1, _from, 1, 0)
    else:
        # A second stretch: what lies in the first page is got even if there is nothing after it.
        _first.length = left
        _second.base = address + left
        _second.length = size - left
        got = _readv(thread, _to, 1, _from, 2, 0)
    if got < 0:
        if ctypes.get_errno() == errno.EPERM:
            raise Unreadable
        return b""
    return bytes(_view[:got])


def text(thread: int, address: int, limit: int = PATH_MAX) -> bytes | None:
    """The bytes up to the first zero; None where there is no such text: the call will fail."""
    if not address:
        return None
    for size in (_FIRST, limit):
        data = read(thread, address, size)
        end = data.find(b"\0")
        if end >= 0:
            return data[:end]
        if len(data) < size:
            return None
    return None


def texts(thread: int, address: int, word: int) -> list[bytes]:
    """A list of texts that ends with a null pointer (argv), cut after 32 KiB."""
    out: list[bytes] = []
    left = MOST_ARGUMENTS
    chunk = 32 * word
    while address and left > 0 and len(out) < _MOST_POINTERS:
        data = read(thread, address, chunk)
        for at in range(0, len(data) - word + 1, word):
            pointer = int.from_bytes(data[at : at + word], "little")
            one = text(thread, pointer, left) if pointer else None
            if pointer and one is None:
                one = read(thread, pointer, left)  # longer than there is room for, or it ends at an unmapped page
            if one is None:
                return out
            out.append(one)
            left -= len(one) + 1
            if left <= 0:
                return out
        if len(data) < chunk:
            return out
        address += len(data)
    return out

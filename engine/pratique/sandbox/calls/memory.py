"""What a call's arguments point to, read out of the memory of the thread that made it. Every reading is bounded.

A thread is asked for by its own number each time, and nothing of it is kept open: the process may execute something, or
its first thread end, between two calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

PATH_MAX: Final = 4096  # <linux/limits.h>
#: Most paths are shorter than this: a second reading is rare.
_FIRST: Final = 256
#: Of a command line, bytes.
MOST_ARGUMENTS: Final = 32 * 1024
_MOST_POINTERS: Final = 4096
_HIGHEST: Final = 1 << 56  # no program's address is beyond it

_libc: Final = ctypes.CDLL(None, use_errno=True)


class Unreadable(Exception):
    """What the call is about is not for us to see: the thread's memory, or where its path leads."""


class Memory:
    """`proc`: descriptor of a /proc that shows the session's threads by the numbers notifications have."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        room = (ctypes.c_char * MOST_ARGUMENTS)()
        self._room = memoryview(room)
        #: Two of struct iovec, <bits/types/struct_iovec.h>: address and size here, and there.
        self._vectors = (ctypes.c_size_t * 4)(ctypes.addressof(room), 0, 0, 0)
        self._here = ctypes.byref(self._vectors)
        self._there = ctypes.byref(self._vectors, 2 * ctypes.sizeof(ctypes.c_size_t))

    def read(self, thread: int, address: int, size: int) -> bytes:
        """Up to `size` bytes (at most 32 KiB); fewer where the memory ends, none where there is none.

        Raises `Unreadable` when it is not for us to read.
        """
        size = min(size, MOST_ARGUMENTS)
        data = self._readable(thread, address, size)
        return data if len(data) == size else data + self._mapped(thread, address + len(data), size - len(data))

    def text(self, thread: int, address: int, limit: int = PATH_MAX) -> bytes | None:
        """The bytes up to the first zero; None where there is no such text: the call will fail."""
        data = self._readable(thread, address, _FIRST)
        end = data.find(b"\0")
        if end < 0:
            data = self.read(thread, address, limit)
            end = data.find(b"\0")
        return data[:end] if end >= 0 else None

    def texts(self, thread: int, address: int, word: int) -> list[bytes] | None:
        """A list of texts that ends with a null pointer (argv), cut after 32 KiB. None: there is no such list."""
        out: list[bytes] = []
        left = MOST_ARGUMENTS
        chunk = 32 * word
        while address and left > 0 and len(out) < _MOST_POINTERS:
            data = self.read(thread, address, chunk)
            if not data:
                return None
            for at in range(0, len(data) - word + 1, word):
                pointer = int.from_bytes(data[at : at + word], "little")
                if not pointer:
                    return out
                one = self.text(thread, pointer, left)
                if one is None:  # longer than there is room for, or it ends at an unmapped page
                    one = self.read(thread, pointer, left)
                    if not one:
                        return None
                out.append(one)
                left -= len(one) + 1
                if left <= 0:
                    return out
            if len(data) < chunk:
                return out
            address += len(data)
        return out

    def _readable(self, thread: int, address: int, size: int) -> bytes:
        """Up to the first page that the thread has not mapped for reading. Asks for a debugger's rights, no more."""
        if size <= 0 or not 0 < address < _HIGHEST:
            return b""
        vectors = self._vectors
        vectors[1] = vectors[3] = size
        vectors[2] = address
        done: int = _libc.process_vm_readv(thread, self._here, 1, self._there, 1, 0)
        if done >= 0:
            return self._room[:done].tobytes()
        if ctypes.get_errno() == errno.EPERM:
            raise Unreadable
        return b""  # nothing is there, or the thread has gone

    def _mapped(self, thread: int, address: int, size: int) -> bytes:
        """As a debugger sees it: what is mapped for writing or executing alone, the kernel reads all the same."""
        if size <= 0 or not 0 < address < _HIGHEST:
            return b""
        try:
            descriptor = os.open(f"{thread}/mem", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except PermissionError:
            raise Unreadable from None
        except OSError:
            return b""
        try:
            return os.pread(descriptor, size, address)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

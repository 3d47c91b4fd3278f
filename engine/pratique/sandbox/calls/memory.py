"""What a call's arguments point to, read out of the memory of the process that made it. Every reading is bounded."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Final

PATH_MAX: Final = 4096  # <linux/limits.h>
#: Most paths are shorter than this: a second reading is rare.
_FIRST: Final = 256
#: Of a command line, bytes.
MOST_ARGUMENTS: Final = 32 * 1024
_MOST_POINTERS: Final = 4096
_HIGHEST: Final = 1 << 56  # no program's address is beyond it
#: Descriptors kept open at one time.
_MOST_OPEN: Final = 512


class Unreadable(Exception):
    """The kernel does not let us read that process's memory."""


class Memory:
    """Reads by a descriptor kept open for each process; `forget` it when the process executes something, or ends."""

    def __init__(self, proc: int, process_of: Callable[[int], int | None]) -> None:
        self._proc = proc
        self._process_of = process_of
        self._open: dict[int, int] = {}

    def read(self, thread: int, address: int, size: int) -> bytes:
        """Up to `size` bytes (at most 32 KiB); fewer where the memory ends, none where there is none.

        Raises `Unreadable` when it is not for us to read.
        """
        process = self._process_of(thread)
        if process is None or not 0 < address < _HIGHEST:
            return b""
        descriptor = self._open.get(process)
        if descriptor is not None:
            try:
                if data := os.pread(descriptor, min(size, MOST_ARGUMENTS), address):
                    return data
            except OSError:
                return b""
            self.forget(process)  # it executed something meanwhile: this was the memory it had before
        try:
            return os.pread(self._opened(process), min(size, MOST_ARGUMENTS), address)
        except OSError:
            return b""

    def text(self, thread: int, address: int, limit: int = PATH_MAX) -> bytes | None:
        """The bytes up to the first zero; None where there is no such text: the call will fail."""
        data = self.read(thread, address, _FIRST)
        end = data.find(b"\0")
        if end < 0 and len(data) == _FIRST:
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

    def forget(self, process: int) -> None:
        descriptor = self._open.pop(process, None)
        if descriptor is not None:
            os.close(descriptor)

    def _opened(self, process: int) -> int:
        try:
            descriptor = os.open(f"{process}/mem", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise Unreadable from None
            raise
        if len(self._open) >= _MOST_OPEN:
            self.forget(next(iter(self._open)))
        self._open[process] = descriptor
        return descriptor

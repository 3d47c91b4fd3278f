"""Between the person's terminal and the program's own: keys in, screen out, window size, and everything put back.

The person's terminal is raw meanwhile, so Ctrl-C reaches the program's terminal as a key, and that terminal makes a
signal of it for whatever runs in the foreground there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import time
import tty
from typing import Any

#: Two interrupts within this time end the session, s.
TWICE_WITHIN = 1.0
INTERRUPT = b"\x03"


class Keyboard:
    """Counts interrupts. `asked_to_stop` says whether the person pressed Ctrl-C twice quickly."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def asked_to_stop(self, keys: bytes, now: float | None = None) -> bool:
        now = time.monotonic() if now is None else now
        for _ in range(keys.count(INTERRUPT)):
            if now - self._last <= TWICE_WITHIN:
                return True
            self._last = now
        return False


class Terminal:
    """The person's terminal, lent to the program. A context manager: on every way out the settings are put back.

    The descriptor becomes the terminal's own, and is closed.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.settings: list[Any] = termios.tcgetattr(descriptor)

    def __enter__(self) -> Terminal:
        self.lend()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(termios.error):  # hung up meanwhile
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self.settings)
        os.close(self.descriptor)

    def lend(self) -> None:
        """Raw, as long as the program has it; again after the person stopped and continued us."""
        with contextlib.suppress(termios.error):  # hung up meanwhile
            tty.setraw(self.descriptor, termios.TCSADRAIN)

    def copy_size_to(self, other: int) -> None:
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0))
            fcntl.ioctl(other, termios.TIOCSWINSZ, size)


class Feed:
    """Keys on their way to the program's terminal, which takes them when it likes."""

    def __init__(self, controlling: int) -> None:
        self._controlling = controlling
        self.waiting = b""
        self.interrupting = False  # a Ctrl-C was among them, and the terminal made a signal of it

    def push(self, keys: bytes = b"", *, hold: bool = False) -> None:
        """`hold`: nobody is there yet whom a signal that a key makes would reach."""
        self.waiting = (self.waiting + keys)[-64 * 1024 :]
        if hold:
            return
        if INTERRUPT in keys and not self.interrupting:
            with contextlib.suppress(termios.error):  # the session has ended
                self.interrupting = bool(termios.tcgetattr(self._controlling)[3] & termios.ISIG)
        while self.waiting:
            try:
                self.waiting = self.waiting[os.write(self._controlling, self.waiting) :]
            except BlockingIOError:
                return
            except OSError:
                self.waiting = b""  # the session has ended

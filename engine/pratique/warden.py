"""What ends us when a plugin holds the interpreter: no other thread runs then, no signal is heard, no budget helps.

A regular expression of Python's that backtracks for years is enough. So while a session is under way a copy of this
process waits beside it, and is told of each call of a plugin, and how long it may take; on one that is much later than
that it says which, and ends this process. Its quarantine goes with it; the next command clears up.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final, NoReturn

#: Seconds beyond its budget after which a call holds the interpreter: one that does not is given up at the budget.
GRACE: Final = 10.0
_LONGEST: Final = 500  # bytes of what is told at once: a pipe takes so much whole
_PULSE: Final = 0  # the number of what is no call

_pipe: int | None = None
_calls = 0


@contextmanager
def watching() -> Iterator[None]:
    """Within this block somebody watches. Where no process can be made, nobody does."""
    global _pipe
    try:
        ours = os.pidfd_open(os.getpid())
    except OSError:
        yield
        return
    try:
        listening, telling = os.pipe()
        copy = os.fork()
    except OSError:
        os.close(ours)
        yield
        return
    if copy == 0:
        _watch(listening, ours)
    os.close(listening)
    os.close(ours)
    os.set_blocking(telling, False)
    _pipe = telling
    try:
        yield
    finally:
        _pipe = None
        os.close(telling)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(copy, signal.SIGKILL)
            os.waitpid(copy, 0)


@contextmanager
def expected(what: str, seconds: float) -> Iterator[None]:
    """A plugin is called, such as "identify of the plugin fonts", and has so long."""
    global _calls
    if _pipe is None:
        yield
        return
    _calls += 1
    number = _calls
    _tell(f"{number} {seconds} {what}")
    try:
        yield
    finally:
        _tell(f"{number}")


class Pulse:
    """Tells every second that threads of ours still get to run, beside these observers, until it is stopped."""

    def __init__(self, observers: str) -> None:
        self._observers = observers
        self._over = threading.Event()
        if _pipe is not None:
            threading.Thread(target=self._beat, name="pratique-pulse", daemon=True).start()

    def _beat(self) -> None:
        while True:
            _tell(f"{_PULSE} 0 {self._observers}")
            if self._over.wait(1):
                break
        _tell(f"{_PULSE}")

    def stop(self) -> None:
        self._over.set()


def _tell(line: str) -> None:
    if _pipe is not None:
        with contextlib.suppress(OSError):  # it has ended, or is behind: then it knows enough
            os.write(_pipe, line.encode(errors="replace")[:_LONGEST] + b"\n")


# -- the copy ---------------------------------------------------------------------------------------------------------


def _watch(listening: int, watched: int) -> NoReturn:
    """Wait for what is told, and for the end of the process; end it when it is too late."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        terminal = _terminal()
        pid = os.getppid()
        _keep_only(listening, watched)
        late = _until_late(listening, watched, pid)
        if late:
            if terminal is not None:
                termios.tcsetattr(0, termios.TCSANOW, terminal)
            os.write(2, _complaint(late).encode(errors="replace"))
            signal.pidfd_send_signal(watched, signal.SIGKILL)
    finally:
        os._exit(0)


def _keep_only(*kept: int) -> None:
    """Who waits for the end of our output, or of a file of ours, does not wait for the copy."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208  # closes more than it lists
        if int(entry) > 2 and int(entry) not in kept:
            with contextlib.suppress(OSError):  # that of the list itself
                os.close(int(entry))


def _terminal() -> list[Any] | None:
    """How the terminal is set, for it is lent to the program and nobody else will be there to set it back."""
    try:
        return termios.tcgetattr(0)
    except (termios.error, OSError, ValueError):
        return None


def _until_late(listening: int, watched: int, pid: int) -> str:
    """What is late; "" when the process has ended or needs no watching any more."""
    pending: dict[str, tuple[float, str]] = {}
    rest = b""
    while True:
        first = min(pending.values(), default=None)
        wait = None if first is None else max(0.0, first[0] - monotonic())
        ready, _, _ = select.select([listening, watched], [], [], wait)
        if watched in ready:
            return ""
        if listening in ready:
            got = os.read(listening, 65536)
            if not got:
                return ""
            lines = (rest + got).split(b"\n")
            rest = lines.pop()
            for line in lines:
                number, _, told = line.decode().partition(" ")
                pending.pop(number, None)
                if told:
                    seconds, _, what = told.partition(" ")
                    pending[number] = (monotonic() + float(seconds) + GRACE, what)
        elif first is not None:
            if not _is_stopped(pid):
                return first[1]
            for number, (at, what) in pending.items():  # whoever stopped it did not mean the plugin
                pending[number] = (at + GRACE, what)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    except OSError:
        return False


def _complaint(what: str) -> str:
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in what)
    return (
        f"\npratique: {shown} does not come back, and lets nothing else run: pratique was ended\n"
        "  `pratique history` says what became of the session; `pratique plugins disable NAME` leaves a plugin out\n"
    )

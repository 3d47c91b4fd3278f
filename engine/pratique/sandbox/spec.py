"""What a quarantine is asked for, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from pratique.policy.model import Step
from pratique.recording import Process
from pratique.sandbox.given import Given

#: Longest tail of the program's output kept, bytes.
TAIL_KEPT = 64 * 1024
#: Processes and threads at one time, when nothing else is asked for.
MOST_PROCESSES = 2048


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantine. Everything is decided here, before it starts."""

    id: str
    place: Path  # the session's own directory, on a real file system; made when missing
    command: tuple[str, ...]  # argv; the first word is looked up on the environment's PATH, inside
    environment: dict[str, str] = {}  # exactly what the program sees, less what leads out (see `environment`)
    directory: str = "/"  # where the program starts
    home: str = "/root"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    user: str = "root"
    hide: tuple[str, ...] = ()  # globs; `~` is `home`
    network: Literal["none", "observed", "host"] = "none"
    destinations: tuple[str, ...] = ()  # what an observed network leads to: names, patterns, addresses; (): anywhere
    given: tuple[Given, ...] = ()  # sockets of the host's that it may connect to
    reads: tuple[str, ...] = ()  # globs of files whose being read is told; all openings are slower for it
    deny: tuple[Step, ...] = ()  # acts that are refused
    emulate: tuple[Step, ...] = ()  # acts that only seem to work
    hold: tuple[str, ...] = ()  # globs of programs held when they start (see `calls.holding`)
    timeout: float | None = None  # s
    attended: bool = False  # somebody sits at the terminal: the program gets one of its own
    size_limit: int | None = None  # bytes the program may write, all files together
    processes_limit: int = MOST_PROCESSES  # at one time
    memory_limit: int | None = None  # bytes, swap included; None: three quarters of the machine's
    cpu_limit: int | None = None  # percent of all processors; None: an equal share with everything else


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a running session is."""

    elapsed: float  # s
    processes: int  # now
    files: int  # changed so far, as last counted


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a session ended. Nothing of it runs or is mounted any more."""

    exit_status: int | None  # of the program; negative: the signal that ended it; None: it was cut short
    duration: float  # s
    timed_out: bool = False
    interrupted: bool = False
    stopping: bool = False  # the person pressed Ctrl-C, whatever the program made of that
    left: dict[str, int] = {}  # what the program left running, and was killed: how many of each name; "": others
    tasks: int = 0  # processes and threads there have been, exactly; 0 when it was cut short
    processes: tuple[Process, ...] = ()  # each program run; without the call log those that ran long enough to be seen
    output_tail: bytes = b""

    @property
    def processes_left(self) -> int:
        return sum(self.left.values())


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """An effect that was asked for and not put in place, and why."""

    effect: int
    path: str
    reason: str


class CommitResult(msgspec.Struct, frozen=True, kw_only=True):
    applied: tuple[int, ...]  # ids of the effects now on the host
    skipped: tuple[Skipped, ...] = ()

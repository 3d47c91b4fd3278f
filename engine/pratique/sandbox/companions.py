"""Companions: processes of plugins that live in the session beside the program, and may look into it.

A companion is started by process 1 before the program, in the session's pid and mount name spaces, so that what it sees
is what the program sees. It is not under the program's filter of calls, and has the one capability the program lacks
for looking into others (which also keeps the program from looking into it). What it imports comes from the host's own
files: the program is started when every companion has said that it is ready.

Its descriptors: 0 is a file with the settings its plugin gave it, 3 a stream to the plugin, 4 (when it asked to have
programs held) the channel of `calls.holding`. A companion that ends before the program has failed; the session goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NoReturn

import msgspec

from pratique.errors import PratiqueError
from pratique.hookspecs import Companion
from pratique.sandbox import linux, privileges

#: What a companion writes first, when nothing it still has to import can be the program's.
READY: Final = b"ready\n"
#: Longest the program waits for its companions, s.
_PATIENCE: Final = 10.0
CHANNEL: Final = 3
HOLDS: Final = 4


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """A companion and its descriptors, as process 1 finds them."""

    companion: Companion
    settings: int
    channel: int
    holds: int | None = None

    def descriptors(self) -> tuple[int, ...]:
        return (self.settings, self.channel, *(() if self.holds is None else (self.holds,)))


def descriptors(seats: Iterable[Seat]) -> tuple[int, ...]:
    return tuple(descriptor for seat in seats for descriptor in seat.descriptors())


class Company:
    """The companions of one session, as the controller has them: made before the fork, `end`ed after the session."""

    def __init__(self, wanted: Iterable[Companion]) -> None:
        self.seats: list[Seat] = []
        self.hold: tuple[str, ...] = ()
        self._holding: socket.socket | None = None
        self.notes: list[str] = []
        self._ours: dict[str, socket.socket] = {}
        self._lost: set[str] = set()
        self._ready = threading.Event()
        self._over = threading.Event()
        for companion in wanted:
            if companion.name in self._ours:
                self.notes.append(f"a second companion called {companion.name} was not started")
                continue
            self._seat(companion)

    def _seat(self, companion: Companion) -> None:
        ours, theirs = socket.socketpair()
        settings = os.memfd_create(f"settings of {companion.name}")
        with open(settings, "wb", closefd=False) as file:
            file.write(companion.settings)
        os.lseek(settings, 0, os.SEEK_SET)
        holds = None
        if companion.hold and self._holding is not None:
            self.notes.append(f"programs are held for one companion at a time, and so not for {companion.name}")
        elif companion.hold:
            self.hold = companion.hold
            self._holding, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            holds = other.detach()
        self._ours[companion.name] = ours
        self.seats.append(Seat(companion=companion, settings=settings, channel=theirs.detach(), holds=holds))

    def take_holding(self) -> int | None:
        """For the supervisor of calls: the other end of the channel of the companion that has programs held."""
        return None if self._holding is None else self._holding.detach()

    def started(self) -> None:
        """Process 1 has its own copies: only they keep a channel open from now on."""
        for descriptor in descriptors(self.seats):
            os.close(descriptor)
        self.seats.clear()

    def await_ready(self) -> None:
        """Until each has said so, has ended, or has had its time: then it counts as lost."""
        until = time.monotonic() + _PATIENCE
        for name, channel in self._ours.items():
            channel.settimeout(max(0.01, until - time.monotonic()))
            heard = b""
            with contextlib.suppress(OSError):
                while len(heard) < len(READY) and (more := channel.recv(len(READY) - len(heard))):
                    heard += more
            channel.settimeout(None)
            if heard != READY:
                self._lost.add(name)
                channel.close()
        self._ready.set()

    def lines(self, name: str) -> Iterator[bytes]:
        """What the companion of this name says, line by line, until it ends.

        Raises `PratiqueError` when it ended before the program did, after everything that it said. Nothing for a name
        that nobody has.
        """
        channel = self._ours.get(name)
        if channel is None:
            return
        self._ready.wait()
        if channel.fileno() >= 0:
            with channel.makefile("rb") as said, contextlib.suppress(ConnectionError):
                yield from said
        self._over.wait()
        if name in self._lost:
            raise PratiqueError(f"the companion {name} ended before the program did: it saw no more from then on")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ours)

    @property
    def lost(self) -> frozenset[str]:
        """Those that ended before the program did, or never were ready."""
        return frozenset(self._lost)

    def end(self, lost: Iterable[str] = ()) -> None:
        """The session is over; `lost` ended before the program did."""
        self._lost.update(lost)
        self.started()
        if self._holding is not None:
            self._holding.close()  # when nobody took it
        self._over.set()
        self._ready.set()


# -- in the session ---------------------------------------------------------------------------------------------------


def start(seats: Sequence[Seat], *, mapped: bool) -> dict[int, str]:
    """By process 1, at its very beginning: they import while the root is put together. pid -> name."""
    pids = {}
    for seat in seats:
        pid = os.fork()
        if pid == 0:
            _become(seat, mapped=mapped)
        pids[pid] = seat.companion.name
    for descriptor in descriptors(seats):
        os.close(descriptor)
    return pids


def _become(seat: Seat, *, mapped: bool) -> NoReturn:
    """Whatever goes wrong here shows as an end without a word."""
    with contextlib.suppress(BaseException):
        os.setsid()
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.chdir("/")  # the old root becomes the new one for those who stand in it
        wanted = [
            os.dup(one) for one in (seat.settings, seat.channel, seat.channel if seat.holds is None else seat.holds)
        ]
        null = os.open("/dev/null", os.O_RDWR)
        high = [os.dup2(one, 64 + at, inheritable=False) for at, one in enumerate((wanted[0], null, null, *wanted[1:]))]
        for number, descriptor in enumerate(high):
            os.dup2(descriptor, number)
        os.closerange(HOLDS + 1 if seat.holds is not None else HOLDS, os.sysconf("SC_OPEN_MAX"))
        kept = frozenset({linux.CAP_SYS_PTRACE})
        privileges.keep_only(kept)
        if mapped:
            linux.keep_over_exec(linux.CAP_SYS_PTRACE)  # a user's own are lost at the next line otherwise
        argv = seat.companion.argv
        os.execve(argv[0], argv, seat.companion.environment)  # noqa: S606
    os._exit(127)


def end(pids: dict[int, str]) -> None:
    """They have handed over what they saw as they saw it."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

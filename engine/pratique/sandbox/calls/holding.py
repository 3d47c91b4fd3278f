"""Holding a process before the first line of its program runs, so that somebody can attach to it.

Wanted are programs by globs of their paths (`Spec.hold`). At the end of its own start-up the C library asks for the
size of the stack, `prlimit64(0, RLIMIT_STACK, NULL, ...)`: everything is relocated then and no code of the program has
run. (glibc 2.34 and later; a static or musl program does not ask there and is not held.) That call stays unanswered.

The channel is a SEQPACKET socket, each message JSON. `{"held": 12, "process": 3, "program": "/usr/bin/x"}`: process 12
(by its number inside the session), which is entry 3 of the process table, waits. `{"go": 12}` lets it run. Everybody
else is served meanwhile. Who is not let go within 5 s goes on all the same, and that is counted.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pratique.policy import paths
from pratique.sandbox.calls.context import Answered, Context, Hold
from pratique.sandbox.calls.listener import Notification

#: Longest that a process waits, s.
LIMIT: Final = 5.0


class _Held(NamedTuple):
    call: int
    image: int
    until: float


class Holding:
    """`channel` None: nobody is asked, nothing is held."""

    def __init__(self, globs: tuple[str, ...], home: str, channel: socket.socket | None) -> None:
        self.channel = channel
        self.overdue = 0  # how many were not let go in time
        self._wanted: list[Callable[[str], bool]] = [
            paths.compile(one, home=home) for glob in globs for one in paths.expand(glob, home)
        ]
        self._held: dict[int, _Held] = {}  # by the process's number inside
        self._seen: set[int] = set()  # entries of the process table that were held once
        if channel is not None:
            channel.setblocking(False)

    def ask(self, ctx: Context, call: Notification) -> Answered:
        """The decoding function of the call at the end of start-up."""
        image = ctx.images.of(call.thread)
        if self.channel is None or image is None:
            return None
        if image.id in self._seen:
            return self._again(ctx.images.inside(call.thread), call)
        self._seen.add(image.id)
        if not any(wanted(image.program) for wanted in self._wanted):
            return None
        inside = ctx.images.inside(call.thread)
        message = {"held": inside, "process": image.id, "program": image.program, "time": ctx.now()}
        try:
            self.channel.send(json.dumps(message).encode())
        except OSError:
            self.overdue += 1  # nobody listens, or somebody does not keep up
            return None
        self._held[inside] = _Held(call.id, image.id, time.monotonic() + LIMIT)
        return Hold()

    def _again(self, inside: int, call: Notification) -> Answered:
        """A debugger that stops a held process interrupts the call, which then comes again: it is held still."""
        held = self._held.get(inside)
        if held is None:
            return None
        self._held[inside] = held._replace(call=call.id)
        return Hold()

    def heard(self) -> Iterator[int]:
        """Calls that may go on now, because the other end says so."""
        while self.channel is not None:
            try:
                data = self.channel.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.channel = None  # the other end has gone: nobody is held any more
                yield from (held.call for held in self._held.values())
                self._held.clear()
                return
            try:
                ((word, inside),) = json.loads(data).items()
                held = self._held.pop(inside, None)
            except (ValueError, AttributeError, TypeError):
                continue
            if held is None:
                continue
            if word == "again":
                self._seen.discard(held.image)
            yield held.call

    def late(self) -> Iterator[int]:
        """Calls that have waited long enough."""
        now = time.monotonic()
        for inside in [inside for inside, held in self._held.items() if held.until <= now]:
            self.overdue += 1
            yield self._held.pop(inside).call

    def wait(self) -> float | None:
        """Seconds until somebody has waited long enough; None: nobody waits."""
        return max(0.0, min(held.until for held in self._held.values()) - time.monotonic()) if self._held else None

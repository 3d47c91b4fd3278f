"""What the processes of a session are told before the fork, and how they report."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import msgspec

from pratique.sandbox.calls import supervisor
from pratique.sandbox.companions import Seat
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.layers import Layer, Step
from pratique.sandbox.pretending import StandIn
from pratique.sandbox.spec import Spec

#: The step of a session whose program has been started: what goes wrong from here on takes nothing of it back.
STARTED = "started"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that the child needs to know, decided before the fork."""

    spec: Spec
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    stand_ins: tuple[Hidden, ...]  # within overlays
    let_through: tuple[Hidden, ...] = ()  # given though hidden: to be mounted on a stand-in
    covered: tuple[Hidden, ...]  # hidden paths no single overlay can hide
    mapped: bool  # in a user name space of its own
    largest_file: int  # bytes
    output: tuple[int, int] | None  # descriptors for stdout and stderr; None: a terminal
    terminal: tuple[int, list[Any]] | None = None  # the person's, and its settings
    held: int  # a descriptor that is open as long as anything of the session runs (see `leftovers`)
    groups: tuple[str, ...] = ()  # directories of control groups to join
    memory: int | None  # bytes a single process may have, where no group bounds them together
    processes: int | None  # at a time, where no group bounds them
    pretended: tuple[StandIn, ...] = ()  # programs with a stand-in, within overlays
    watching: supervisor.Watching | None = None  # None: nobody answers calls here, and nothing is logged
    seats: tuple[Seat, ...] = ()  # of the companions
    controller: int = msgspec.field(default_factory=os.getpid)


class Reporter:
    """Messages to the controller; knows the step under way, so that a failure says where."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.step = "start"

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        with contextlib.suppress(OSError):  # nobody is listening: the keeper is about to end this
            socket.send_fds(self.channel, [json.dumps(message).encode()], list(descriptors))

    @contextlib.contextmanager
    def or_fail(self) -> Iterator[None]:
        """The border of a child process: whatever goes wrong is reported, and the process ends."""
        try:
            yield
        except OSError as error:
            about = _place(error) if error.filename is None else error.filename
            self.send({"failed": self.step, "errno": error.errno or 0, "text": f"{error.strerror}: {about}"})
            os._exit(125)
        except BaseException as error:
            self.send({"failed": self.step, "errno": 0, "text": f"{error!r}: {_place(error)}"})
            os._exit(125)


def _place(error: BaseException) -> str:
    """The function that raised it, and the line: all that is left of a process that cannot show a traceback."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}, line {line}"

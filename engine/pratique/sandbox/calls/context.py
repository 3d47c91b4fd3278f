"""What every decoding function has at hand, and the answers they give."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from pratique.recording import Process
from pratique.sandbox.calls import listener
from pratique.sandbox.calls.answers import DENIED, PRETENDED, Answers
from pratique.sandbox.calls.images import Images
from pratique.sandbox.calls.listener import Notification
from pratique.sandbox.calls.log import Writer
from pratique.sandbox.calls.memory import Memory
from pratique.sandbox.calls.naming import Names
from pratique.sandbox.calls.numbers import Machine


class Answer(NamedTuple):
    """A call that is not made: it fails with `error`, or seems to have returned `value` or opened `descriptor`."""

    error: int = 0
    value: int = 0
    descriptor: int | None = None
    close_on_exec: bool = False


class Hold(NamedTuple):
    """The call is answered later."""


#: None: the call is made.
Answered: TypeAlias = "Answer | Hold | None"
Decode: TypeAlias = "Callable[[Context, Notification], Answered]"

EPERM: Final = Answer(error=1)
EACCES: Final = Answer(error=13)
WORKED: Final = Answer()
_ANSWERS: Final[dict[str, Answer | None]] = {"": None, DENIED: EPERM, PRETENDED: WORKED}
#: What a stand-in opens to ask whether its command is to be pretended (see `pretending`).
PRETEND: Final = "/run/pratique/pretend"
REAL: Final = b"/run/pratique/real/"
#: How a stand-in begins.
STAND_IN: Final = b"#!/bin/sh\n# A stand-in: "
_MOST_INTERRUPTED: Final = 1000
#: Of a setting's value, bytes.
_MOST_VALUE: Final = 4096


class Gone(Exception):
    """Whoever made the call has gone: it is never made."""


class Context:
    """One session's supervisor, as the decoding functions use it."""

    def __init__(
        self,
        *,
        proc: int,
        listener: int,
        names: Names,
        memory: Memory,
        images: Images,
        log: Writer,
        answers: Answers,
        now: Callable[[], float],
        reads: Callable[[str], bool],
        stand_ins: frozenset[str],
        given: frozenset[str],
        machine: Machine,
    ) -> None:
        self.proc = proc
        self.listener = listener
        self.names = names
        self.memory = memory
        self.images = images
        self.log = log
        self.answers = answers
        self.now = now
        self.reads = reads  # whether a path's being read is told
        self.stand_ins = stand_ins
        self.given = given  # paths of sockets of the host's
        self.pretended: dict[int, bool] = {}  # stand-ins that run -> whether their command is to be pretended
        self.machine = machine  # of the call that is decoded
        self.unreadable = 0  # calls whose arguments were not ours to read
        self._caught: list[tuple[int, int, float, str, int]] = []  # process, entry, time, path, descriptor
        self._told: list[tuple[str, dict[str, Any]]] = []  # of this call
        self._before: list[tuple[str, dict[str, Any]]] = []  # of this call, when it was made before
        #: thread -> the call that was interrupted, and what was told of it
        self._interrupted: dict[int, tuple[tuple[int, Any], list[tuple[str, dict[str, Any]]]]] = {}
        self._sure = 0  # the last call that was waiting still when its arguments had been read

    def ask(self, call: Notification, kind: str, **fields: Any) -> Answer | None:
        """What the plan says to an act, before it is put down. Raises `Gone`."""
        self._make_sure(call)
        return _ANSWERS[self.answers.to(kind, fields, self.images.program(call.thread))]

    def begin(self, call: Notification) -> None:
        """Another call. One that was interrupted comes again: what was told of it is not told twice."""
        self._told = []
        self._before = []
        if self._interrupted and (last := self._interrupted.pop(call.thread, None)) is not None:
            same, told = last
            if same == (call.number, call[6:]):
                self._before = told

    def interrupted(self, call: Notification) -> None:
        """Nobody waits for the answer: the call is made again, or its thread has been killed."""
        if self._told:
            if len(self._interrupted) >= _MOST_INTERRUPTED:
                self._interrupted.clear()
            self._interrupted[call.thread] = ((call.number, call[6:]), self._told)

    def told_before(self, kind: str, fields: dict[str, Any]) -> bool:
        return (kind, fields) in self._before

    def _put_down(self, kind: str, image: int, fields: dict[str, Any]) -> None:
        one = (kind, fields)
        self._told.append(one)
        if one in self._before:
            self._before.remove(one)
        else:
            self.log.event(kind, self.now(), image, fields)

    def tell(self, call: Notification, kind: str, **fields: Any) -> Answer | None:
        """Put down what the call does, and what the plan says to it: an answer when it is not to be made.

        Raises `Gone` when what was read may be another's.
        """
        image = self._doer(call)
        outcome = self.answers.to(kind, fields, image.program)
        if outcome:
            fields["outcome"] = outcome
        self._put_down(kind, image.id, fields)
        return _ANSWERS[outcome]

    def refuse(self, call: Notification, kind: str, **fields: Any) -> Answer:
        """Put down what is never done, whatever the plan says: emulated, it seems to work. Raises `Gone`."""
        image = self._doer(call)
        outcome = self.answers.to(kind, fields, image.program) or DENIED
        self._put_down(kind, image.id, {**fields, "outcome": outcome})
        return WORKED if outcome == PRETENDED else EPERM

    def catch(self, call: Notification, path: str, caught: int) -> None:
        """A setting was opened, and what is written to it goes to `caught`: told when the writer has ended."""
        process = self.images.process_of(call.thread)
        self._caught.append((process or 0, self._doer(call).id, self.now(), path, os.dup(caught)))

    def release(self, process: int | None = None) -> None:
        """Tell the settings that a process wrote, or that all did, now that it has ended."""
        kept = []
        for one in self._caught:
            whose, image, at, path, caught = one
            if process not in (None, whose):
                kept.append(one)
                continue
            fields = {"path": path, "value": settings_value(caught), "outcome": PRETENDED}
            self.log.event("kernel.setting", at, image, fields)
            os.close(caught)
        self._caught = kept

    def _doer(self, call: Notification) -> Process:
        self._make_sure(call)
        image = self.images.of(call.thread)
        if image is None:
            raise Gone
        return image

    def _make_sure(self, call: Notification) -> None:
        """What was read in the thread's name was the thread's: it waits still."""
        if call.id != self._sure:
            if not listener.valid(self.listener, call.id):
                raise Gone
            self._sure = call.id


def settings_value(caught: int) -> str:
    """What was written; the end of it when it was more than is kept."""
    end = os.lseek(caught, 0, os.SEEK_END)
    content = os.pread(caught, _MOST_VALUE, max(0, end - _MOST_VALUE))
    return content.decode("utf-8", "backslashreplace").strip()

"""What a run is asked for, what it answers, and the side of it that people see."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

import msgspec

from pratique.hookspecs import Launch
from pratique.recording import Recording
from pratique.report import Choice, Report
from pratique.sandbox.spec import Progress
from pratique.subject import Subject

NetworkMode = Literal["none", "observed", "host"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the program may use, all its processes together. None: the machine's own default (docs/sandbox.md)."""

    memory: int | None = None  # bytes, swap included
    cpu: int | None = None  # percent of all processors
    processes: int | None = None  # at one time
    size: int | None = None  # bytes written


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked for. `command` is what stood after `run`."""

    command: tuple[str, ...]
    bare: bool = False  # after `--`: a command, not the path of an installer
    flag: Choice | None = None
    without_components: tuple[str, ...] = ()  # components refused by name; for a flag that is not "refuse"
    network: NetworkMode | None = None
    give: tuple[str, ...] = ()  # sockets, by name or path, beside those the policy gives
    as_user: str | None = None
    anyway: bool = False
    keep: bool = False  # nothing is decided now
    origin: str | None = None
    timeout: float | None = None  # s
    limits: Limits = Limits()
    attended: bool = False
    typed: str = ""  # the command line after `pratique`, quoted for a shell: for hints


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The person's answer; `remember` says to keep it for this program. `components`: those to be left out."""

    choice: Choice
    remember: bool = False
    components: frozenset[str] = frozenset()


#: The report as it would be with these components left out, before anything is decided.
Preview: TypeAlias = Callable[[frozenset[str]], Report]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `message` and `hint` are for people, when nothing was installed."""

    report: Report
    exit_code: int
    recording: Recording
    message: str = ""
    hint: str = ""


class Face(Protocol):
    """The side of a session that people see."""

    def started(self, subject: Subject, launch: Launch) -> None: ...
    def progress(self, progress: Progress, events: int) -> None: ...
    def output(self, data: bytes, stream: int) -> None:
        """The program's own output as it comes; `stream` is 1 (or its terminal) or 2."""
        ...

    def ended(self) -> None: ...
    def working(self, what: str) -> AbstractContextManager[None]:
        """Work of our own that may take a while; nobody is asked anything meanwhile."""
        ...

    def ask(self, preview: Preview, *, remember_as: str, lasting: str) -> Reply | None:
        """Put the one question; None: nobody can be asked.

        `remember_as` says in words what an answer would be remembered for ("": it cannot be), `lasting` for how long.
        """
        ...

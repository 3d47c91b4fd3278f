"""What the controller tells the plugin: one JSON object a line."""

from __future__ import annotations

import msgspec


class Said(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One line."""


class Instrumented(Said, frozen=True, kw_only=True):
    """Agents are in this process now."""

    process: int  # its id in the recording
    program: str
    time: float
    agents: tuple[str, ...]
    took: float  # s it was held for that


class Missed(Said, frozen=True, kw_only=True):
    """Agents were wanted in this process and are not in it."""

    process: int
    program: str
    time: float
    why: str


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an agent's, or a fault of its own."""

    agent: str
    time: float  # s since the session began
    kind: str = ""
    fields: dict[str, str | int | float | bool | None] = {}
    fault: str = ""


class Seen(Said, frozen=True, kw_only=True):
    """What agents saw in a process. `forked`: children it made that run on without agents (until they are another
    program)."""

    process: int
    program: str
    acts: tuple[Act, ...] = ()
    forked: int = 0


class Failed(Said, frozen=True, kw_only=True):
    """The controller cannot go on."""

    why: str


_decoder: msgspec.json.Decoder[Instrumented | Missed | Seen | Failed] = msgspec.json.Decoder(
    Instrumented | Missed | Seen | Failed
)


def to_line(said: Said) -> bytes:
    return msgspec.json.encode(said) + b"\n"


def from_line(line: bytes) -> Instrumented | Missed | Seen | Failed:
    """Raises `msgspec.DecodeError`: what runs beside a hostile program is believed only as far as it is well formed."""
    return _decoder.decode(line)

"""What a recording's file is made of: lines of JSON, in gzip members."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from pratique import eventlog
from pratique.recording.values import Component, Effect, ObserverRun, Process, Screen

SCHEMA: Final = "pratique.recording/2"
#: Read as well: the same lines, not compressed, file names that are not UTF-8 as the bytes they are.
OLDER: Final = ("pratique.recording/1",)

LONGEST_LINE: Final = eventlog.LONGEST_LINE
#: Bytes of all lines together that are read: more than a session can write, and an end to what a bomb unfolds to.
LARGEST: Final = 8 << 30

#: The lines between the header and the end, by their only key; events come after all others.
PARTS: Final[dict[str, type[Any]]] = {
    "process": Process, "component": Component, "effect": Effect, "screen": Screen, "observer": ObserverRun,
}  # fmt: skip
HEADER: Final = (
    "id", "subject", "home", "started", "duration", "exit_status", "coverage", "open", "ended", "stopping", "anyway",
    "decided", "notes", "unobserved", "lost", "unaltered", "reads", "left_out",
)  # fmt: skip


class RecordingError(Exception):
    """A recording that cannot be read: what was found, where, and what was expected."""


def line(value: object) -> bytes:
    """A value as a line of JSON. Raises `TypeError` for what JSON has no word for."""
    try:
        return msgspec.json.encode(value) + b"\n"
    except UnicodeEncodeError:  # a file name that is not UTF-8: half a surrogate pair, as Python's own JSON says it
        return json.dumps(msgspec.to_builtins(value)).encode() + b"\n"

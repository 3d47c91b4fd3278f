"""A recording is written: in one step, and without what the policy says a recording must not hold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pratique import eventlog
from pratique.eventlog import EVENTS_TOGETHER, Members
from pratique.events import Event
from pratique.recording.discretion import Discretion
from pratique.recording.format import HEADER, SCHEMA, line
from pratique.recording.values import Recording

#: Bytes of lines that are put into one member.
_TOGETHER = 64 * 1024


def write(recording: Recording, path: Path, *, without: Sequence[str] = ()) -> None:
    """Write the recording in one step: the file is complete or not there. Raises `OSError`.

    `without` are globs of files whose contents must not be in it (`record without` of the policy).
    """
    path = Path(os.path.realpath(path))  # a link stays, what it leads to is replaced
    temporary = path.with_name(f".{recording.id}.rec")
    try:
        with temporary.open("wb") as out:
            for member in members(recording, without):
                out.write(member)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def members(recording: Recording, without: Sequence[str] = ()) -> Iterator[bytes]:
    """The file, piece by piece."""
    discretion = Discretion(recording, tuple(dict.fromkeys((*recording.left_out, *without))))
    kept = discretion.recording(recording)
    header: dict[str, Any] = {"schema": SCHEMA, **{name: getattr(kept, name) for name in HEADER}}
    yield eventlog.member(line(header))
    parts: list[tuple[str, Sequence[object]]] = [
        ("process", kept.processes), ("component", kept.components), ("effect", kept.effects),
        ("screen", kept.screens), ("observer", kept.observers),
    ]  # fmt: skip
    yield from _gathered(line({name: value}) for name, values in parts for value in values)
    for packed, events in _pieces(recording.events):
        changed = [discretion.event(event) for event in events]
        same = packed is not None and all(mine is theirs for mine, theirs in zip(changed, events, strict=True))
        yield packed if same and packed is not None else _packed(changed)
    yield eventlog.member(line({"end": sum(len(values) for _, values in parts) + len(recording.events)}))


def _gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for one in lines:
        waiting += one
        if len(waiting) >= _TOGETHER:
            yield eventlog.member(waiting)
            waiting.clear()
    if waiting:
        yield eventlog.member(waiting)


def _pieces(events: Sequence[Event]) -> Iterator[tuple[bytes | None, Sequence[Event]]]:
    """Some events after the other, with the member they are in already."""
    if isinstance(events, Members):
        yield from events.pieces()
    else:
        for start in range(0, len(events), EVENTS_TOGETHER):
            yield None, events[start : start + EVENTS_TOGETHER]


def _packed(events: Iterable[Event]) -> bytes:
    return eventlog.member(b"".join(eventlog.encoded(event) + b"\n" for event in events))

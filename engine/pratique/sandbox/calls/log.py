"""The call log on disk: a line of JSON for each process and each event, written by the supervisor, read as it grows.

Memory does not bound how long it gets; the disk does. A line is `["process", {...}]`, `["count", name, number]` or, for
an event, `[kind, time, process, {...}]`.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from pratique.errors import PratiqueError
from pratique.events import Event
from pratique.recording import Process
from pratique.sandbox import growing

#: Bytes kept back before they are written.
_TOGETHER: Final = 64 * 1024
#: What is counted: calls whose arguments, or what these lead to, were not for the supervisor to see.
UNREAD: Final = "unreadable"
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class Writer:
    """Appends to an open file. `flush` when there is nothing else to do."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        return bool(self._lines)

    def event(self, kind: str, at: float, process: int, fields: dict[str, Any]) -> None:
        self._add([kind, at, process, fields])

    def process(self, process: Process, uid: int) -> None:
        self._add(["process", {**msgspec.to_builtins(process), "uid": uid}])

    def count(self, name: str, number: int) -> None:
        """How often something happened that makes the log less than whole."""
        self._add(["count", name, number])

    def _add(self, line: list[Any]) -> None:
        try:
            encoded = _encode(line)
        except UnicodeEncodeError:  # a name that is not UTF-8 holds surrogates, which only escapes can say
            encoded = json.dumps(line).encode("ascii")
        self._lines.append(encoded)
        self._bytes += len(encoded) + 1
        if self._bytes >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Raises `OSError`: no room, say."""
        if not self._lines:
            return
        data = memoryview(b"\n".join(self._lines) + b"\n")
        while data:
            data = data[os.write(self._descriptor, data) :]
        self._lines.clear()
        self._bytes = 0


def follow(path: Path, over: Callable[[], bool]) -> Iterator[Event]:
    """The events in their order, as they are written; ends when `over()` says that nothing more will be.

    Raises `PratiqueError` then, when there were calls that could not be read.
    """
    users = _Users()
    uids: dict[int, int] = {}
    unread = 0
    for line in _lines(path, over):
        if line[0] == "process":
            uids[line[1]["id"]] = line[1]["uid"]
        elif line[0] == "count":
            unread += line[2] if line[1] == UNREAD else 0
        else:
            event = _event(line)
            if event.kind == "process.exec":
                event.fields["user"] = users[uids.get(event.process, 0)]
            yield event
    if unread:
        calls = "1 call" if unread == 1 else f"{unread} calls"
        raise PratiqueError(f"{calls} could not be read: what that did is not told")


def processes(path: Path) -> tuple[Process, ...]:
    """The programs run, by the time they were started."""
    users = _Users()
    return tuple(
        msgspec.convert({**line[1], "user": users[line[1]["uid"]]}, Process)
        for line in _lines(path, lambda: True)
        if line[0] == "process"
    )


def counts(path: Path) -> dict[str, int]:
    """What makes the log less than whole, and how often it happened."""
    return {line[1]: line[2] for line in _lines(path, lambda: True) if line[0] == "count"}


class _Users(dict[int, str]):
    """Names by uid, looked up here: in the supervisor, the session's own files would be asked."""

    def __missing__(self, uid: int) -> str:
        try:
            self[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            self[uid] = str(uid)
        return self[uid]


def _event(line: list[Any]) -> Event:
    kind, at, process, fields = line
    event = Event(kind, time=at, process=process)
    event.fields = fields
    return event


def _read(line: bytes) -> list[Any]:
    try:
        found: list[Any] = _decode(line)
    except msgspec.DecodeError:
        found = json.loads(line)
    return found


def _lines(path: Path, over: Callable[[], bool]) -> Iterator[list[Any]]:
    return map(_read, growing.lines(path, over))

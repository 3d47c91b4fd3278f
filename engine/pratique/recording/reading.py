"""A recording is read: checked whole, line by line and member by member, before anything is made of it.

What its file holds is bounded (a line, a member, everything together), whatever it claims; its events stay on disk.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from pratique import eventlog
from pratique.eventlog import LARGEST_MEMBER, EventLog, Members
from pratique.events import Event
from pratique.recording.format import HEADER, LARGEST, LONGEST_LINE, OLDER, PARTS, SCHEMA, RecordingError
from pratique.recording.values import Recording

#: Processes, components, effects, screens and observers, all together: these are held in memory.
_MOST_PARTS: Final = 1_000_000
_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 64 * 1024
_EVENTS: Final = b'{"event":'


def read(path: Path, *, largest: int = LARGEST) -> Recording:
    """Read a recording back. Raises `RecordingError` with the place at fault, `OSError` when it cannot be opened."""
    source = path.open("rb")  # its events are read from it for as long as there is a recording
    try:
        packed = source.read(len(_GZIP)) == _GZIP
        source.seek(0)
        return _Packed(path, source, largest).read() if packed else _Plain(path, source, largest).read()
    except BaseException:
        source.close()
        raise


def begins_as_one(path: Path) -> bool:
    """Whether this file begins as a recording does; its content may be damaged all the same. Raises `OSError`."""
    with path.open("rb") as source:
        head = source.read(_CHUNK)
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _CHUNK)
        except zlib.error:
            return False
    return head.startswith(b"{") and b'"pratique.recording/' in head


class _Reading:
    """What was found so far."""

    events: Members

    def __init__(self, path: Path, source: IO[bytes], largest: int) -> None:
        self.path = path
        self.source = source
        self.largest = largest
        self.header: dict[str, Any] | None = None
        self.parts: dict[str, list[Any]] = {name: [] for name in PARTS}
        self.number = 0  # of the line
        self.size = 0  # bytes of all lines
        self.ended = False

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.parts.values()) + len(self.events)

    def fault(self, what: object, hint: str = "") -> RecordingError:
        return RecordingError(f"{self.path}:{max(self.number, 1)}: {what}" + (f"; {hint}" if hint else ""))

    def grown(self, size: int) -> None:
        self.size += size
        if self.size > self.largest:
            raise self.fault(f"it unfolds to more than {self.largest >> 20} MiB; no session writes so much")

    def line(self, line: bytes) -> None:
        """One line that may be anything."""
        self.number += 1
        if len(line) > LONGEST_LINE:
            raise self.fault(f"a line longer than {LONGEST_LINE} bytes; not a recording")
        try:
            self._take(_parsed(line))
        except json.JSONDecodeError as error:
            if self.header is None and not line.startswith(b"{"):
                raise self.fault("not a recording made with `pratique run --record`") from None
            where = f"damaged at character {error.colno} of this line"
            raise self.fault(where, "get a whole copy, or record the session again") from None
        except (ValueError, TypeError, RecursionError, msgspec.ValidationError) as error:
            raise self.fault(error) from None

    def _take(self, data: Any) -> None:
        if not isinstance(data, dict):
            raise ValueError(f"expected an object, found {type(data).__name__}")
        if self.header is None:
            _check_schema(data.get("schema"))
            self.header = data
            return
        if self.ended:
            raise ValueError("something after the end line")
        if "end" in data:
            if data["end"] != self.count:
                raise ValueError(f"the end line counts {data['end']} records, {self.count} were read")
            self.ended = True
            return
        name = next(iter(data), "")
        if len(data) != 1 or (name not in PARTS and name != "event"):
            raise ValueError(f"expected one of {', '.join(PARTS)}, event, found {', '.join(data)[:60] or 'nothing'}")
        value = data[name]
        if name == "event":
            self.event(Event.from_dict(value))
        elif self.count >= _MOST_PARTS + len(self.events):
            raise ValueError(f"more than {_MOST_PARTS} records that are no events")
        else:
            self.parts[name].append(msgspec.convert(value, PARTS[name]))

    def event(self, event: Event) -> None:
        """An event on a line among others."""
        raise NotImplementedError

    def recording(self) -> Recording:
        """What was read, if it was all."""
        if self.header is None:
            raise RecordingError(f"{self.path}: empty; expected a recording made with `pratique run --record`")
        if not self.ended:
            raise RecordingError(
                f"{self.path}: the end is missing: the file was cut off after {self.count} records; "
                "get a whole copy, or record the session again"
            )
        try:
            whole = msgspec.convert({name: self.header[name] for name in HEADER if name in self.header}, Recording)
        except msgspec.ValidationError as error:
            raise RecordingError(f"{self.path}:1: the header is garbled: {error}") from None
        return msgspec.structs.replace(
            whole, events=self.events, processes=tuple(self.parts["process"]),
            components=tuple(self.parts["component"]), effects=tuple(self.parts["effect"]),
            screens=tuple(self.parts["screen"]), observers=tuple(self.parts["observer"]),
        )  # fmt: skip


class _Packed(_Reading):
    """A recording in gzip members. Its events are read from the file itself, now and whenever they are asked for."""

    def read(self) -> Recording:
        self.events = Members(self.source)
        before = (0.0, 0)
        for start, size, lines in self._members():
            self.grown(len(lines))
            if self.header is None or self.ended or not lines.startswith(_EVENTS):
                for line in lines.splitlines():
                    self.line(line)
                continue
            try:
                events = eventlog.decoded(lines)
            except ValueError:
                for line in lines.splitlines():  # one of them is no event: say which
                    self.line(line)
                raise
            for event in events:
                self.number += 1
                if (event.time, event.seq) < before:
                    raise self.fault(f"event {event.seq} is not in the order of time and number")
                before = (event.time, event.seq)
            self.events.enter(start, size, len(events))
        return self.recording()

    def event(self, event: Event) -> None:
        raise ValueError("an event among other lines: this was packed by something else; unpack it with `zcat`")

    def _members(self) -> Iterator[tuple[int, int, bytes]]:
        """Where each member is, how long, and what is in it."""
        start = 0
        waiting = b""
        while waiting := waiting or self.source.read(_CHUNK):
            if not waiting.startswith(_GZIP[: len(waiting)]):
                raise self._damaged(start, "no gzip member")
            unpack = zlib.decompressobj(wbits=31)
            lines = bytearray()
            size = 0
            while not unpack.eof:
                waiting = waiting or self.source.read(_CHUNK)
                if not waiting:
                    raise RecordingError(
                        f"{self.path}: the file was cut off after {self.count} records, at byte {start + size}; get a "
                        "whole copy, or record the session again"
                    )
                try:
                    lines += unpack.decompress(waiting, LARGEST_MEMBER + 1 - len(lines))
                except zlib.error as error:
                    raise self._damaged(start, error) from None
                if len(lines) > LARGEST_MEMBER:
                    raise self.fault(f"more than {LARGEST_MEMBER} bytes in one piece; not a recording")
                rest = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
                size += len(waiting) - len(rest)
                waiting = rest
            yield start, size, bytes(lines)
            start += size

    def _damaged(self, start: int, what: object) -> RecordingError:
        return self.fault(f"damaged at byte {start} or behind it ({what})", "get another copy")


class _Plain(_Reading):
    """A recording that is not compressed, as version 1 was; its events are put into a log."""

    def read(self) -> Recording:
        self.events = self._log = EventLog()
        while line := self.source.readline(LONGEST_LINE + 1):
            self.grown(len(line))
            self.line(line)
        self._log.close()
        self.source.close()
        self.events = eventlog.ordered(self._log)
        return self.recording()

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.parts.values()) + self._log.coming

    def event(self, event: Event) -> None:
        self._log.append(event)


def _parsed(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):  # a name that is not UTF-8, or no JSON: this one can tell
        return json.loads(line.decode("utf-8", "surrogateescape"))


def _check_schema(found: object) -> None:
    if found == SCHEMA or found in OLDER:
        return
    number = re.fullmatch(r"pratique\.recording/([1-9][0-9]{0,8})", found) if isinstance(found, str) else None
    if number is not None and int(number[1]) > int(SCHEMA.rpartition("/")[2]):
        raise ValueError(
            f"{found} was written by a newer pratique; this one reads up to {SCHEMA}: update it, or replay it there"
        )
    raise ValueError(f"expected a first line with schema {SCHEMA!r}, found {found!r}")

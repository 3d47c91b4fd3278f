"""Events on disk, in the order they were put there: a sequence of which only an index is in memory.

What is in the file are gzip members, one after the other, each some whole lines of JSON and each line one event. `zcat`
shows it, every member is checked by its CRC, and one can be read without those before it.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import sys
import tempfile
import threading
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, overload

import msgspec

from pratique.events import Event, EventSequence, FieldValue

#: Events, and bytes of their lines, that make up a member: enough to compress well, little enough to be read for one.
EVENTS_TOGETHER: Final = 1024
_BYTES_TOGETHER: Final = 1 << 20
#: Bytes of one line, and of all lines of a member. An event holds a few texts of 64 Ki characters at most.
LONGEST_LINE: Final = 4 << 20
LARGEST_MEMBER: Final = _BYTES_TOGETHER + LONGEST_LINE
#: Bytes of all lines one observer may write, before they are compressed: about eight million events.
LARGEST_LOG: Final = 2 << 30

_GZIP: Final = 31  # zlib: a window of 32 KiB, with the header and trailer of gzip
_LEVEL: Final = 1  # lines repeat each other: a higher level takes twice the time for a tenth of the size
_SORTED: Final = 16 * 1024  # events sorted in memory at a time
_CACHED: Final = 2  # members kept as events: one that is read through, one that is looked into meanwhile


class _Body(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An event as it is written: what `Event.as_dict` says."""

    kind: str
    fields: dict[str, FieldValue]
    seq: int = 0
    time: float = 0.0
    process: int = 0
    observer: str = ""
    component: str = ""
    effect: int | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    event: _Body


_encode = msgspec.json.Encoder().encode
_lines_of = msgspec.json.Decoder(_Line).decode_lines


def encoded(event: Event) -> bytes:
    """The event as one line, without its end."""
    try:
        return _encode(
            _Line(
                _Body(
                    event.kind, event.fields, event.seq, event.time, event.process, event.observer, event.component,
                    event.effect,
                )
            )
        )  # fmt: skip
    except UnicodeEncodeError:  # a file name that is not UTF-8: JSON says it as half a surrogate pair
        return json.dumps({"event": event.as_dict()}, separators=(",", ":")).encode()


def decoded(lines: bytes) -> list[Event]:
    """The events of these lines. Raises `ValueError` saying what is wrong with one."""
    try:
        return [_event(line.event) for line in _lines_of(lines)]
    except (msgspec.DecodeError, RecursionError):  # a name that is not UTF-8, or no event: the slow way can tell
        return [_decoded(line) for line in lines.splitlines()]


def _event(body: _Body) -> Event:
    event = Event.__new__(Event)
    event.kind = body.kind
    event.fields = body.fields
    event.time = body.time
    event.process = body.process
    event.observer = body.observer
    event.seq = body.seq
    event.component = body.component
    event.effect = body.effect
    return event


def _decoded(line: bytes) -> Event:
    try:
        data: Any = json.loads(line)
    except RecursionError:
        raise ValueError("not an event: nested too deep") from None
    if not isinstance(data, dict) or list(data) != ["event"] or not isinstance(data["event"], dict):
        raise ValueError(f"expected an event, found {line[:60].decode('utf-8', 'backslashreplace')}")
    return Event.from_dict(data["event"])


def member(lines: bytes | bytearray) -> bytes:
    """These lines as a gzip member."""
    squeeze = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return squeeze.compress(lines) + squeeze.flush()


class Members(EventSequence):
    """Events in some gzip members of a file that is open for reading."""

    def __init__(self, file: IO[bytes]) -> None:
        self.in_order = True
        self._file = file
        self._starts = array("Q")  # where each member begins in the file
        self._sizes = array("L")
        self._firsts = array("Q")  # the place in the sequence of each member's first event
        self._count = 0
        self._cached: tuple[tuple[int, list[Event]], ...] = ()

    def enter(self, start: int, size: int, events: int) -> None:
        """The file has a member with the next so many events there."""
        self._starts.append(start)
        self._sizes.append(size)
        self._firsts.append(self._count)
        self._count += events

    def pieces(self) -> Iterator[tuple[bytes, list[Event]]]:
        """The members as they are in the file, each with its events."""
        for number, (start, size) in enumerate(zip(self._starts, self._sizes, strict=True)):
            yield self._bytes(start, size), self._events(number)

    def backwards(self) -> Iterator[Event]:
        """The events, the last first."""
        for number in reversed(range(len(self._starts))):
            yield from reversed(self._events(number))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Event]:
        for number in range(len(self._starts)):
            yield from self._events(number)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | list[Event]:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step != 1:
                return [self[one] for one in range(start, stop, step)]
            return self._between(start, stop)
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(f"no event at {at}; there are {len(self)}")
        number = bisect_right(self._firsts, at) - 1
        return self._events(number)[at - self._firsts[number]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it may grow

    def __repr__(self) -> str:
        return f"<{len(self)} events on disk>"

    def _between(self, start: int, stop: int) -> list[Event]:
        out: list[Event] = []
        while start < stop:
            number = bisect_right(self._firsts, start) - 1
            first = self._firsts[number]
            events = self._events(number)
            out += events[start - first : stop - first]
            start = first + len(events)
        return out

    def _events(self, number: int) -> list[Event]:
        for known, events in self._cached:
            if known == number:
                return events
        packed = self._bytes(self._starts[number], self._sizes[number])
        try:
            found = decoded(zlib.decompressobj(wbits=_GZIP).decompress(packed, LARGEST_MEMBER))
        except (zlib.error, ValueError) as error:
            raise OSError(errno.EIO, f"the events changed on disk while they were read: {error}") from None
        self._cached = (*self._cached, (number, found))[-_CACHED:]
        return found

    def _bytes(self, start: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, start)


class EventLog(Members):
    """A log that grows: without a name in its directory, so that nothing of it is left, however the session ends.

    One thread appends, any number count; read it after `close`. Who appends waits for the disk. What could not be
    written, the disk being full or the log too large, is told by the error and counted in `lost`.
    """

    def __init__(self, directory: Path | None = None, *, largest: int = sys.maxsize) -> None:
        super().__init__(tempfile.TemporaryFile(dir=directory, buffering=0))  # noqa: SIM115  # it lives as long as we
        self.lost = 0
        self.kinds: dict[str, int] = {}  # of events that were seen as they happened
        self.of_effects = 0  # events that were read from what was left at the end
        self._last = (0.0, 0)
        self._largest = largest
        self._end = 0
        self._written = 0  # bytes of all lines
        self._lines = bytearray()
        self._waiting = 0  # events in these lines
        self._closed = False
        self._lock = threading.Lock()

    def append(self, event: Event) -> bool:
        """Keep the event as it is now; False: the log is closed. Raises `OSError` when it cannot be kept."""
        line = encoded(event)
        with self._lock:
            if self._closed:
                return False
            if self._written + len(self._lines) + len(line) >= self._largest:
                self.lost += 1
                raise OSError(errno.EFBIG, f"a log holds {self._largest >> 20} MiB")
            self._lines += line
            self._lines += b"\n"
            self._waiting += 1
            if event.effect is None:
                self.kinds[event.kind] = self.kinds.get(event.kind, 0) + 1
            else:
                self.of_effects += 1
            now = (event.time, event.seq)
            if now < self._last:
                self.in_order = False
            self._last = now
            if self._waiting >= EVENTS_TOGETHER or len(self._lines) >= _BYTES_TOGETHER:
                self._flush()
            return True

    def close(self) -> None:
        """Nothing more comes in; from now on it can be read. Raises `OSError` when the rest cannot be written."""
        with self._lock:
            self._closed = True
            if self._waiting:
                self._flush()

    @property
    def coming(self) -> int:
        """Events so far, those that wait to be written among them."""
        return len(self) + self._waiting

    def _flush(self) -> None:
        packed, events = member(self._lines), self._waiting
        self._written += len(self._lines)
        self._lines.clear()
        self._waiting = 0
        try:
            done = 0
            while done < len(packed):
                done += os.pwrite(self._file.fileno(), packed[done:], self._end + done)
        except OSError:
            self.lost += events
            raise
        self.enter(self._end, len(packed), events)
        self._end += len(packed)


def when(event: Event) -> tuple[float, int]:
    """What events are put in order by."""
    return event.time, event.seq


def kept(events: Iterable[Event], place: Path | None = None) -> EventLog:
    """A log of these events, closed. Raises `OSError`."""
    log = EventLog(place)
    for event in events:
        log.append(event)
    log.close()
    return log


def ordered(log: EventLog, place: Path | None = None) -> EventLog:
    """The log, or a copy in the order of time: parts that fit in memory are sorted, then merged. Raises `OSError`."""
    if log.in_order:
        return log
    parts = (sorted(log[start : start + _SORTED], key=when) for start in range(0, len(log), _SORTED))
    return kept(heapq.merge(*[kept(part, place) for part in parts], key=when), place)

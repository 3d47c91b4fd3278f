"""A session kept: subject, processes, events, effects, screens; read and written, so that it can be judged again.

A recording is JSON lines: one header, then one line per process, event, effect and screen, then an end line that counts
them, so that a torn file is noticed. Lines are bounded; a file that breaks a rule is refused with its line number.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from pratique.events import Event
from pratique.subject import Subject

SCHEMA: Final = "pratique.recording/1"
#: Longest line read, in characters. An event holds at most 64 KiB of added text.
LONGEST_LINE: Final = 4 * 1024 * 1024
MOST_LINES: Final = 5_000_000


class RecordingError(Exception):
    """A recording that cannot be read: what was found, where, and what was expected."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One program run in the session. `id` is unique in the session (a pid may come twice); 0 is the program itself."""

    id: int
    parent: int | None = None
    program: str = ""  # path of the executable, as the session sees it
    arguments: tuple[str, ...] = ()
    user: str = ""
    component: str = ""
    started: float = 0.0  # s since session start
    directory: str = ""  # where it was started; "" when nobody saw


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """The program that was started, a program it dropped and ran, or a package of a package manager's batch."""

    name: str
    sha256: str = ""
    kind: str = "program"  # program | package | dropped
    path: str = ""  # of one that was dropped: the file that was run


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """What a path was at one moment: enough to see a change, not the content."""

    type: Literal["file", "directory", "link", "fifo", "socket", "device"]
    mode: int  # permission bits, setuid, setgid and sticky included
    uid: int
    gid: int
    size: int = 0  # bytes; files only
    sha256: str = ""  # files only
    target: str = ""  # links only
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    device: int = 0  # st_rdev; devices only


class Share(msgspec.Struct, frozen=True):
    """The pieces of a file's change that belong to one thing: the lines of one account in passwd, say."""

    file: int  # id of the file's effect
    pieces: tuple[int, ...]  # numbered as `pratique.meaning.pieces` tells them, from 0


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One lasting change. `before` is its pre-image's state; `after` what would be put in place."""

    id: int
    type: str  # file | account | service | package | registry | ...
    op: Literal["add", "modify", "delete"]
    path: str
    process: int = 0
    component: str = ""
    before: FileState | None = None
    after: FileState | None = None
    details: dict[str, str] = {}  # e.g. {"package": "nginx", "unit": "nginx.service"}
    #: For a change read out of files (an account, a service, a package): the ids of the file effects it consists of.
    parts: tuple[int, ...] = ()
    #: ... and its share of the files it has in common with others.
    shares: tuple[Share, ...] = ()
    #: Ids of what it is of no use without: the package a package depends on, the account that owns a group.
    needs: tuple[int, ...] = ()
    #: Of a file: how many pieces its change can be taken apart into; 0: it goes or stays as a whole.
    pieces: int = 0
    #: Why this effect cannot be put on the host (a hidden file was changed, say); "" when it can.
    unfit: str = ""


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """What the person was shown at one moment, as text, and what they answered."""

    time: float
    text: str
    answer: str = ""
    by: str = ""  # person | policy | pipe


class ObserverRun(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: Literal["ok", "failed", "overran", "off"] = "ok"
    events: int = 0
    error: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what ran was watched from inside."""

    executed: int = 0
    instrumented: int = 0
    not_instrumented: tuple[str, ...] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided when the session was live, and by whom; a replay takes the same side."""

    choice: Literal["install", "without", "refuse"]
    source: Literal["flag", "remembered", "policy", "person"]


class Recording(msgspec.Struct, kw_only=True, frozen=True):
    """Everything a verdict is made from. `ended` is "completed", "deadline" or "interrupted"."""

    id: str
    subject: Subject
    home: str
    started: float = 0.0  # Unix time
    duration: float = 0.0  # s
    exit_status: int | None = None
    processes: tuple[Process, ...] = ()
    components: tuple[Component, ...] = ()
    events: Sequence[Event] = ()  # in the order of time and number
    effects: tuple[Effect, ...] = ()
    screens: tuple[Screen, ...] = ()
    observers: tuple[ObserverRun, ...] = ()
    coverage: Coverage = Coverage()
    open: tuple[str, ...] = ()  # what the plan let through, in words
    ended: Literal["completed", "blocked", "deadline", "interrupted"] = "completed"
    anyway: bool = False  # the installer's own failure was to be passed over
    decided: Decided | None = None
    notes: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()  # event kinds the policy listened to and nothing on that machine observes

    def event(self, seq: int) -> Event | None:
        """The event of that number; events stand in the order of their numbers."""
        if 0 < seq <= len(self.events) and self.events[seq - 1].seq == seq:  # as every session numbers them
            return self.events[seq - 1]
        at = bisect_left(self.events, seq, key=lambda event: event.seq)
        return self.events[at] if at < len(self.events) and self.events[at].seq == seq else None


_PARTS: Final[dict[str, type[Any]]] = {
    "process": Process, "component": Component, "effect": Effect, "screen": Screen, "observer": ObserverRun
}  # fmt: skip
_HEADER: Final = (
    "id", "subject", "home", "started", "duration", "exit_status", "coverage", "open", "ended", "anyway", "decided",
    "notes", "unobserved",
)  # fmt: skip


def lines(recording: Recording) -> Iterator[str]:
    """The recording as JSON lines."""
    header: dict[str, Any] = {name: msgspec.to_builtins(getattr(recording, name)) for name in _HEADER}
    yield json.dumps({"schema": SCHEMA, **header}, ensure_ascii=False)
    count = 0
    parts: list[tuple[str, Iterable[Any]]] = [
        ("process", recording.processes), ("component", recording.components), ("effect", recording.effects),
        ("screen", recording.screens), ("observer", recording.observers),
    ]  # fmt: skip
    for name, values in parts:
        for value in values:
            count += 1
            yield json.dumps({name: msgspec.to_builtins(value)}, ensure_ascii=False)
    for event in recording.events:
        count += 1
        yield json.dumps({"event": event.as_dict()}, ensure_ascii=False)
    yield json.dumps({"end": count})


def write(recording: Recording, path: Path) -> None:
    """Write the recording in one step: the file is complete or not there. Raises `OSError`."""
    path = Path(os.path.realpath(path))  # a link stays, what it leads to is replaced
    temporary = path.with_name(f".{recording.id}.rec")
    try:
        with temporary.open("w", encoding="utf-8", errors="surrogateescape") as out:
            for line in lines(recording):
                out.write(line + "\n")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: Path) -> Recording:
    """Read a recording back. Raises `RecordingError` with the line at fault, `OSError` when it cannot be opened."""
    found: dict[str, list[Any]] = {name: [] for name in (*_PARTS, "event")}
    header: dict[str, Any] | None = None
    ended = False
    count = 0
    with path.open(encoding="utf-8", errors="surrogateescape") as source:
        for number in range(1, MOST_LINES + 2):
            line = source.readline(LONGEST_LINE + 1)
            if not line:
                break
            if len(line) > LONGEST_LINE:
                raise RecordingError(f"{path}:{number}: a line longer than {LONGEST_LINE} characters; not a recording")
            try:
                data = json.loads(line)
                if not isinstance(data, dict):
                    raise ValueError(f"expected an object, found {type(data).__name__}")
                if header is None:
                    if data.get("schema") != SCHEMA:
                        raise ValueError(f"expected a first line with schema {SCHEMA!r}, found {data.get('schema')!r}")
                    header = data
                    continue
                if ended:
                    raise ValueError("something after the end line")
                if "end" in data:
                    if data["end"] != count:
                        raise ValueError(f"the end line counts {data['end']} records, {count} were read")
                    ended = True
                    continue
                (name, value), *more = data.items()
                if more or name not in found:
                    raise ValueError(f"expected one of {', '.join(found)}, found {name!r}")
                found[name].append(Event.from_dict(value) if name == "event" else msgspec.convert(value, _PARTS[name]))
                count += 1
            except json.JSONDecodeError as error:
                what = "" if header else "not a recording made with `pratique run --record`: "
                raise RecordingError(f"{path}:{number}: {what}{error}") from None
            except (ValueError, TypeError, RecursionError, msgspec.ValidationError) as error:
                raise RecordingError(f"{path}:{number}: {error}") from None
    if header is None:
        raise RecordingError(f"{path}: empty; expected a recording made with `pratique run --record`")
    if not ended:
        raise RecordingError(f"{path}: the end is missing: the file was cut off after {count} records")
    try:
        whole = msgspec.convert({name: header[name] for name in _HEADER if name in header}, Recording)
    except msgspec.ValidationError as error:
        raise RecordingError(f"{path}:1: the header is garbled: {error}") from None
    return msgspec.structs.replace(
        whole, processes=tuple(found["process"]), components=tuple(found["component"]), events=tuple(found["event"]),
        effects=tuple(found["effect"]), screens=tuple(found["screen"]), observers=tuple(found["observer"]),
    )  # fmt: skip

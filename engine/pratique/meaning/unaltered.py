"""Paths that were touched and are, at the end, what they were before: no policy is told that they changed.

The host gets nothing of it, and what ran in the session is seen by itself. But content that was put there, used and
taken away again did what it was for: a path that may have been used since it was first touched stays evidence
(docs/decisions/0022).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from pratique.events import IN_THE_END, Event
from pratique.meaning.running import file_run
from pratique.recording import Effect, Process

#: Paths that are looked at; what is touched beyond stays evidence.
_MOST_PATHS: Final = 20_000
#: What stands between the names of files on command lines, and in what shells are given as code.
_BETWEEN: Final = re.compile(r"[^\w.+@%~-]+")


class _Touched(msgspec.Struct):
    """When a path was touched, first and last, and by which processes."""

    first: float
    last: float
    by: set[int]


def unaltered(
    events: Iterable[Event], effects: Iterable[Effect], processes: Sequence[Process], was_there: Callable[[str], bool]
) -> tuple[str, ...]:
    """The paths, sorted, that calls touched, of which nothing is different in the end, and that nobody used meanwhile.

    `events` in the order of time; `was_there`: whether the host has something at a path that the session could see.
    """
    seen = _Seen({effect.path for effect in effects if effect.type == "file"}, was_there)
    for event in events:
        seen.learn(event)
    named = _by_name(seen.touched)
    for process in processes:
        for path in _used(process, named):
            seen.touched.pop(path, None)
    return tuple(sorted(seen.touched))


class _Seen:
    """What is left of the paths while events are gone through."""

    def __init__(self, changed: set[str], was_there: Callable[[str], bool]) -> None:
        self.touched: dict[str, _Touched] = {}
        self._out = changed  # paths that stay evidence
        self._was_there = was_there
        self._above: set[str] = set()  # directories of paths that were touched

    def learn(self, event: Event) -> None:
        path = str(event.fields.get("path") or "")
        if event.kind == "file.rename":
            self._renamed(event, path)
        elif event.kind == "file.read":
            self._stays(path)
        elif event.kind in IN_THE_END and event.effect is None and path not in self._out:
            if path not in self.touched and (len(self.touched) >= _MOST_PATHS or not self._was_there(path)):
                return
            self._touch(path, event)

    def _touch(self, path: str, event: Event) -> None:
        known = self.touched.get(path)
        if known is None:
            known = self.touched[path] = _Touched(event.time, event.time, set())
            self._above.update(_directories(path))
        known.last = event.time
        known.by.add(event.process)

    def _renamed(self, event: Event, path: str) -> None:
        """What was moved away may have been used by another name; what was moved into place was put there."""
        self._stays(path)
        if path in self._above:
            self._above.discard(path)
            for inner in [one for one in self.touched if one.startswith(path + "/")]:
                self._stays(inner)
        to = str(event.fields.get("to") or "")
        if to in self.touched:
            self._touch(to, event)

    def _stays(self, path: str) -> None:
        if self.touched.pop(path, None) is not None:
            self._out.add(path)


def _by_name(touched: dict[str, _Touched]) -> dict[str, list[tuple[str, _Touched]]]:
    """By what a program that uses one would call it, wherever it stands; "": by what cannot be told."""
    named: dict[str, list[tuple[str, _Touched]]] = {}
    for path, known in touched.items():
        name = path.rpartition("/")[2]
        named.setdefault("" if _BETWEEN.search(name) else name, []).append((path, known))
    return named


def _used(process: Process, named: dict[str, list[tuple[str, _Touched]]]) -> Iterator[str]:
    """The paths that a process ran, or was given between the first time they were touched and the last."""
    ran = {path.rpartition("/")[2] for path in (process.program, file_run(process)) if path}
    given = {"", *(name for word in process.arguments for name in _BETWEEN.split(word))}
    for name in ran | given:
        for path, known in named.get(name, ()):
            runs = name in ran and process.started >= known.first
            between = known.first <= process.started <= known.last
            if runs or (between and process.id not in known.by):
                yield path


def _directories(path: str) -> Iterator[str]:
    while (end := path.rfind("/")) > 0:
        path = path[:end]
        yield path

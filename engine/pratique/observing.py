"""Drives the observers of one session: a thread each, every event checked, numbered and stamped with who saw it.

An observer that raises, hangs or emits what it did not declare costs its own events, never the session's. Events go to
disk as they come, a log for each observer; who sees faster than the disk writes waits.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal, TypeAlias

from pratique import warden
from pratique.eventlog import LARGEST_LOG, EventLog
from pratique.events import COMMON_FIELDS, Event, EventKind, Field
from pratique.hookspecs import Session
from pratique.host import Host, Implementation, answers, border
from pratique.recording import ObserverRun

#: Characters kept of one text field.
LONGEST_TEXT: Final = 64 * 1024
#: Numbers beyond this are no counts, sizes or times, and JSON readers disagree on them.
_LARGEST: Final = 2**63

#: Different reasons for refusing events that are told apart, for one observer.
_MOST_REASONS: Final = 10

#: Makes a plugin's view of the session, given the plugin's own settings.
SessionFor: TypeAlias = Callable[[Mapping[str, Any]], Session]

_TEXTS: Final = frozenset({Field.text, Field.path, Field.key, Field.address})
_KNOWN_TO_ALL: Final = {name: kind for name, kind in COMMON_FIELDS.items() if name == "program"}


class Observers:
    """The observers of one session. `start()` with the program, `finish()` after it has ended.

    Their logs are in `place`, a directory of the session (None: where temporary files go), at most `largest` bytes of
    lines each.
    """

    def __init__(
        self, host: Host, session_for: SessionFor, place: Path | None = None, *, largest: int = LARGEST_LOG
    ) -> None:
        self._host = host
        self._pulse: warden.Pulse | None = None
        order = itertools.count(1)
        self._observers = [
            _Observer(EventLog(place, largest=largest), order, implementation, _kinds(host, implementation.plugin),
                      session_for(host.settings(implementation.plugin)))
            for implementation in host.implementations("observe")
        ]  # fmt: skip

    @property
    def count(self) -> int:
        """Events kept so far: for the live line."""
        return sum(observer.log.coming for observer in self._observers)

    def start(self) -> None:
        """Start every observer; returns at once."""
        self._pulse = warden.Pulse(f"observe of one of the plugins {', '.join(one.name for one in self._observers)}")
        for observer in self._observers:
            observer.thread.start()

    def finish(self, budget: float | None = None) -> tuple[tuple[EventLog, ...], tuple[ObserverRun, ...]]:
        """Wait for the observers, all together `budget` seconds, and close them.

        Call it when the session's `ended()` says true. Returns a log and how it fared for each observer; `merging`
        makes one sequence of them. Events seen before an observer failed or overran are kept.
        """
        allowed = float(answers.BUDGETS["observe"] or 0) if budget is None else budget
        deadline = monotonic() + allowed
        started = [observer for observer in self._observers if observer.thread.ident is not None]
        for observer in started:
            observer.thread.join(max(0.0, deadline - monotonic()))
        for observer in started:
            observer.closing = True
        grace = monotonic() + 0.2  # one that is between two events closes its generator by itself
        for observer in started:
            observer.thread.join(max(0.0, grace - monotonic()))
        if self._pulse is not None:
            self._pulse.stop()
        for observer in self._observers:
            observer.close()
        runs = tuple(observer.run(self._host, allowed) for observer in self._observers)
        return tuple(observer.log for observer in self._observers), runs


def _kinds(host: Host, plugin: str) -> Mapping[str, EventKind]:
    """What a plugin may emit: its own kinds; where it runs the agents of others, theirs too."""
    own = dict(host.kinds(plugin))
    if any(one.plugin == plugin for one in host.implementations("companions")):
        for other in host.implementations("agents"):
            own |= host.kinds(other.plugin)
    return own


class _Observer:
    """One plugin's observer and its thread."""

    def __init__(
        self, log: EventLog, order: Iterator[int], asked: Implementation, kinds: Mapping[str, EventKind],
        session: Session,
    ) -> None:  # fmt: skip
        self.name = asked.plugin
        self.log = log
        self.closing = False
        self.thread = threading.Thread(target=self._watch, name=f"pratique-observe-{self.name}", daemon=True)
        self._order = order
        self._asked = asked
        self._fields = {name: {**_KNOWN_TO_ALL, **kind.fields} for name, kind in kinds.items()}
        self._session = session
        self._outcome: border.Outcome | None = None
        self._refused: dict[str, int] = {}  # reason -> how many events
        self._cut = 0
        self._unwritten = ""  # why some events are not in the log
        self._cut_short = False

    def _watch(self) -> None:
        self._outcome = border.here(self._pump, {})

    def _pump(self) -> None:
        given = {"session": self._session} if "session" in self._asked.takes else {}
        emitted = self._asked.function(**given)
        if emitted is None:
            return
        if wrong := answers.fault("observe", emitted):
            raise TypeError(wrong)
        try:
            for event in emitted:
                if self.closing:  # it had more to say
                    self._cut_short = True
                    break
                self._keep(event)
        finally:
            close = getattr(emitted, "close", None)
            if close is not None:
                close()

    def _keep(self, event: Event) -> None:
        wrong = self._check(event)
        if wrong:
            if wrong not in self._refused and len(self._refused) >= _MOST_REASONS:
                wrong = "for other reasons"
            self._refused[wrong] = self._refused.get(wrong, 0) + 1
        elif not self.closing:
            event.observer = self.name
            event.seq = next(self._order)
            if not event.time:
                event.time = float(self._session.now())
            try:
                self.log.append(event)
            except OSError as error:  # the log counts what it lost; what follows may find room again
                self._unwritten = error.strerror or str(error)

    def close(self) -> None:
        """Nothing more is kept."""
        try:
            self.log.close()
        except OSError as error:
            self._unwritten = error.strerror or str(error)

    def _check(self, event: Event) -> str:
        """Why this event is refused; "" when it is kept (texts cut to size)."""
        if not isinstance(event, Event):
            return f"expected an Event, found {type(event).__name__}"
        if event.seq and event.observer == self.name:
            return f"{event.kind}: the same Event object was emitted before; make a new one each time"
        fields = self._fields.get(event.kind) if isinstance(event.kind, str) else None
        if fields is None:
            return f"the kind {event.kind!r:.60} is not among those its event_kinds() declares"
        for name, value in event.fields.items():
            declared = fields.get(name)
            if declared is None:
                return f"{event.kind} has no field {name!r:.60}; it has {', '.join(fields)}"
            if value is None:
                continue
            if declared in _TEXTS:
                if not isinstance(value, str):
                    return f"{event.kind}: {name} is a {declared}, found {type(value).__name__}"
                event.fields[name] = self._clean(value)
            elif wrong := _wrong_number(declared, value):
                return f"{event.kind}: {name} is a {declared}, found {wrong}"
        return _wrong_frame(event)

    def _clean(self, text: str) -> str:
        """Text that fits and can be written down: half a surrogate pair has no encoding."""
        if len(text) > LONGEST_TEXT:
            self._cut += 1
            text = text[:LONGEST_TEXT]
        if text.isascii():
            return text
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return text.encode("utf-8", "replace").decode("utf-8")
        return text

    def run(self, host: Host, allowed: float) -> ObserverRun:
        """How it went, entered in the host's books as well."""
        if self.thread.ident is None:
            return ObserverRun(name=self.name, state="off", error="the session ended before it was started")
        outcome = self._outcome
        state: Literal["ok", "failed", "overran"] = "ok"
        problems = []
        late = outcome is None or self._cut_short
        lost = self.log.lost
        overran = late or lost > 0
        if overran:
            state = "overran"
        if late:
            problems.append(f"still running {allowed:g} s after the program had ended; what it saw until then is kept")
        elif outcome is not None and outcome.error:
            state = "failed"
            problems.append(outcome.error)
        refused = list(self._refused.items())
        problems += [f"{count} event{'s' if count > 1 else ''} refused: {why}" for why, count in refused]
        if lost:
            problems.append(f"{lost} event{'s' if lost > 1 else ''} could not be kept: {self._unwritten}")
        if self._cut:
            problems.append(f"{self._cut} texts were cut to {LONGEST_TEXT} characters")
        error = "; ".join(problems)
        seconds = outcome.seconds if outcome else allowed
        host.note_call(self.name, "observe", seconds, error, overran=overran)
        return ObserverRun(name=self.name, state=state, events=len(self.log), error=error)


def _wrong_number(declared: Field, value: object) -> str:
    """What was found in place of a flag or number; "" when it is right."""
    if declared is Field.flag:
        return "" if isinstance(value, bool) else type(value).__name__
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__
    if declared in (Field.size, Field.mode) and not isinstance(value, int):
        return type(value).__name__
    if not math.isfinite(value) or abs(value) >= _LARGEST:
        return "a number out of all bounds"
    return ""


def _wrong_frame(event: Event) -> str:
    """What is wrong with the parts every event has; "" when nothing is."""
    time, process, effect = event.time, event.process, event.effect
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time < _LARGEST:
        return f"{event.kind}: time is seconds since the session began, found {time!r:.40}"
    if isinstance(process, bool) or not isinstance(process, int) or not 0 <= process < _LARGEST:
        return f"{event.kind}: process is the number of a process, found {process!r:.40}"
    if effect is not None and (isinstance(effect, bool) or not isinstance(effect, int)):
        return f"{event.kind}: effect is the number of an effect, found {effect!r:.40}"
    return "" if isinstance(event.component, str) else f"{event.kind}: component is a name"

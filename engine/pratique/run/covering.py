"""How much of what ran was watched from inside, read from what the observers said of it."""

from __future__ import annotations

from collections.abc import Iterable

from pratique.events import Event
from pratique.recording import Coverage
from pratique.sandbox.spec import Ended


def coverage(ended: Ended, events: Iterable[Event]) -> Coverage:
    """Programs that ran and those with agents in them; the others by name, with the reason where there was one."""
    inside: set[int] = set()
    reasons: dict[int, str] = {}
    for event in events:
        if event.kind == "process.instrument":
            inside.add(event.process)
        elif event.kind == "process.uninstrumented":
            reasons[event.process] = f"{event.fields.get('path')} ({event.fields.get('reason')})"
    without = dict.fromkeys(
        reasons.get(process.id, process.program)
        for process in ended.processes
        if process.program and (process.id not in inside or process.id in reasons)
    )
    return Coverage(
        executed=max(ended.tasks, len(ended.processes)),  # `tasks` has those that were too short to be seen
        instrumented=sum(process.id in inside for process in ended.processes),
        not_instrumented=tuple(without),
    )

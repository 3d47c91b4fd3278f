"""Hidden: a private file that was opened saw an empty stand-in; the attempt is evidence."""

from __future__ import annotations

from collections.abc import Iterator

from pratique import STANDARD_KINDS, Event, EventKind, Session, hookimpl


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name == "file.read"]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    for path in session.opened():
        yield Event("file.read", time=session.now(), path=path, hidden=True)

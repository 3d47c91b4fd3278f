"""Hidden: a private file that was opened saw an empty stand-in; the attempt is evidence."""

from __future__ import annotations

from collections.abc import Iterator

from pratique import STANDARD_KINDS, Event, EventKind, Session, hookimpl
from pratique_detectors.through_links import links_before, other_ways


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name == "file.read"]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    links = links_before(session.home)
    for real in session.opened():
        now = session.now()
        for path in (real, *other_ways(real, links)):
            yield Event("file.read", time=now, path=path, hidden=True)

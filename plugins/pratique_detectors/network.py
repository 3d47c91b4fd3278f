"""Network: the names a program looked up and the connections it opened, where the network is observed."""

from __future__ import annotations

from collections.abc import Iterator

from pratique import STANDARD_KINDS, Event, EventKind, Session, hookimpl


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name in ("net.resolve", "net.connect")]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    yield from session.reached()

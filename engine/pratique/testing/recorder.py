"""Runs one plugin's observer over a session, through the machinery a real session uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pratique.events import Event
from pratique.host import Host
from pratique.merging import merge
from pratique.observing import Observers
from pratique.recording import ObserverRun
from pratique.testing.session import FakeSession


def record(plugin: object, session: FakeSession, settings: Mapping[str, Any] | None = None) -> list[Event]:
    """The events a plugin (module or object) makes of a session, checked and numbered as in a real one.

    Raises `AssertionError` with the reason when the plugin cannot be loaded, fails, or emits what it did not declare.
    """
    events, run, failures = watched(plugin, session, settings)
    assert run is not None or not failures, "; ".join(failures)
    assert run is None or not run.error, f"the observer {run.state}: {run.error}" if run else ""
    return events


def watched(
    plugin: object, session: FakeSession, settings: Mapping[str, Any] | None = None, budget: float = 30
) -> tuple[list[Event], ObserverRun | None, list[str]]:
    """Events, how the observer fared (None: the plugin has none), and what else went wrong."""
    host = Host.of({"plugin": plugin}, {"plugin": settings or session.settings})
    observers = Observers(host, session.view)
    observers.start()
    logs, runs = observers.finish(budget)
    return list(merge(logs).events), runs[0] if runs else None, [failure.message for failure in host.failures()]

"""What the program was refused, and what only seemed to work for it, in a few words for the report.

A rule of a policy's may weigh such an act; where none does, the person is told all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pratique.events import IDENTITY, Event
from pratique.sandbox.calls.answers import DENIED, PRETENDED

#: Acts named one by one, for each outcome.
MOST_NAMED: Final = 5
_SAID: Final = {PRETENDED: "only seemed to work", DENIED: "was refused"}


def notes(events: Iterable[Event]) -> tuple[str, ...]:
    """() when everything it did was done."""
    found: dict[str, dict[str, None]] = {outcome: {} for outcome in _SAID}
    for event in events:
        outcome = event.fields.get("outcome")
        if outcome in (DENIED, PRETENDED):
            what = (str(event.fields.get(field) or "") for field in IDENTITY.get(event.kind, ()))
            found[str(outcome)][" ".join(filter(None, (event.kind, *what)))] = None
    return tuple(f"{_SAID[outcome]}: {_some(acts)}" for outcome, acts in found.items() if acts)


def _some(acts: dict[str, None]) -> str:
    more = f" and {len(acts) - MOST_NAMED} others" if len(acts) > MOST_NAMED else ""
    return ", ".join(list(acts)[:MOST_NAMED]) + more

"""What the program was refused, and what only seemed to work for it, in a few words for the report.

A rule of a policy's may weigh such an act; where none does, the person is told all the same.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from typing import Final

from pratique.abridged import abridged
from pratique.events import IDENTITY, Event, EventKind
from pratique.recording import Process
from pratique.sandbox.calls.answers import DENIED, PRETENDED

_SAID: Final = {PRETENDED: "only seemed to work", DENIED: "was refused"}


def notes(events: Iterable[Event], processes: Iterable[Process], kinds: Mapping[str, EventKind]) -> tuple[str, ...]:
    """() when everything it did was done. `kinds`: those with words of their own for what they tell of."""
    programs = {process.id: process.program.rsplit("/", 1)[-1] for process in processes}
    found: dict[str, dict[str, None]] = {outcome: {} for outcome in _SAID}
    for event in events:
        outcome = event.fields.get("outcome")
        if outcome in (DENIED, PRETENDED):
            found[str(outcome)][_act(event, programs.get(event.process, ""), kinds)] = None
    return tuple(f"{_SAID[outcome]}: {abridged(acts, between='; ')}" for outcome, acts in found.items() if acts)


def _act(event: Event, program: str, kinds: Mapping[str, EventKind]) -> str:
    """What was done, to what, and the program that did it.

    >>> from pratique.events import STANDARD_KINDS, Vocabulary
    >>> _act(Event("mount.call", target="/mnt"), "mount", Vocabulary(STANDARD_KINDS))
    'a file system was mounted or unmounted: /mnt (mount)'
    """
    doc = kinds[event.kind].doc.partition(";")[0] if event.kind in kinds else event.kind
    what = _signal(event) if event.kind == "process.signal" else " ".join(
        str(event.fields[field]) for field in IDENTITY.get(event.kind, ()) if event.fields.get(field)
    )  # fmt: skip
    return doc[:1].lower() + doc[1:] + (f": {what}" if what else "") + (f" ({program})" if program else "")


def _signal(event: Event) -> str:
    """
    >>> _signal(Event("process.signal", target="", signal=9, outside=True))
    'SIGKILL to a process it did not start'
    """
    number = int(event.fields.get("signal") or 0)
    try:
        name = signal.Signals(number).name
    except ValueError:  # a real-time signal
        name = f"signal {number}"
    target = event.fields.get("target") or ("a process it did not start" if event.fields.get("outside") else "")
    return f"{name} to {target}" if target else name

"""Counts and sequences: what several events together amount to.

Both read the events that met one of their steps, in the order of (time, seq), and answer with *occurrences*: the
events of each, in order. What is kept between two events is bounded by the number of steps (a sequence) or by the
number that is counted, never by the length of the session. A window includes its edge: two events 60 s apart are
within 60s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pratique.events import Event

#: Several events that together met a trigger.
Occurrence: TypeAlias = "tuple[Event, ...]"


def count_occurrences(events: Sequence[Event], at_least: int, within: float | None) -> list[Occurrence]:
    """The bursts: as long as the window holds `at_least` events, those are one occurrence, however many there are.

    A burst ends when the window holds fewer; the next starts anew, with none of the events of this one.
    """
    found: list[Occurrence] = []
    burst: list[Event] = []  # of the burst that lasts, or of the window that may become one
    first = 0  # where in `burst` the window begins
    lasting = False
    for event in events:
        if within is not None:
            while first < len(burst) and event.time - burst[first].time > within:
                first += 1
        if lasting and len(burst) - first + 1 < at_least:
            found.append(tuple(burst))
            burst, first, lasting = [], 0, False
        if not lasting and first:
            del burst[:first]
            first = 0
        burst.append(event)
        lasting = lasting or len(burst) >= at_least
    if lasting:
        found.append(tuple(burst))
    return found


def sequence_occurrences(
    events: Sequence[tuple[Event, frozenset[int]]], steps: int, within: float | None
) -> list[Occurrence]:
    """The times all steps were met in order, by different events, the first to the last within the window.

    `events` come with the numbers of the steps they met. An occurrence is complete at the earliest event that can
    complete one, and consists of the earliest events that can; after it, everything starts anew.
    """
    found: list[Occurrence] = []
    # Behind each step: when the latest chain of events that met it and all before it began. The latest beginning is
    # the one that stays longest within the window, so no other needs to be kept to know whether one completes.
    latest: list[float | None] = [None] * steps
    begun = 0
    for at, (event, met) in enumerate(events):
        for step in sorted(met, reverse=True):  # backwards, so that one event is never two steps of one chain
            begin = event.time if step == 0 else latest[step - 1]
            if begin is not None and (latest[step] is None or begin >= latest[step]):  # type: ignore[operator]
                latest[step] = begin
        last = latest[steps - 1]
        if last is None:
            continue
        if within is None or event.time - last <= within:
            found.append(_earliest(events[begun : at + 1], steps, within, event.time))
            begun = at + 1
            latest = [None] * steps
        else:
            latest[steps - 1] = None  # complete, but not within the window
    return found


def _earliest(
    events: Sequence[tuple[Event, frozenset[int]]], steps: int, within: float | None, end: float
) -> Occurrence:
    """The earliest events that make up the occurrence known to complete with the last of these."""
    chain: list[Event] = []
    for event, met in events:
        if within is not None and end - event.time > within:
            continue
        if len(chain) in met:
            chain.append(event)
            if len(chain) == steps:
                break
    return tuple(chain)

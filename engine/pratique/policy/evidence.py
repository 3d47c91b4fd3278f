"""What a finding is seen by: kept so that a million events take no more room than a thousand, or than what they left.

Of the events that are evidence the first `MOST_KEPT` are kept by number, and beyond these every one that tells of a
lasting change, for that is what can be left out. The rest is counted.
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from pratique.events import Event

#: Events kept by number whatever they tell of.
MOST_KEPT: Final = 1000


class Mark(NamedTuple):
    """An event, as far as evidence needs it."""

    time: float
    seq: int
    at: int  # its place in the order of all events
    component: str
    #: What lasting change it tells of: an effect, or something done to the path of one; None: of nothing that lasts.
    lasting: int | tuple[str, str] | None


class Several:
    """Events that together met a trigger: one occurrence. `key` is the same for the same events, and only then."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []  # the first ones, and those that tell of something lasting
        self.places = array("Q")
        self.key = 0
        self.last: Mark | None = None
        self._lasting: set[tuple[str, str]] = set()

    def add(self, mark: Mark) -> None:
        """The next event, in the order of time."""
        self.places.append(mark.at)
        self.key = hash((self.key, mark.at))
        self.last = mark
        if len(self.marks) < MOST_KEPT or self._tells(mark):
            self.marks.append(mark)

    def _tells(self, mark: Mark) -> bool:
        if not isinstance(mark.lasting, tuple):
            return mark.lasting is not None
        if mark.lasting in self._lasting:
            return False
        self._lasting.add(mark.lasting)
        return True


class Evidence:
    """All events behind one finding, each counted once, and how often it was found."""

    def __init__(self, most: int) -> None:
        """`most`: occurrences beyond this number make no difference."""
        self.count = 0
        self._most = most
        self._found: set[int] = set()  # keys of occurrences
        self._seen = bytearray()  # a bit for each place in the order of all events
        self._marks: list[Mark] = []
        self._lasting: set[tuple[str, str]] = set()

    def add(self, occurrence: Several) -> None:
        if len(self._found) < self._most:
            self._found.add(occurrence.key)
        kept = {mark.at: mark for mark in occurrence.marks}
        for at in occurrence.places:
            if self._new(at) and (mark := kept.get(at)) is not None:
                self._keep(mark)

    def add_one(self, mark: Mark) -> None:
        """An occurrence of one event."""
        if len(self._found) < self._most:
            self._found.add(hash((0, mark.at)))
        if self._new(mark.at):
            self._keep(mark)

    @property
    def occurrences(self) -> int:
        return len(self._found)

    def marks(self) -> list[Mark]:
        """What is kept of it, in the order of time."""
        return sorted(self._marks, key=lambda mark: mark.at)

    def _new(self, at: int) -> bool:
        byte, bit = at >> 3, 1 << (at & 7)
        if byte >= len(self._seen):
            self._seen.extend(bytes(max(byte + 1 - len(self._seen), len(self._seen) // 2)))
        if self._seen[byte] & bit:
            return False
        self._seen[byte] |= bit
        self.count += 1
        return True

    def _keep(self, mark: Mark) -> None:
        """Whoever comes with the thousandth event may be earlier than some before: bursts are told at their end."""
        if len(self._marks) >= MOST_KEPT:
            if mark.lasting is None:
                return
            if isinstance(mark.lasting, tuple):
                if mark.lasting in self._lasting:
                    return
                self._lasting.add(mark.lasting)
        self._marks.append(mark)


def lasting(event: Event, paths: frozenset[str]) -> int | tuple[str, str] | None:
    """What lasting change an event tells of. `paths`: those that were changed for good."""
    if event.effect is not None:
        return event.effect
    if event.kind.startswith("file.") and event.kind != "file.read":
        path = event.fields.get("path")
        if path in paths:
            return event.kind, str(path)
    return None

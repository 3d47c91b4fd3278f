"""Counts and sequences: what several events together amount to.

Both are told of the events that met one of their steps, in the order of (time, seq), and answer with *occurrences*: the
events of each, in order. What is kept between two events is bounded by the number of steps (a sequence) or by the
number that is counted, never by the length of the session. A window includes its edge: two events 60 s apart are
within 60s.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from pratique.policy.evidence import Mark, Several

#: Events of one window that are remembered to find the earliest ones of a sequence.
MOST_REMEMBERED: Final = 4096


class Counting:
    """The bursts: as long as the window holds `at_least` events, those are one occurrence, however many there are.

    A burst ends when the window holds fewer; the next starts anew, with none of the events of this one.
    """

    def __init__(self, at_least: int, within: float | None) -> None:
        self._at_least = at_least
        self._within = within
        self._before: deque[float] = deque(maxlen=at_least - 1)  # times of the last ones: one more makes the number
        self._waiting: deque[Mark] = deque()  # of the window that may become a burst
        self._burst: Several | None = None  # the one that lasts

    def met(self, mark: Mark) -> Several | None:
        """The next event; the burst that has ended with it."""
        ended = None
        full = len(self._before) == self._at_least - 1 and (
            self._within is None or not self._before or mark.time - self._before[0] <= self._within
        )
        if self._burst is not None and not full:
            ended, self._burst = self._burst, None
            self._before.clear()
            full = self._at_least == 1
        self._before.append(mark.time)
        if self._burst is not None:
            self._burst.add(mark)
            return ended
        while self._within is not None and self._waiting and mark.time - self._waiting[0].time > self._within:
            self._waiting.popleft()
        self._waiting.append(mark)
        if full:
            self._burst = Several()
            for one in self._waiting:
                self._burst.add(one)
            self._waiting.clear()
        return ended

    def end(self) -> Several | None:
        """There are no more events: the burst that lasted to the end."""
        return self._burst


class _Chain(NamedTuple):
    """Events that met the steps so far, one each."""

    begin: float
    mark: Mark
    before: _Chain | None


class Following:
    """The times all steps were met in order, by different events, the first to the last within the window.

    An occurrence is complete at the earliest event that can complete one, and consists of the earliest events that can;
    after it, everything starts anew. (Of a window with more than `MOST_REMEMBERED` events: the latest that can.)
    """

    def __init__(self, steps: int, within: float | None) -> None:
        self._steps = steps
        self._within = within
        self._start()

    def _start(self) -> None:
        # Behind each step: the chain that began latest. It stays longest within the window, so no other needs to be
        # kept to know whether one completes.
        self._latest: list[_Chain | None] = [None] * self._steps
        self._window: deque[tuple[Mark, frozenset[int]]] = deque(maxlen=MOST_REMEMBERED)

    def met(self, mark: Mark, steps: frozenset[int]) -> Several | None:
        """The next event and the steps it met; the occurrence that is complete with it."""
        self._remember(mark, steps)
        latest = self._latest
        for step in sorted(steps, reverse=True):  # backwards, so that one event is never two steps of one chain
            before = latest[step - 1] if step else None
            if step and before is None:
                continue
            begin = mark.time if before is None else before.begin
            own = latest[step]
            if own is None or begin >= own.begin:
                latest[step] = _Chain(begin, mark, before)
        last = latest[-1]
        if last is None:
            return None
        if self._within is not None and mark.time - last.begin > self._within:
            latest[-1] = None  # complete, but not within the window
            return None
        found = Several()
        for one in self._earliest() or _marks(last):
            found.add(one)
        self._start()
        return found

    def _remember(self, mark: Mark, steps: frozenset[int]) -> None:
        window = self._window
        if self._within is None:
            if len(window) in steps:  # the earliest chain grows by itself
                window.append((mark, steps))
            return
        while window and mark.time - window[0][0].time > self._within:
            window.popleft()
        window.append((mark, steps))

    def _earliest(self) -> list[Mark]:
        """The earliest events of the window that make up the occurrence; [] when they are forgotten."""
        chain: list[Mark] = []
        for mark, steps in self._window:
            if len(chain) in steps:
                chain.append(mark)
                if len(chain) == self._steps:
                    return chain
        return []


def _marks(chain: _Chain | None) -> list[Mark]:
    out: list[Mark] = []
    while chain is not None:
        out.append(chain.mark)
        chain = chain.before
    return out[::-1]

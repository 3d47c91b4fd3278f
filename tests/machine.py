"""How fast this machine is just now: a bound in seconds is meant for the machine it was set on."""

from __future__ import annotations

import timeit
from typing import Final

#: An empty Python call where the bounds were set (docs/performance.md), s.
_CALL: Final = 31e-9
_CALLS: Final = 200_000


def slower() -> float:
    """How many times as long Python takes here as there; 1 on a machine that is as fast, or faster.

    The best of a few: of what a machine that is shared with others gives at times, not of how much they take.
    """
    best = min(timeit.repeat(lambda: None, number=_CALLS, repeat=9)) / _CALLS
    return max(1.0, best / _CALL)

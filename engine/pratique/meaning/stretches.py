"""What two sequences have in common and what not, in bounded time.

Members that stand once in each are compared first, then what is between them, and so on: Bram Cohen's patience diff.
Only what has no such member is left to `difflib`, whose time grows with the square of what it is given, or worse.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple, TypeAlias

Span: TypeAlias = tuple[int, int]

#: Steps of comparing, about a second of them. What would take more is not the same.
_MOST_STEPS: Final = 8_000_000
#: Times that every member may be looked at on the way to that.
_MOST_LOOKS: Final = 32


class Stretch(NamedTuple):
    """From where to where in the one and in the other; of those that are not the same, either may be empty."""

    same: bool
    old: Span
    new: Span


def stretches(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[Stretch]:
    """All of both, in order, the same and the different by turns.

    >>> [(one.same, "abcd"[slice(*one.old)], "bxcd"[slice(*one.new)]) for one in stretches("abcd", "bxcd")]
    [(False, 'a', ''), (True, 'b', 'b'), (False, '', 'x'), (True, 'cd', 'cd')]
    """
    in_old = in_new = 0
    for start, other, size in _joined(_common(old, new)):
        if (start, other) != (in_old, in_new):
            yield Stretch(False, (in_old, start), (in_new, other))
        in_old, in_new = start + size, other + size
        yield Stretch(True, (start, in_old), (other, in_new))
    if (in_old, in_new) != (len(old), len(new)):
        yield Stretch(False, (in_old, len(old)), (in_new, len(new)))


#: Where in the old, where in the new, and how many.
_Block: TypeAlias = tuple[int, int, int]


def _joined(blocks: Iterator[_Block]) -> Iterator[_Block]:
    last = (0, 0, 0)
    for start, other, size in blocks:
        if (start, other) == (last[0] + last[2], last[1] + last[2]):
            last = (last[0], last[1], last[2] + size)
            continue
        if last[2]:
            yield last
        last = (start, other, size)
    if last[2]:
        yield last


def _common(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[_Block]:
    """What is the same, in order; neighbours may touch."""
    steps = _MOST_STEPS + _MOST_LOOKS * (len(old) + len(new))
    ahead = [((0, len(old)), (0, len(new)))]
    while ahead:
        (a, a_end), (b, b_end) = ahead.pop()
        if size := _same_start(old, new, a, b, min(a_end - a, b_end - b)):
            yield a, b, size
            a, b = a + size, b + size
        if size := _same_end(old, new, a_end, b_end, min(a_end - a, b_end - b)):
            ahead.append(((a_end - size, a_end), (b_end - size, b_end)))
            a_end, b_end = a_end - size, b_end - size
        if a == a_end or b == b_end:
            continue
        here, there = old[a:a_end], new[b:b_end]
        steps -= len(here) + len(there)
        if steps < 0:
            continue
        if single := _once_in_both(here, there):
            starts = [(a, b), *((a + i, b + j) for i, j in single)]
            ends = [*starts[1:], (a_end, b_end)]
            ahead += [((i, i_end), (j, j_end)) for (i, j), (i_end, j_end) in zip(starts, ends, strict=True)][::-1]
        elif (cost := _cost(here, there)) <= steps:
            steps -= cost
            for i, j, size in SequenceMatcher(None, here, there, autojunk=False).get_matching_blocks():
                yield a + i, b + j, size


def _same_start(old: Sequence[Hashable], new: Sequence[Hashable], a: int, b: int, most: int) -> int:
    size = 0
    while size < most and old[a + size] == new[b + size]:
        size += 1
    return size


def _same_end(old: Sequence[Hashable], new: Sequence[Hashable], a_end: int, b_end: int, most: int) -> int:
    size = 0
    while size < most and old[a_end - 1 - size] == new[b_end - 1 - size]:
        size += 1
    return size


def _once_in_both(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Where those stand that are once in each: as many as are in the same order, by patience sorting."""
    often_old, often_new = Counter(old), Counter(new)
    place = {one: i for i, one in enumerate(new) if often_new[one] == 1}
    pairs = [(i, place[one]) for i, one in enumerate(old) if often_old[one] == 1 and one in place]
    tops: list[int] = []  # of each pile, the place in the new of the card on top
    cards: list[int] = []  # and which pair that is
    before: list[int] = []  # of each pair, the one on top of the pile before when it was put down
    for card, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        before.append(cards[pile - 1] if pile else -1)
        tops[pile : pile + 1], cards[pile : pile + 1] = [j], [card]
    longest = []
    at = cards[-1] if cards else -1
    while at >= 0:
        longest.append(pairs[at])
        at = before[at]
    return longest[::-1]


def _cost(old: Sequence[Hashable], new: Sequence[Hashable]) -> int:
    """Steps that `SequenceMatcher` may take: for each stretch it finds it goes over all that is the same again."""
    often = Counter(new)
    pairs = sum(often[one] for one in old)
    return (1 + min(len(old), len(new), pairs)) * (len(old) + pairs)

"""Counts and sequences: windows, order, starting anew."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.policy import groups
from pratique.policy.evidence import Mark, Several
from pratique.policy.groups import Counting, Following

Met = tuple[Mark, frozenset[int]]


def mark(number: int, time: float) -> Mark:
    return Mark(time, number, number, "", None)


def times(occurrences: list[Several]) -> list[list[float]]:
    return [[mark.time for mark in occurrence.marks] for occurrence in occurrences]


def count_occurrences(when: list[float], at_least: int, within: float | None) -> list[Several]:
    counting = Counting(at_least, within)
    found = [counting.met(mark(number, time)) for number, time in enumerate(when)]
    return [one for one in (*found, counting.end()) if one is not None]


def sequence_occurrences(events: list[Met], count: int, within: float | None) -> list[Several]:
    following = Following(count, within)
    return [found for one, met in events if (found := following.met(one, frozenset(met))) is not None]


@pytest.mark.parametrize(
    ("when", "at_least", "within", "expected"),
    [
        ([], 3, 60, []),
        ([1, 2], 3, 60, []),
        ([1, 2, 3], 3, 60, [[1, 2, 3]]),
        ([0, 30, 60], 3, 60, [[0, 30, 60]]),  # the edge is within
        ([0, 30, 60.5], 3, 60, []),
        ([0, 30, 61, 89], 3, 60, [[30, 61, 89]]),  # the window slides
        ([1, 2, 3, 4, 5], 3, 60, [[1, 2, 3, 4, 5]]),  # "or more"
        ([0, 40, 50, 80, 90], 3, 60, [[0, 40, 50, 80, 90]]),  # a burst lasts while the window is full
        ([0, 1, 2, 100, 101, 102], 3, 60, [[0, 1, 2], [100, 101, 102]]),
        ([0, 50, 60, 115, 116], 3, 60, [[0, 50, 60]]),
        ([0, 1, 60, 65], 3, 60, [[0, 1, 60]]),  # the next burst has none of the events of this one
        ([0, 1e9], 2, None, [[0, 1e9]]),
        ([0, 1, 2, 61], 3, 60, [[0, 1, 2, 61]]),  # with each further event the window is full again
    ],
)
def test_counting(when: list[float], at_least: int, within: float | None, expected: list[list[float]]) -> None:
    assert times(count_occurrences(when, at_least, within)) == expected


def bursts(when: list[float], at_least: int, within: float) -> list[list[float]]:
    """By looking at each window as a whole."""
    found: list[list[float]] = []
    burst: list[float] = []
    for time in when:
        window = [one for one in burst if time - one <= within]
        if len(burst) >= at_least and len(window) + 1 < at_least:
            found.append(burst)
            burst, window = [], []
        burst = [*(burst if len(burst) >= at_least else window), time]
    return [*found, burst] if len(burst) >= at_least else found


@settings(max_examples=500, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=14).map(sorted), st.integers(1, 4), st.integers(0, 5))
def test_counting_agrees_with_looking_at_each_window(when: list[float], at_least: int, within: float) -> None:
    assert times(count_occurrences(when, at_least, within)) == bursts(when, at_least, within)


def test_a_window_with_more_events_than_are_remembered_still_completes() -> None:
    many = groups.MOST_REMEMBERED + 10
    events = [(mark(0, 0), {0}), *((mark(n, 1), {1}) for n in range(1, many)), (mark(many, 2), {2})]
    (found,) = sequence_occurrences(events, 3, 60)
    assert [one.at for one in found.marks] == [0, many - 1, many]


def steps(text: str, *, apart: float = 1) -> list[Met]:
    """Events a second apart: a meets step 0, b step 1, ..., "*" both of these; a space is a second of nothing."""
    return [
        (mark(number, number * apart), frozenset({0, 1} if char == "*" else {ord(char) - ord("a")}))
        for number, char in enumerate(text)
        if char != " "
    ]


@pytest.mark.parametrize(
    ("text", "count", "within", "expected"),
    [
        ("ab", 2, 60, [[0, 1]]),
        ("ba", 2, 60, []),
        ("aab", 2, 60, [[0, 2]]),  # earliest matches first
        ("abb", 2, 60, [[0, 1]]),  # after a hit it starts anew
        ("abab", 2, 60, [[0, 1], [2, 3]]),
        ("acb", 2, 60, [[0, 2]]),  # others between do not matter
        ("a  b", 2, 3, [[0, 3]]),  # the edge is within
        ("a   b", 2, 3, []),
        ("a  a b", 2, 3, [[3, 5]]),  # the first chain is too old, a later one is not
        ("aabc", 3, 2, [[1, 2, 3]]),
        ("a b   b c", 3, 4, []),
        ("a   b", 2, None, [[0, 4]]),
        ("*", 2, 60, []),  # one event is never two steps
        ("**", 2, 60, [[0, 1]]),
        ("*b", 2, 60, [[0, 1]]),
        ("aba", 2, 60, [[0, 1]]),
    ],
)
def test_sequences(text: str, count: int, within: float | None, expected: list[list[float]]) -> None:
    events = [(event, met & set(range(count))) for event, met in steps(text)]
    assert times(sequence_occurrences(events, count, within)) == expected


def first_occurrence(events: list[Met], count: int, within: float) -> tuple[int, ...] | None:
    """By trying every choice of events: the one that ends first, and of those the earliest."""
    every = [
        chosen
        for chosen in combinations(range(len(events)), count)
        if all(step in events[at][1] for step, at in enumerate(chosen))
        and events[chosen[-1]][0].time - events[chosen[0]][0].time <= within
    ]
    return min(every, key=lambda chosen: (chosen[-1], chosen), default=None)


@settings(max_examples=500, deadline=None)
@given(st.text("abc* ", max_size=10), st.integers(1, 3), st.integers(0, 6))
def test_sequences_agree_with_trying_every_choice(text: str, count: int, within: float) -> None:
    events = [(event, met & set(range(count))) for event, met in steps(text)]
    expected = []
    rest = events
    while (chosen := first_occurrence(rest, count, within)) is not None:
        expected.append([rest[at][0].time for at in chosen])
        rest = rest[chosen[-1] + 1 :]
    assert times(sequence_occurrences(events, count, within)) == expected

"""What two sequences have in common: a partition of both, found in bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.meaning.stretches import stretches

_SEQUENCES = st.lists(st.integers(0, 6), max_size=40)


def _told(old: Sequence[object], new: Sequence[object]) -> list[tuple[bool, Sequence[object], Sequence[object]]]:
    return [(one.same, old[slice(*one.old)], new[slice(*one.new)]) for one in stretches(old, new)]


@given(_SEQUENCES, _SEQUENCES)
def test_they_are_all_of_both_and_the_same_and_the_different_take_turns(old, new):
    told = _told(old, new)
    assert [one for _, was, _ in told for one in was] == old
    assert [one for _, _, is_now in told for one in is_now] == new
    assert all((was == is_now) == same for same, was, is_now in told)
    assert all(one[0] != other[0] for one, other in pairwise(told))


def test_what_stands_once_in_each_is_kept_together():
    assert _told("{ab}{cd}", "{ab}{ef}{cd}") == [(True, "{ab}{", "{ab}{"), (False, "", "ef}{"), (True, "cd}", "cd}")]


def test_what_stands_often_is_compared_too():
    assert _told("xaaybb", "aazbb") == [
        (False, "x", ""), (True, "aa", "aa"), (False, "y", "z"), (True, "bb", "bb"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param([f"x{i}" if i % 2 else f"u{i}" for i in range(100_000)],
                     [f"x{i}" if i % 2 else f"v{i}" for i in range(100_000)], id="every second"),
        pytest.param([i // 2 if i % 4 < 2 else -i for i in range(100_000)],
                     [i // 2 if i % 4 < 2 else i + 1_000_000 for i in range(100_000)], id="none that is single"),
        pytest.param([1, 2] * 50_000, [2, 3, 1] * 30_000, id="few that are different"),
        pytest.param(list(range(100_000)), list(range(100_000))[::-1], id="the other way round"),
    ],
)  # fmt: skip
def test_nothing_takes_long(old, new):
    """Each took hours, or would have: the square of its length."""
    began = process_time()
    told = list(stretches(old, new))
    assert process_time() - began < 20
    assert told[-1].old[1] == len(old)
    assert told[-1].new[1] == len(new)

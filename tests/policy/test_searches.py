"""Searching many texts together finds what searching each alone finds."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.policy import searches
from pratique.policy.limits import LARGEST_PROGRAM
from pratique.policy.model import Regex
from pratique.policy.patterns import size
from pratique.policy.searches import (
    LONGEST_BLOCK,
    LONGEST_LINE,
    SearchTable,
    compiled,
    options,
    pattern,
    searcher,
)

EXPRESSIONS = [
    "a", "^a", "b$", "^$", "", "^ab$", r"\Ab", r"a\z", r"\ba\b", r"\Ba", "a.b", "[^a]b", r"a\sb", "(?s)a.b", "(?i)AB",
    "(?-m)a$", "(?m)^b", "ba*$", "a|^b", "é",
]  # fmt: skip
texts = st.text("abAé \n\udc80", max_size=5)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=6, unique=True),
    st.lists(texts, min_size=1, max_size=8),
)
def test_together_finds_what_alone_finds(expressions: list[str], subjects: list[str]) -> None:
    table: SearchTable[str] = SearchTable()
    for expression in expressions:
        table.add(expression, expression)
    together = {(at, entry) for at, entries in table.find_among()(subjects) for entry in entries}
    alone = {
        (at, expression)
        for at, text in enumerate(subjects)
        for expression in expressions
        if searcher([Regex(expression)])(text)
    }
    assert together == alone


def test_long_texts_among_short_ones() -> None:
    table: SearchTable[str] = SearchTable()
    table.add("needle$", "found")
    long = "x" * (LONGEST_LINE + 1) + "needle"
    subjects = ["hay", long, "a needle", "x" * LONGEST_BLOCK, "two\nneedle", "needle\ntwo"]
    assert sorted(at for at, _ in table.find_among()(subjects)) == [1, 2, 4]


@pytest.mark.parametrize(("flags", "expected"), [("", False), ("i", True)])
def test_flags_are_for_their_own_expression(flags: str, expected: bool) -> None:
    assert searcher([Regex("none"), Regex("AB", flags), Regex("cd")])("ab") is expected
    assert pattern(Regex("AB", "is")) == "(?is:AB)"


@pytest.mark.alone
def test_hostile_text_takes_linear_time() -> None:
    table: SearchTable[int] = SearchTable()
    table.add("(a+)+b", 0)
    table.add("(?s)x.*y.*z", 1)
    find = table.find_among()
    started = time.process_time()
    assert list(find(["a" * 100_000, *["x" * 200] * 255])) == []
    assert time.process_time() - started < 1


def test_a_set_too_large_for_the_engine_is_cut() -> None:
    huge = [f"(.*a.*b.*c{number}N){{700}}" for number in range(60)]  # each is sound, together no set can be compiled
    table: SearchTable[str] = SearchTable()
    for expression in (*huge, "needle"):
        table.add(expression, expression)
    assert table.find()("a needle") == ["needle"]
    assert list(table.find_among()(["hay", "a needle", "x" * LONGEST_BLOCK])) == [(1, ["needle"])]
    assert searcher([*map(Regex, huge), Regex("needle")])("a needle") is True
    assert searcher([*map(Regex, huge), Regex("needle")])("a nail") is False


def test_what_the_engine_refuses_together_is_halved() -> None:
    def compile(some: Sequence[str]) -> re2._Regexp:
        return re2.compile("|".join(some), options(1 << 20))

    expressions = [f"(?:{number}a|b{number}|c){{20}}" for number in range(1000)]
    with pytest.raises(re2.error):
        compile(expressions)
    halves = compiled(expressions, compile)
    assert len(halves) > 1
    for number in range(1000):
        assert any(half.fullmatch(f"b{number}" * 20) for half in halves)
    with pytest.raises(re2.error):  # what is alone cannot be halved
        compiled(["a{2000}{2000}"], compile)


def test_no_call_is_long_at_the_limit_of_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are looked at between calls only."""
    longest = 0
    lines = searches._lines

    def measured(matches: Sequence[searches._Match], block: str) -> list[int]:
        nonlocal longest
        longest = max(longest, len(block))
        return lines(matches, block)

    monkeypatch.setattr(searches, "_lines", measured)
    expressions = [f"(.*a.*b.*c{number}N){{9}}" for number in range(LARGEST_PROGRAM // 300)]
    table: SearchTable[int] = SearchTable()
    for number, expression in enumerate(expressions):
        table.add(expression, number)
    find = table.find_among()
    found = find([f"{'abc' * 20}{number}" for number in range(100)] + ["abc7N" * 9])
    assert [(at, entries) for at, entries in found] == [(100, [7])]
    assert longest * sum(map(size, expressions)) < 2 * searches.WORK

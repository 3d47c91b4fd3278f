"""Searching many texts together finds what searching each alone finds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.policy.model import Regex
from pratique.policy.searches import LONGEST_BLOCK, LONGEST_LINE, SearchTable, pattern, searcher

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


def test_hostile_text_takes_linear_time() -> None:
    table: SearchTable[int] = SearchTable()
    table.add("(a+)+b", 0)
    table.add("(?s)x.*y.*z", 1)
    find = table.find_among()
    started = time.perf_counter()
    assert list(find(["a" * 100_000, *["x" * 200] * 255])) == []
    assert time.perf_counter() - started < 1

"""A condition as a function: what each says, and what it says of a field that is not there."""

from __future__ import annotations

import pytest

from pratique.events import FieldValue
from pratique.policy.match import fields_of, needs_common, predicate
from pratique.policy.model import (
    Always,
    And,
    Condition,
    Contains,
    Equals,
    Flag,
    Globs,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    Regex,
    SameAs,
    Within,
)

HOME = "/home/ann"


def holds(condition: Condition, **fields: FieldValue) -> bool:
    return predicate(condition, HOME)(fields)


CASES: list[tuple[Condition, dict[str, FieldValue], bool]] = [
    (Always(), {}, True),
    (Flag("f"), {"f": True}, True),
    (Flag("f"), {"f": False}, False),
    (Flag("f"), {"f": 1}, False),
    (Equals("t", "a"), {"t": "a"}, True),
    (Equals("t", "a"), {"t": "A"}, False),
    (Equals("t", "A", fold=True), {"t": "a"}, True),
    (Equals("n", 420.0), {"n": 420}, True),
    (Equals("n", 1.0), {"n": True}, False),
    (Equals("f", True), {"f": True}, True),
    (Equals("f", True), {"f": 1}, False),
    (OneOf("t", ("a", "b")), {"t": "b"}, True),
    (OneOf("n", (25.0, 465.0)), {"n": 465}, True),
    (OneOf("n", (25.0, 465.0)), {"n": 80}, False),
    (Order("n", "<", 5), {"n": 5}, False),
    (Order("n", "<=", 5), {"n": 5}, True),
    (Order("n", ">", 5), {"n": 5.5}, True),
    (Order("n", ">=", 1), {"n": True}, False),
    (Globs("p", ("~/.{a,b}rc", "/etc/**")), {"p": "/home/ann/.brc"}, True),
    (Globs("p", ("~/.{a,b}rc", "/etc/**")), {"p": "/home/ann/.crc"}, False),
    (Globs("p", (r"HKCU\Run\*",), fold=True), {"p": r"hkcu\RUN\x"}, True),
    (Matches("t", (Regex("a+b"), Regex("^x", "i"))), {"t": "Xyz"}, True),
    (Matches("t", (Regex("^x$", "m"),)), {"t": "a\nx\nb"}, True),
    (Matches("t", (Regex("a.b"),)), {"t": "a\udc80b"}, True),
    (Matches("t", (Regex("^x$"),)), {"t": "a\nx\nb"}, False),
    (Contains("t", "contains", "bc"), {"t": "abcd"}, True),
    (Contains("t", "begins", "AB", fold=True), {"t": "abcd"}, True),
    (Contains("t", "ends", "cd"), {"t": "abcd"}, True),
    (Contains("t", "ends", "c"), {"t": "abcd"}, False),
    (Within("a", ("10.0.0.0/8", "fd00::/8")), {"a": "10.1.2.3"}, True),
    (Within("a", ("10.0.0.0/8", "fd00::/8")), {"a": "fd00::1"}, True),
    (Within("a", ("10.0.0.0/8",)), {"a": "::ffff:10.1.2.3"}, True),
    (Within("a", ("10.0.0.0/8",)), {"a": "not an address"}, False),
    (SameAs("t", "u"), {"t": "a", "u": "a"}, True),
    (SameAs("t", "u"), {"t": "a", "u": "b"}, False),
    (And((Flag("f"), Equals("t", "a"), Equals("u", "b"))), {"f": True, "t": "a", "u": "b"}, True),
    (And((Flag("f"), Equals("t", "a"))), {"f": True, "t": "b"}, False),
    (Or((Flag("f"), Equals("t", "a"))), {"t": "a"}, True),
    (Or((Flag("f"), Equals("t", "a"))), {"t": "b"}, False),
    (Not(Flag("f")), {"f": False}, True),
]


@pytest.mark.parametrize(("condition", "fields", "expected"), CASES)
def test_what_a_condition_says(condition: Condition, fields: dict[str, FieldValue], expected: bool) -> None:
    assert holds(condition, **fields) is expected


COMPARISONS: list[Condition] = [
    Flag("x"),
    Equals("x", "a"),
    Equals("x", 0.0),
    Equals("x", False),
    OneOf("x", ("a", 1.0)),
    Order("x", "<", 5),
    Globs("x", ("**",)),
    Matches("x", (Regex(""),)),
    Contains("x", "contains", ""),
    Within("x", ("0.0.0.0/0",)),
    SameAs("x", "y"),
]


@pytest.mark.parametrize("condition", COMPARISONS)
@pytest.mark.parametrize("fields", [{}, {"x": None}, {"x": None, "y": None}])
def test_a_comparison_with_a_field_that_is_not_there_is_false(
    condition: Condition, fields: dict[str, FieldValue]
) -> None:
    assert not holds(condition, **fields)
    assert holds(Not(condition), **fields)


def test_which_fields_a_condition_looks_at() -> None:
    condition = And((Not(Flag("a")), Or((SameAs("b", "c"), Equals("program", "/x"))), Always()))
    assert list(fields_of(condition)) == ["a", "b", "c", "program"]
    assert needs_common(condition)
    assert not needs_common(Flag("a"))

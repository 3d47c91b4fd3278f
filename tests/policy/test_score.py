"""The worked verdicts of docs/language.md, row by row and column by column, and what lies between them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.policy.model import AllOf, AnyOf, Decide, Found, Method, NotSo, Total
from pratique.policy.score import Finding, Verdict, holds, judge, shown, total_of, without

SUM, MAX, HALVED = Method(name="sum"), Method(name="max"), Method(name="damped", factor=0.5)
METHODS = (SUM, MAX, HALVED)


def found(weight: float, category: str = "c", *, component: str = "player", **more: object) -> Finding:
    return Finding(action=f"{category}-{weight}", weight=weight, category=category, component=component, **more)  # type: ignore[arg-type]


def verdict(findings: list[Finding], method: Method, decide: Decide = Decide(), threshold: float = 100) -> Verdict:  # noqa: B008
    return judge(findings, components=("player",), method=method, threshold=threshold, decide=decide)


HOME_PAGE = found(100, "browser")
DISCLOSED = [found(20, "browser", disclosed=True), found(20, "autorun", disclosed=True)]
TEN_ICONS = [found(20, "clutter") for _ in range(10)]
CAPPED = [found(10, "clutter", count=3)]
BUNDLE = [
    found(20, "clutter"),
    found(20, "clutter"),
    found(100, "browser", component="toolbar"),
    found(60, "nagging", component="toolbar"),
]


@pytest.mark.parametrize(
    ("findings", "method", "total", "outcome"),
    [
        ([HOME_PAGE], SUM, "100.0", "undesirable"),
        ([HOME_PAGE], MAX, "100.0", "undesirable"),
        ([HOME_PAGE], HALVED, "100.0", "undesirable"),
        (DISCLOSED, SUM, "40.0", "clean"),
        (DISCLOSED, MAX, "20.0", "clean"),
        (DISCLOSED, HALVED, "40.0", "clean"),
        (TEN_ICONS, SUM, "200.0", "undesirable"),
        (TEN_ICONS, MAX, "20.0", "clean"),
        (TEN_ICONS, HALVED, "40.0", "clean"),
        (CAPPED, SUM, "30.0", "clean"),
        (CAPPED, MAX, "10.0", "clean"),
        (CAPPED, HALVED, "17.5", "clean"),
    ],
)
def test_worked_verdict(findings: list[Finding], method: Method, total: str, outcome: str) -> None:
    given_verdict = verdict(findings, method)
    assert (shown(given_verdict.total), given_verdict.verdict) == (total, outcome)


def test_ten_icons_damped_are_not_rounded_before_the_end() -> None:
    assert verdict(TEN_ICONS, HALVED).total == 39.9609375


@pytest.mark.parametrize(
    ("method", "whole", "player", "toolbar"), [(SUM, 200, 40, 160), (MAX, 100, 20, 100), (HALVED, 190, 30, 160)]
)
def test_worked_verdict_of_a_bundle(method: Method, whole: float, player: float, toolbar: float) -> None:
    given_verdict = verdict(BUNDLE, method)
    parts = {part.name: part for part in given_verdict.components}
    assert (given_verdict.total, given_verdict.verdict) == (whole, "undesirable")
    assert (parts["player"].total, parts["player"].verdict) == (player, "clean")
    assert (parts["toolbar"].total, parts["toolbar"].verdict) == (toolbar, "undesirable")


def test_without_is_not_offered_when_what_is_done_is_done() -> None:
    findings = [
        found(10, "reputation"), found(100, "privacy", remedy="none"), found(10, "clutter", remedy="revert")
    ]  # fmt: skip
    given_verdict = verdict(findings, SUM)
    rest = without(given_verdict, Decide())
    assert given_verdict.total == 120
    assert rest.rest.total == 110
    assert not rest.offered


def test_without_leaves_out_and_installs_the_rest() -> None:
    given_verdict = verdict([found(100, "browser", remedy="revert"), found(10, "clutter", remedy="revert")], SUM)
    rest = without(given_verdict, Decide())
    assert given_verdict.total == 110
    assert rest.rest.total == 0
    assert rest.offered


@pytest.mark.parametrize("method", METHODS)
def test_nothing_found_is_clean(method: Method) -> None:
    given_verdict = verdict([], method)
    assert (given_verdict.total, given_verdict.verdict) == (0, "clean")
    assert [part.name for part in given_verdict.components] == ["player"]
    assert not without(given_verdict, Decide()).offered


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_of_nothing_adds_nothing(method: Method) -> None:
    assert verdict([found(0), found(0, count=5)], method).total == 0


def test_a_threshold_of_nothing_makes_everything_undesirable() -> None:
    assert verdict([], SUM, threshold=0).undesirable


def test_just_under_the_threshold_is_clean_though_it_is_shown_as_the_threshold() -> None:
    just_under = verdict([found(99.96)], SUM)
    assert (shown(just_under.total), just_under.verdict) == ("100.0", "clean")


def test_tenths_add_up_as_they_are_written() -> None:
    assert verdict([found(0.1), found(0.2), found(99.7)], SUM).undesirable


def test_damped_by_one_is_the_sum() -> None:
    whole = Method(name="damped", factor=1.0)
    assert total_of(BUNDLE, whole) == total_of(BUNDLE, SUM)


def test_damped_by_nothing_takes_the_largest_of_each_category() -> None:
    assert total_of(BUNDLE, Method(name="damped", factor=0.0)) == 20 + 100 + 60


def test_damped_counts_each_time_separately_and_the_heaviest_first() -> None:
    mixed = [found(10, "c", count=2), found(40, "c")]
    assert total_of(mixed, HALVED) == 40 + 5 + Fraction(5, 2)


def test_the_whole_damps_a_category_over_all_components() -> None:
    both = [found(40, "c"), found(40, "c", component="toolbar")]
    assert verdict(both, HALVED).total == 60


def test_halves_are_shown_even() -> None:
    assert [shown(total) for total in (0.05, 0.15, 0.25, 0.35, 12.45, 99.95)] == [
        "0.0", "0.2", "0.2", "0.4", "12.4", "100.0"
    ]  # fmt: skip


def test_one_undesirable_component_makes_the_whole_undesirable() -> None:
    one_action = Decide(undesirable=AllOf((Found("c-5"), Total(op="<", value=50))))
    parts = [found(5), found(60, component="toolbar")]
    given_verdict = verdict(parts, SUM, one_action)
    assert given_verdict.total == 65
    assert [part.verdict for part in given_verdict.components] == ["undesirable", "clean"]
    assert given_verdict.undesirable


def test_clean_components_can_make_an_undesirable_whole() -> None:
    given_verdict = verdict([found(60), found(60, component="toolbar")], SUM)
    assert [part.verdict for part in given_verdict.components] == ["clean", "clean"]
    assert given_verdict.undesirable


@pytest.mark.parametrize(("disclosed", "expected"), [(False, "undesirable"), (True, "clean")])
def test_an_action_alone_can_decide(disclosed: bool, expected: str) -> None:
    decide = Decide(undesirable=AnyOf((Total(op=">="), Found("browser-1", disclosed=False))))
    assert verdict([found(1, "browser", disclosed=disclosed)], SUM, decide).verdict == expected


@pytest.mark.parametrize(
    ("op", "bound", "expected"),
    [(">=", 50, True), (">", 50, False), ("<=", 50, True), ("<", 50, False), ("=", 50, True), (">=", None, False)],
)
def test_a_total_is_compared(op: str, bound: float | None, expected: bool) -> None:
    assert holds(Total(op=op, value=bound), Fraction(50), (), 100) is expected  # type: ignore[arg-type]
    assert holds(NotSo(Total(op=op, value=bound)), Fraction(50), (), 100) is not expected  # type: ignore[arg-type]


weights = st.decimals(0, 1000, places=2).map(float)
some_findings = st.lists(st.builds(found, weights, st.sampled_from("abc"), count=st.integers(1, 4)), max_size=8)


@given(some_findings, st.sampled_from(METHODS), st.randoms())
def test_order_makes_no_difference(findings: list[Finding], method: Method, random: object) -> None:
    shuffled = findings[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total_of(shuffled, method) == total_of(findings, method)


@given(some_findings, weights, st.sampled_from(METHODS))
def test_one_more_finding_never_lowers_the_total(findings: list[Finding], weight: float, method: Method) -> None:
    assert total_of([*findings, found(weight, "a")], method) >= total_of(findings, method)


@given(some_findings)
def test_max_is_at_most_damped_is_at_most_sum(findings: list[Finding]) -> None:
    assert total_of(findings, MAX) <= total_of(findings, HALVED) <= total_of(findings, SUM)

"""What counts as having told the person, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from pratique.events import Event
from pratique.policy.compile import compile_policy
from pratique.policy.disclose import LONGEST_LABEL
from pratique.policy.model import Action, ByControl, ByPrompt, Disclosure, Policy, Regex, Single, Step
from pratique.policy.score import Finding

HOME_PAGE = Regex(r"(home|start) ?page", "i")
SEARCH = Regex(r"default search|search engine", "i")
TICKED = ByControl(controls=("checkbox", "radio"), labelled=(HOME_PAGE,), state="left ticked")
ASKED = ByPrompt(asking=(HOME_PAGE,), answered="yes")


def action(name: str) -> Action:
    return Action(
        name=name,
        title=name,
        category="browser",
        weight=100,
        disclosed_weight=20,
        triggers=(Single(Step(kinds=(f"browser.{name}",))),),
    )


def disclosure(name: str, covers: tuple[str, ...], *by: ByControl | ByPrompt) -> Disclosure:
    return Disclosure(name=name, covers=covers, by=by)


def findings(disclosures: list[Disclosure], *events: Event, bundled_by: dict[str, str] | None = None) -> list[Finding]:
    policy = Policy(name="p", actions=(action("home"), action("search")), disclosures=tuple(disclosures))
    return compile_policy(policy, home="/home/ann").findings(events, bundled_by=bundled_by or {})


def home(seq: int = 9, **rest: Any) -> Event:
    return Event("browser.home", seq=seq, time=seq, **rest)


def search(seq: int = 9, **rest: Any) -> Event:
    return Event("browser.search", seq=seq, time=seq, **rest)


def leave(label: str, *, control: str = "checkbox", seq: int = 1, component: str = "", **fields: Any) -> Event:
    given = {"ticked": True, "touched": False, "window": "Setup", **fields}
    return Event("control.leave", seq=seq, time=seq, component=component, control=control, label=label, **given)


def answer(text: str, said: str = "yes", *, by: str = "person", seq: int = 1, component: str = "") -> Event:
    return Event("prompt.answer", seq=seq, time=seq, component=component, text=text, answer=said, by=by)


BY_CONTROL = disclosure("home", ("home",), TICKED)
BY_PROMPT = disclosure("home", ("home",), ASKED)


def test_a_control_left_ticked_discloses_and_the_lower_weight_holds() -> None:
    (finding,) = findings([BY_CONTROL], leave("Make it my home page"), home())
    assert (finding.disclosed, finding.weight) == (True, 20)


def test_nothing_shown_discloses_nothing() -> None:
    (finding,) = findings([BY_CONTROL], home())
    assert (finding.disclosed, finding.weight) == (False, 100)


@pytest.mark.parametrize(
    "event",
    [
        leave("Make it my home page", ticked=False),
        leave("Make it my home page", control="button"),
        leave("Make it faster"),
        leave("Make it my home page", by="policy"),
        leave("Make it my home page", seq=10),  # too late
        leave("Make it my home page", component="somebody else"),
        leave("I accept the licence and the new home page"),
        leave("By installing you accept the Terms of Service, home page"),
        leave("home page " + "and more " * (LONGEST_LABEL // 9)),
    ],
)
def test_a_control_that_discloses_nothing(event: Event) -> None:
    (finding,) = findings([BY_CONTROL], event, home())
    assert not finding.disclosed


@pytest.mark.parametrize(
    ("state", "ticked", "touched", "expected"),
    [
        ("left ticked", True, False, True),
        ("left ticked", False, True, False),
        ("ticked", True, True, True),
        ("ticked", True, False, False),
        ("pressed", False, True, True),
        ("pressed", True, False, False),
        ("shown", False, False, True),
    ],
)
def test_the_state_is_the_one_the_page_was_left_in(state: Any, ticked: bool, touched: bool, expected: bool) -> None:
    by = ByControl(controls=("checkbox",), labelled=(HOME_PAGE,), state=state)
    event = leave("home page", ticked=ticked, touched=touched)
    (finding,) = findings([disclosure("d", ("home",), by)], event, home())
    assert finding.disclosed is expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (answer("Make example.org your home page? [Y/n]", "y"), True),
        (answer("Make example.org your home page? [Y/n]", "Yes "), True),
        (answer("Make example.org your home page? [Y/n]", "n"), False),
        (answer("Make example.org your home page? [Y/n]", ""), False),
        (answer("Make example.org your home page?", "yes", by="pipe"), False),
        (answer("Make example.org your home page?", "yes", by="policy"), False),
        (answer("Continue?", "yes"), False),
        (answer("Accept the license and the home page?", "yes"), False),
        (answer("Make it your home page?", "yes", seq=10), False),
    ],
)
def test_a_question_discloses_when_a_person_said_yes(event: Event, expected: bool) -> None:
    (finding,) = findings([BY_PROMPT], event, home())
    assert finding.disclosed is expected


def test_the_first_evidence_counts() -> None:
    (finding,) = findings([BY_PROMPT], home(1), answer("home page?", seq=2), home(3))
    assert not finding.disclosed


def test_one_accept_for_two_disclosures_discloses_neither() -> None:
    other = disclosure(
        "search", ("search",), ByControl(controls=("checkbox",), labelled=(SEARCH,), state="left ticked")
    )
    together = findings([BY_CONTROL, other], leave("Set home page and default search"), home(), search(10))
    assert [finding.disclosed for finding in together] == [False, False]
    apart = findings(
        [BY_CONTROL, other], leave("Set my home page"), leave("Set my default search", seq=2), home(), search(10)
    )
    assert [finding.disclosed for finding in apart] == [True, True]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Make example.org my home page", True),
        ("Home page (a home page of your own)", True),
        ("Home page and default search", False),
        ("Home page and start page", False),
    ],
)
def test_a_disclosure_of_several_actions_must_find_one_thing(label: str, expected: bool) -> None:
    both = disclosure(
        "browser",
        ("home", "search"),
        ByControl(controls=("checkbox",), labelled=(HOME_PAGE, SEARCH), state="left ticked"),
    )
    found = findings([both], leave(label), home(), search(10))
    assert [finding.disclosed for finding in found] == [expected, expected]


def test_the_carrier_can_tell_about_a_component_it_brings() -> None:
    told = [answer("Set the home page?", component="player"), home(component="toolbar")]
    (finding,) = findings([BY_PROMPT], *told, bundled_by={"toolbar": "player"})
    assert finding.disclosed
    (finding,) = findings([BY_PROMPT], *told)
    assert not finding.disclosed


def test_a_bundled_component_cannot_tell_for_its_carrier() -> None:
    told = [answer("Set the home page?", component="toolbar"), home(component="player")]
    (finding,) = findings([BY_PROMPT], *told, bundled_by={"toolbar": "player"})
    assert not finding.disclosed


def test_one_offer_is_not_for_two_bundled_components_unless_it_names_one() -> None:
    bundled_by = {"toolbar": "player", "helper": "player"}
    done = [home(component="toolbar"), home(10, component="helper")]
    unnamed = findings([BY_PROMPT], answer("Set the home page?", component="player"), *done, bundled_by=bundled_by)
    assert [finding.disclosed for finding in unnamed] == [False, False]
    named = findings(
        [BY_PROMPT], answer("Let Helper set the home page?", component="player"), *done, bundled_by=bundled_by
    )
    assert {finding.component: finding.disclosed for finding in named} == {"toolbar": False, "helper": True}


def test_a_chain_of_carriers_that_bites_its_tail_ends() -> None:
    events = [answer("home page?", component="c"), home(component="a")]
    (finding,) = findings([BY_PROMPT], *events, bundled_by={"a": "b", "b": "a"})
    assert not finding.disclosed

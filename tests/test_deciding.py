"""Who decides, and what `without` leaves out."""

from __future__ import annotations

import msgspec
import pytest

from pratique.deciding import LeavingOut, belonging, choose, leave_out
from pratique.events import Event
from pratique.policy.model import AnyOf, Decide, Found, Method, NotSo, Policy
from pratique.policy.score import Finding, Verdict, judge
from pratique.recording import Effect, ObserverRun, Recording, Share
from pratique.subject import Subject
from pratique_remediation.revert import remedies

POLICY = Policy(name="p")
REMEDIES = {remedy.name: remedy for remedy in remedies()}


def finding(action: str, weight: float, *evidence: int, remedy: str = "revert") -> Finding:
    return Finding(action=action, category="c", weight=weight, component="x", remedy=remedy, evidence=evidence)


def verdict(*findings: Finding) -> Verdict:
    return judge(findings, components=["x"], method=Method(), threshold=100, decide=Decide())


def effect(number: int, path: str, kind: str = "file", parts: tuple[int, ...] = ()) -> Effect:
    return Effect(id=number, type=kind, op="add", path=path, component="x", parts=parts)


def recording(effects: list[Effect], events: list[Event]) -> Recording:
    for number, event in enumerate(events):
        event.seq = number
    return Recording(
        id="t", subject=Subject(path="/x", name="x"), home="/root", effects=tuple(effects), events=tuple(events)
    )


def leaving(kept: Recording, judged: Verdict) -> LeavingOut:
    return leave_out(kept, judged, POLICY, REMEDIES)


def test_an_effect_read_from_the_diff_is_left_out_with_its_finding():
    kept = recording([effect(0, "/a"), effect(1, "/b")], [Event("file.write", effect=1, path="/b")])
    judged = verdict(finding("autorun", 100, 0))
    out = leaving(kept, judged)
    assert out.effects == {1}
    assert out.treatments[0].outcome == "reverted"
    assert out.offered
    assert belonging(kept, judged, POLICY) == {1: "autorun"}


def test_an_event_of_another_observer_finds_its_effect_by_the_path():
    kept = recording([effect(0, "/a")], [Event("file.write", path="/a")])
    assert leaving(kept, verdict(finding("autorun", 100, 0))).effects == {0}


@pytest.mark.parametrize(
    ("undesirable", "stays"),
    [(Decide().undesirable, True), (Found("icon"), False), (AnyOf((NotSo(Found("icon")), Found("other"))), False)],
)
def test_what_weighs_nothing_stays_unless_it_is_asked_for(undesirable, stays):
    kept = recording(
        [effect(0, "/a"), effect(1, "/b")], [Event("file.write", effect=0, path="/a"), Event("file.write", effect=1)]
    )
    decide = Decide(undesirable=undesirable)
    found = (finding("icon", 0, 0), finding("autorun", 100, 1))
    judged = judge(found, components=["x"], method=Method(), threshold=100, decide=decide)
    out = leave_out(kept, judged, Policy(name="p", decide=decide), REMEDIES)
    assert out.effects == ({1} if stays else {0, 1})
    assert out.treatments[0].outcome == ("kept" if stays else "reverted")


def test_reading_a_file_never_leaves_that_file_out():
    kept = recording([effect(0, "/a")], [Event("file.read", path="/a")])
    out = leaving(kept, verdict(finding("spies", 100, 0)))
    assert out.effects == frozenset()
    assert out.treatments[0].outcome == "kept"
    assert not out.offered


def test_what_cannot_be_left_out_keeps_its_weight():
    kept = recording([effect(0, "/a")], [Event("file.write", effect=0, path="/a"), Event("net.connect")])
    judged = verdict(finding("icon", 10, 0), finding("exfiltration", 100, 1, remedy="none"))
    out = leaving(kept, judged)
    assert out.rest.total == 100
    assert not out.offered


def test_a_service_goes_with_its_link():
    kept = recording(
        [effect(0, "/etc/systemd/system/multi-user.target.wants/x.service"), effect(1, "/etc/x", "service", (0,))],
        [Event("service.enable", effect=1, name="x.service")],
    )
    out = leaving(kept, verdict(finding("service", 100, 0, remedy="disable")))
    assert out.effects == {0, 1}
    assert out.treatments[0].outcome == "disabled"


def test_one_of_two_accounts_in_a_file_cannot_go_alone():
    accounts = [
        effect(0, "/etc/passwd"),
        msgspec.structs.replace(effect(1, "/etc/passwd", "account"), shares=(Share(0, ()),)),
        msgspec.structs.replace(effect(2, "/etc/passwd", "account"), shares=(Share(0, ()),)),
    ]
    kept = recording(
        accounts, [Event("account.add", effect=1, name="toor"), Event("account.add", effect=2, name="web")]
    )
    alone = leaving(kept, verdict(finding("root-account", 100, 0)))
    assert alone.effects == frozenset()
    assert (alone.treatments[0].outcome, alone.offered) == ("failed", False)
    both = leaving(kept, verdict(finding("root-account", 100, 0), finding("login", 60, 1)))
    assert both.effects == {0, 1, 2}
    assert both.offered


BAD = verdict(finding("autorun", 100, 0))
CLEAN = verdict()


def decided(judged: Verdict, *, undesirable="ask", flag=None, remembered=None, answer=None, can_leave_out=True):
    events = [Event("file.write", effect=0, path="/a")] if can_leave_out else [Event("file.read", path="/a")]
    out = leaving(recording([effect(0, "/a")], events), judged)
    policy = Policy(name="p", undesirable=undesirable, unattended="refuse")
    part = choose(policy, judged, out, flag=flag, remembered=remembered, ask=lambda: answer)
    return part.choice, part.source


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"flag": "install", "remembered": "refuse", "undesirable": "refuse", "answer": "refuse"}, ("install", "flag")),
        ({"remembered": "install", "undesirable": "refuse", "answer": "refuse"}, ("install", "remembered")),
        ({"undesirable": "without", "answer": "refuse"}, ("without", "policy")),
        ({"answer": "install"}, ("install", "person")),
        ({"answer": None}, ("refuse", "policy")),
        ({"flag": "without", "can_leave_out": False}, ("refuse", "flag")),
        ({"undesirable": "without", "can_leave_out": False}, ("refuse", "policy")),
    ],
)
def test_flags_win_over_memory_over_policy_over_the_person(arguments, expected):
    assert decided(BAD, **arguments) == expected


def test_a_clean_program_is_installed_without_a_question():
    assert decided(CLEAN, answer="refuse") == ("install", "policy")
    assert decided(CLEAN, flag="refuse") == ("refuse", "flag")
    assert decided(CLEAN, flag="without") == ("without", "flag")


def untold(state: str, *told: int) -> LeavingOut:
    """Of two effects only those in `told` have an event, and an observer ended like this."""
    kept = recording([effect(0, "/a"), effect(1, "/b")], [Event("file.write", effect=n, path="/a") for n in told])
    return leaving(msgspec.structs.replace(kept, observers=(ObserverRun(name="o", state=state),)), CLEAN)


@pytest.mark.parametrize(
    ("out", "answer", "expected"),
    [
        (untold("overran", 0), None, ("refuse", "policy")),
        (untold("failed", 0), "install", ("install", "person")),
        (untold("failed", 0, 1), None, ("install", "policy")),
        (untold("ok", 0), None, ("install", "policy")),
    ],
)
def test_what_is_clean_because_nobody_saw_is_not_installed_unasked(out, answer, expected):
    policy = Policy(name="p", undesirable="install", unattended="install")
    part = choose(policy, CLEAN, out, flag=None, remembered=None, ask=lambda: answer)
    assert (part.choice, part.source) == expected

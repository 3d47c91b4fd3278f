"""A component refused by itself: what goes with it, what is scored then, and what needs it."""

from __future__ import annotations

from typing import Any

import pytest

from pratique.deciding import LeavingOut, choose, leave_out
from pratique.errors import UsageError
from pratique.events import Event
from pratique.policy.model import Decide, Method, Policy
from pratique.policy.score import Finding, Verdict, judge
from pratique.recording import Component, Effect, FileState, Process, Recording, Share
from pratique.refusing import depending, effects, named
from pratique.report import DecisionPart
from pratique.run.concluding import conclude
from pratique.subject import Subject
from pratique_remediation.revert import remedies

POLICY = Policy(name="p", threshold=100)
REMEDIES = {remedy.name: remedy for remedy in remedies()}
COMPONENTS = (
    Component(name="player"),
    Component(name="toolbar", kind="dropped", path="/opt/bar/toolbar"),
    Component(name="codec", kind="package"),
)
PROCESSES = (
    Process(id=0, program="/bin/sh", component="player"),
    Process(id=1, parent=0, program="/opt/bar/toolbar", component="toolbar"),
    Process(id=2, parent=1, program="/bin/cp", component="toolbar"),
)


def file(number: int, path: str, component: str, **more: Any) -> Effect:
    after = more.pop("after", FileState(type="file", mode=0o755, uid=0, gid=0))
    return Effect(id=number, type="file", op="add", path=path, component=component, after=after, **more)


def recording(*own: Effect, events: tuple[Event, ...] = (), processes: tuple[Process, ...] = PROCESSES) -> Recording:
    for number, event in enumerate(events, 1):
        event.seq = number
    return Recording(
        id="t", subject=Subject(path="/p.run", name="player"), home="/root", components=COMPONENTS,
        processes=processes, effects=own, events=events, exit_status=0,
    )  # fmt: skip


def verdict(*found: Finding) -> Verdict:
    names = [component.name for component in COMPONENTS]
    return judge(found, components=names, method=Method(), threshold=100, decide=Decide())


def finding(component: str, weight: float, *evidence: int, remedy: str = "revert", action: str = "a") -> Finding:
    return Finding(
        action=f"{action}-{component}",
        category="c",
        weight=weight,
        component=component,
        remedy=remedy,
        evidence=evidence,
    )


def leaving(kept: Recording, judged: Verdict, *refused: str, only: bool = False) -> LeavingOut:
    return leave_out(kept, judged, POLICY, REMEDIES, refused=frozenset(refused), only_refused=only)


SIMPLE = recording(file(1, "/opt/player", "player"), file(2, "/opt/bar/toolbar", "toolbar"), file(3, "/opt/x", "codec"))


# -- what goes --------------------------------------------------------------------------------------------------------


def test_everything_a_component_did_goes_and_everything_else_stays():
    out = leaving(SIMPLE, verdict(), "toolbar")
    assert (out.effects, out.refused, out.offered) == ({2}, {"toolbar"}, True)
    assert [part.name for part in out.rest.components] == ["player", "codec"]


def test_a_file_it_had_a_hand_in_goes_as_well_though_another_wrote_it_last():
    wrote = (
        Event("file.write", process=2, path="/root/.bashrc"),
        Event("file.rename", process=1, path="/tmp/x", to="/etc/moved"),
        Event("file.read", process=2, path="/opt/player"),
        Event("file.write", process=0, path="/root/.profile"),
    )
    own = (
        file(1, "/opt/player", "player"), file(2, "/root/.bashrc", "player"), file(3, "/etc/moved", "player"),
        file(4, "/root/.profile", "player"),
        file(5, "/var/lib/status", "player", details={"by_package_manager": "true"}),
    )  # fmt: skip
    wrote_status = Event("file.write", process=1, path="/var/lib/status")
    assert effects(recording(*own, events=(*wrote, wrote_status)), "toolbar") == {2, 3}


def test_of_a_file_with_shares_only_its_own_go():
    own = (
        file(1, "/etc/passwd", "toolbar", pieces=2),
        Effect(id=2, type="account", op="add", path="/etc/passwd", component="toolbar", shares=(Share(1, (0,)),)),
        Effect(id=3, type="account", op="add", path="/etc/passwd", component="player", shares=(Share(1, (1,)),)),
    )
    assert effects(recording(*own), "toolbar") == {2}
    assert effects(recording(*own), "player") == {3}
    assert effects(recording(*own[:2]), "toolbar") == {1, 2}


# -- the score --------------------------------------------------------------------------------------------------------


def test_its_findings_are_off_the_score_and_those_of_others_are_treated_as_ever():
    events = (Event("file.create", effect=1, path="/opt/player"), Event("net.connect"))
    kept = recording(*SIMPLE.effects, events=events)
    judged = verdict(finding("player", 40, 1), finding("toolbar", 160, 2, remedy="none"))
    out = leaving(kept, judged, "toolbar")
    assert (out.rest.total, out.effects) == (0, {1, 2})
    assert out.treatments[1].note == "left out with toolbar"
    only = leaving(kept, judged, "toolbar", only=True)
    assert (only.rest.total, only.effects) == (40, {2})
    assert only.treatments[0].outcome == "kept"


def test_a_bundled_component_that_cannot_be_treated_goes_as_a_whole_when_that_makes_the_rest_clean():
    out = leaving(SIMPLE, verdict(finding("player", 40, remedy="none"), finding("toolbar", 160, remedy="none")))
    assert (out.refused, out.offered, out.rest.total) == ({"toolbar"}, True, 40)


@pytest.mark.parametrize(
    "findings",
    [
        (finding("player", 100, remedy="none"),),
        (finding("player", 100, remedy="none"), finding("toolbar", 100, remedy="none")),
        (finding("player", 60, remedy="none"), finding("toolbar", 60, remedy="none")),
    ],
    ids=["the program itself", "both", "only together"],
)
def test_the_program_itself_is_never_left_out_and_a_clean_component_is_not_either(findings):
    out = leaving(SIMPLE, verdict(*findings))
    assert (out.refused, out.offered, out.rest.total) == (frozenset(), False, sum(one.weight for one in findings))


def test_a_component_whose_findings_can_be_left_out_is_kept():
    kept = recording(*SIMPLE.effects, events=(Event("file.create", effect=2, path="/opt/bar/toolbar"),))
    out = leaving(kept, verdict(finding("toolbar", 100, 1)))
    assert (out.refused, out.effects) == (frozenset(), {2})


# -- the decision -----------------------------------------------------------------------------------------------------


def decided(kept: Recording, judged: Verdict, choice: Any, *refused: str) -> tuple[DecisionPart, Any]:
    out = leaving(kept, judged, *refused, only=choice == "install")
    decision = choose(POLICY, judged, out, flag=choice, remembered=None, ask=lambda: None)
    return decision, conclude(kept, POLICY, judged, out, decision)


def test_all_but_a_component_is_installed():
    judged = verdict(finding("player", 100, remedy="none"), finding("toolbar", 10))
    decision, conclusion = decided(SIMPLE, judged, "install", "toolbar")
    assert (decision.choice, decision.components) == ("install", ("toolbar",))
    assert conclusion.wanted == {1, 3}
    assert {part.name: part.decision for part in conclusion.report.components} == {
        "player": "install", "toolbar": "refuse", "codec": "install",
    }  # fmt: skip
    assert [action.outcome for action in conclusion.report.actions] == ["kept", "reverted"]


def test_without_a_component_nothing_is_installed_when_the_rest_is_undesirable():
    judged = verdict(finding("player", 100, remedy="none"), finding("toolbar", 10))
    decision, conclusion = decided(SIMPLE, judged, "without", "toolbar")
    assert (decision.choice, conclusion.exit_code, conclusion.wanted) == ("refuse", 10, frozenset())


def test_a_name_nobody_has_is_refused_with_the_names_there_are():
    assert named(COMPONENTS, ["toolbar", "codec"]) == {"toolbar", "codec"}
    with pytest.raises(UsageError, match="no component 'tolbar'; nothing was committed") as error:
        named(COMPONENTS, ["tolbar"])
    assert error.value.hint.endswith("toolbar, codec")
    with pytest.raises(UsageError, match="player is the program itself"):
        named(COMPONENTS, ["player"])


# -- what needs it ----------------------------------------------------------------------------------------------------


def test_what_stays_and_needs_what_goes_is_named():
    link = FileState(type="link", mode=0o777, uid=0, gid=0, target="/opt/bar/toolbar")
    own = (
        file(1, "/usr/bin/start", "player"),
        file(2, "/opt/bar/toolbar", "toolbar"),
        file(3, "/usr/bin/tb", "player", after=link),
        Effect(id=4, type="package", op="add", path="/x", component="player", details={"package": "extra"}, needs=(5,)),
        Effect(id=5, type="package", op="add", path="/x", component="toolbar", details={"package": "bar"}),
        file(6, "/opt/runner", "player"),
    )
    events = (
        Event("file.write", effect=1, path="/usr/bin/start", added="#!/bin/sh\nexec /opt/bar/toolbar --now\n"),
        Event("file.write", effect=6, path="/opt/runner", added="/opt/bar/toolbars /my/opt/bar/toolbar"),
    )
    processes = (*PROCESSES, Process(id=3, parent=0, program="/opt/runner", component="player"),
                 Process(id=4, parent=3, program="/opt/bar/toolbar", component="toolbar"))  # fmt: skip
    kept = recording(*own, events=events, processes=processes)
    assert depending(kept, frozenset({"toolbar"}), frozenset({2, 5})) == (
        "/usr/bin/tb leads to /opt/bar/toolbar",
        "extra needs bar",
        "/opt/runner runs toolbar",
        "/usr/bin/start speaks of /opt/bar/toolbar",
    )
    assert depending(kept, frozenset({"toolbar"}), frozenset({1, 2, 3, 4, 5, 6})) == ()

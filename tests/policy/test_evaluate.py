"""From events to findings: once per component, with all the evidence, in an order that never changes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pratique.events import Event
from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.model import (
    Action,
    Always,
    Condition,
    Count,
    Flag,
    Globs,
    GroupBy,
    Not,
    Policy,
    Sequence,
    Single,
    Step,
    Trigger,
)

HOME = "/home/ann"


def on(kind: str, where: Condition = Always()) -> Step:  # noqa: B008
    return Step(kinds=(kind,), where=where)


def action(name: str, *triggers: Trigger, weight: float = 10, each_up_to: int = 1) -> Action:
    return Action(name=name, title=name, category="c", weight=weight, triggers=triggers, each_up_to=each_up_to)


def policy(*actions: Action) -> CompiledPolicy:
    return compile_policy(Policy(name="p", actions=actions), home=HOME)


def event(kind: str, seq: int, *, time: float | None = None, **rest: Any) -> Event:
    return Event(kind, seq=seq, time=seq if time is None else time, **rest)


ICONS = action("icon", Single(on("file.create", Globs("path", ("~/Desktop/*",)))), each_up_to=3)


def icons(count: int, **rest: Any) -> list[Event]:
    return [event("file.create", seq, path=f"{HOME}/Desktop/{seq}", **rest) for seq in range(1, count + 1)]


def test_an_action_is_found_once_per_component_with_all_its_evidence() -> None:
    shell = action("shell", Single(on("file.write", Globs("path", ("~/.*rc",)))))
    events = [
        event("file.write", 1, path=f"{HOME}/.bashrc", component="player"),
        event("file.write", 2, path=f"{HOME}/.zshrc", component="player"),
        event("file.write", 3, path=f"{HOME}/.bashrc", component="toolbar"),
        event("file.write", 4, path="/opt/player/rc", component="player"),
    ]
    first, second = policy(shell).findings(events)
    assert (first.component, first.evidence, first.count, first.weight) == ("player", (1, 2), 1, 10)
    assert (second.component, second.evidence) == ("toolbar", (3,))


@pytest.mark.parametrize(("seen", "counted"), [(1, 1), (2, 2), (3, 3), (7, 3)])
def test_each_up_to_counts_each_piece_of_evidence(seen: int, counted: int) -> None:
    (finding,) = policy(ICONS).findings(icons(seen))
    assert (finding.count, len(finding.evidence)) == (counted, seen)


def test_seven_icons_score_thirty() -> None:
    verdict = policy(ICONS).verdict(icons(7), components=["player"])
    assert (verdict.total, verdict.verdict) == (30, "clean")


def test_an_event_found_by_two_triggers_counts_once() -> None:
    twice = action(
        "a", Single(on("file.create")), Single(on("file.create", Globs("path", ("/**", "/a*")))), each_up_to=5
    )
    (finding,) = policy(twice).findings([event("file.create", 1, path="/a")])
    assert (finding.count, finding.evidence) == (1, (1,))


def test_a_step_of_several_kinds() -> None:
    either = action("a", Single(Step(kinds=("file.create", "file.write"))), each_up_to=9)
    (finding,) = policy(either).findings([event("file.create", 1), event("file.write", 2), event("file.read", 3)])
    assert finding.evidence == (1, 2)


def test_an_event_counts_for_its_own_component_before_its_process_and_the_first_before_nothing() -> None:
    any_write = action("a", Single(on("file.write")))
    events = [
        event("file.write", 1, process=1),
        event("file.write", 2, process=1, component="other"),
        event("file.write", 3, process=9),
    ]
    found = policy(any_write).findings(events, component_of={0: "main", 1: "tool"})
    assert [(finding.component, finding.evidence) for finding in found] == [
        ("tool", (1,)), ("other", (2,)), ("main", (3,))
    ]  # fmt: skip


STORM = "window.raise"


def storm(by: GroupBy, within: float | None = 60) -> CompiledPolicy:
    return policy(action("storm", Count(3, on(STORM), by, within), each_up_to=9))


def test_counting_by_process_and_by_session() -> None:
    events = [event(STORM, seq, process=seq % 2) for seq in range(4)]
    assert storm("process").findings(events) == []
    (finding,) = storm("session").findings(events)
    assert (finding.count, finding.evidence) == (1, (0, 1, 2, 3))


def test_a_count_that_is_met_again_counts_again() -> None:
    events = [event(STORM, seq, time=time) for seq, time in enumerate([0, 1, 2, 500, 501, 502])]
    (finding,) = storm("process").findings(events)
    assert (finding.count, finding.evidence) == (2, (0, 1, 2, 3, 4, 5))


def test_counting_by_component() -> None:
    events = [event(STORM, seq, process=seq, component="toolbar" if seq else "player") for seq in range(4)]
    (finding,) = storm("component").findings(events)
    assert (finding.component, finding.evidence) == ("toolbar", (1, 2, 3))


def exfiltration(by: GroupBy) -> CompiledPolicy:
    steps = (on("file.read", Globs("path", ("~/.ssh/**",))), on("net.connect", Not(Flag("loopback"))))
    return policy(action("exfiltration", Sequence(steps, by, 60)))


READ_THEN_TALK = [
    event("file.read", 1, path=f"{HOME}/.ssh/id", process=2),
    event("net.connect", 2, address="192.0.2.1", loopback=False, process=3),
]


@pytest.mark.parametrize(
    ("by", "parents", "expected"),
    [
        ("process", {2: 1, 3: 1, 1: None}, False),
        ("tree", {2: 1, 3: 2, 1: None}, True),  # a child of the reader
        ("tree", {2: 1, 3: 1, 1: None}, True),  # a sibling
        ("tree", {2: None, 3: None}, False),
        ("tree", {2: 3, 3: 2}, False),  # nonsense, but it ends
        ("session", {}, True),
    ],
)
def test_a_sequence_is_within_its_group(by: GroupBy, parents: dict[int, int | None], expected: bool) -> None:
    assert bool(exfiltration(by).findings(READ_THEN_TALK, parents=parents)) is expected


def test_a_sequence_counts_for_the_component_that_completed_it() -> None:
    (finding,) = exfiltration("session").findings(READ_THEN_TALK, component_of={2: "player", 3: "toolbar"})
    assert (finding.component, finding.evidence) == ("toolbar", (1, 2))


def test_talking_before_reading_is_no_exfiltration() -> None:
    read, talk = READ_THEN_TALK
    earlier = event("net.connect", 0, time=0, loopback=False, process=3)
    assert exfiltration("session").findings([read, earlier]) == []
    assert exfiltration("session").findings([talk, read])  # the order they came in makes no difference


def test_the_same_time_is_ordered_by_number() -> None:
    steps = (on("a.a"), on("b.b"))
    ordered = policy(action("ab", Sequence(steps, "session")))
    assert ordered.findings([event("b.b", 2, time=5), event("a.a", 1, time=5)])
    assert not ordered.findings([event("b.b", 1, time=5), event("a.a", 2, time=5)])


def test_findings_come_in_the_order_of_their_first_evidence_whatever_the_order_of_events() -> None:
    rules = policy(
        action("late", Single(on("k.late"))),
        action("early", Single(on("k.early"))),
        action("storm", Count(2, on("k.late"), "session", 9)),
    )
    events = [event("k.late", seq) for seq in range(3, 9)] + [event("k.early", 1, component="x"), event("k.early", 2)]
    expected = rules.findings(events)
    assert [finding.action for finding in expected] == ["early", "early", "late", "storm"]
    for seed in range(5):
        shuffled = events[:]
        random.Random(seed).shuffle(shuffled)
        assert rules.findings(shuffled) == expected


def test_nothing_comes_of_nothing() -> None:
    assert policy().findings(icons(3)) == []
    assert policy(ICONS).findings([]) == []
    assert policy().verdict([], components=["player"]).verdict == "clean"

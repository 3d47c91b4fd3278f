"""A recording judged: what it knows of processes and components reaches the policy, and replays never differ."""

from __future__ import annotations

import msgspec
import pytest

from pratique import judging
from pratique.events import Event
from pratique.policy.compile import compile_policy
from pratique.policy.model import (
    Action,
    ByPrompt,
    Disclosure,
    Equals,
    Globs,
    Policy,
    Regex,
    Sequence,
    Single,
    Step,
    Trigger,
)
from pratique.recording import Component, Effect, Process, Recording
from pratique.subject import Subject


def action(name: str, trigger: Trigger) -> Action:
    return Action(name=name, title=name, category="c", weight=60, disclosed_weight=5, triggers=(trigger,))


def on(kind: str, where: object = Globs("path", ("~/**",))) -> Step:
    return Step(kinds=(kind,), where=where)  # type: ignore[arg-type]


POLICY = Policy(
    name="p",
    actions=(
        action("home", Single(on("file.write"))),
        action("shell", Single(on("file.write", Equals("program", "/bin/sh")))),
        action("leak", Sequence((on("file.read"), Step(kinds=("net.connect",))), "tree", 60)),
    ),
    disclosures=(Disclosure(name="d", covers=("home",), by=(ByPrompt(asking=(Regex("home"),), answered="yes"),)),),
)

RECORDING = Recording(
    id="1",
    subject=Subject(path="/tmp/player"),
    home="/home/ann",
    components=(
        Component(name="player"),
        Component(name="toolbar", kind="dropped"),
        Component(name="zlib", kind="package"),
    ),
    processes=(
        Process(id=0, program="/tmp/player"),
        Process(id=1, parent=0, program="/tmp/toolbar", component="toolbar", started=2),
        Process(id=2, parent=1, program="/bin/sh", component="toolbar", started=3),
    ),
    events=(
        Event("prompt.answer", seq=1, time=1, text="Use your home?", answer="yes", by="person"),
        Event("file.write", seq=2, time=4, process=2, path="/home/ann/x"),
        Event("file.read", seq=3, time=5, process=0, path="/home/ann/y"),
        Event("net.connect", seq=4, time=6, process=2, address="192.0.2.1"),
    ),
)


def test_everything_the_recording_knows_is_used() -> None:
    verdict = judging.judge(POLICY, RECORDING)
    found = {finding.action: finding for finding in verdict.findings}
    assert (found["home"].component, found["home"].disclosed) == ("toolbar", True)  # told by its carrier
    assert found["shell"].evidence == (2,)
    assert found["leak"].evidence == (3, 4)
    assert {part.name: part.total for part in verdict.components} == {"player": 0, "toolbar": 125, "zlib": 0}
    assert verdict.undesirable


def test_a_replay_never_differs() -> None:
    compiled = compile_policy(POLICY, home="/home/ann")
    first = judging.judge(compiled, RECORDING)
    assert all(judging.judge(compiled, RECORDING) == first for _ in range(3))
    assert judging.judge(POLICY, RECORDING) == first


def test_a_policy_for_another_home_is_refused() -> None:
    with pytest.raises(ValueError, match="compiled for the home '/root'"):
        judging.judge(compile_policy(POLICY, home="/root"), RECORDING)


def test_why_each_component_is_one() -> None:
    assert judging.why_components(RECORDING, judging.judge(POLICY, RECORDING)) == [
        "the program that was started",
        "brought along by player, ran /tmp/toolbar",
        "a package that was installed",
    ]


def test_a_process_that_is_its_own_ancestor_does_no_harm() -> None:
    processes = (Process(id=1, parent=2, component="a"), Process(id=2, parent=1, component="b"))
    odd = Recording(id="1", subject=Subject(path=""), home="/home/ann", processes=processes, events=RECORDING.events)
    assert judging.judge(POLICY, odd).findings


def test_a_change_counts_for_the_component_that_made_it_whatever_its_event_says() -> None:
    events = (Event("file.write", seq=1, effect=7, component="player", path="/home/ann/x"),)
    effects = (Effect(id=7, type="file", op="add", path="/home/ann/x", component="toolbar"),)
    verdict = judging.judge(POLICY, msgspec.structs.replace(RECORDING, events=events, effects=effects))
    assert [finding.component for finding in verdict.findings] == ["toolbar"]

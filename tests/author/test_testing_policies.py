"""`pratique policy test`: examples and tests are run, and a wrong one says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique import policies, recording
from pratique.author import testing_policies
from pratique.author.testing_policies import Result
from pratique.events import STANDARD_KINDS, Event, Vocabulary
from pratique.recording import Component, Process, Recording
from pratique.subject import Subject

POLICY = """\
policy trial "A policy on trial" {{
    version "1.0"
    threshold 100
}}

action shell-startup "Runs itself whenever a shell starts" {{
    category autorun
    on file.write where path matches "~/.bashrc" and not by_package_manager
    weight 100 disclosed 20
    remedy revert
    match file.write {{ path "~/.bashrc" }}
    no match file.write {{ path "~/.bashrc", by_package_manager true }}
    {example}
}}

action desktop-icon "Puts icons on the desktop" {{
    category clutter
    on file.create where path matches "~/Desktop/*"
    weight 10 each up to 3
    remedy revert
}}

{test}
"""


def write(folder: Path, *, example: str = "", test: str = "") -> Path:
    path = folder / "trial.policy"
    path.write_text(POLICY.format(example=example, test=test))
    return path


def results(path: Path) -> list[Result]:
    vocabulary = Vocabulary(STANDARD_KINDS)
    return list(testing_policies.run(policies.load(path, vocabulary), vocabulary))


def session(folder: Path, name: str = "player.rec") -> Path:
    kept = Recording(
        id="1",
        subject=Subject(path="/tmp/player"),
        home="/home/ann",
        components=(Component(name="player"), Component(name="toolbar", kind="dropped")),
        processes=(
            Process(id=0, program="/tmp/player", component="player"),
            Process(id=1, parent=0, program="/tmp/toolbar", component="toolbar"),
        ),
        events=(
            Event("file.create", seq=1, time=1, path="/home/ann/Desktop/player"),
            Event("file.write", seq=2, time=2, process=1, path="/home/ann/.bashrc"),
        ),
    )
    recording.write(kept, folder / name)
    return folder / name


def test_good_examples_pass(tmp_path: Path) -> None:
    assert [(result.kind, result.passed) for result in results(write(tmp_path))] == [
        ("match", True), ("no match", True)
    ]  # fmt: skip


def test_a_wrong_match_says_which_condition_failed_and_where_it_stands(tmp_path: Path) -> None:
    *_, wrong = results(write(tmp_path, example='match file.write { path "~/.zshrc" }'))
    assert not wrong.passed
    assert wrong.where.line == 13
    assert wrong.problems == (
        "expected that shell-startup is found; it was not",
        'path matches "~/.bashrc": no, path is "/home/example/.zshrc"',
    )


def test_a_wrong_no_match_fails(tmp_path: Path) -> None:
    *_, wrong = results(write(tmp_path, example='no match file.write { path "~/.bashrc", size 3 }'))
    assert wrong.problems == ("expected that shell-startup is not found; it was",)


def test_a_test_on_a_recording_beside_the_policy(tmp_path: Path) -> None:
    session(tmp_path)
    path = write(
        tmp_path,
        test="""
test "the bundled toolbar is refused, the player is not" {
    given recording "player.rec"
    expect undesirable, total 110, action shell-startup undisclosed
    expect component "player" clean, total 10, no action shell-startup
    expect component "toolbar" undesirable
}
""",
    )
    assert [result.problems for result in results(path)] == [(), (), ()]


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ("clean", "expected the verdict clean, found undesirable (total 110)"),
        ("total 100", "expected the total 100, found 110: desktop-icon 10, shell-startup 100"),
        ("action shell-startup disclosed", "expected the action shell-startup disclosed; it was undisclosed"),
        ("no action desktop-icon", "expected no action desktop-icon; it was found"),
        ('component "player" undesirable', 'expected the verdict of "player" undesirable, found clean (total 10)'),
        ('component "helper" clean', 'expected a component "helper"; the components are: player, toolbar'),
    ],
)
def test_an_expectation_that_is_not_met(tmp_path: Path, expect: str, problem: str) -> None:
    session(tmp_path)
    path = write(tmp_path, test=f'test "t" {{\n    given recording "player.rec"\n    expect {expect}\n}}')
    assert results(path)[-1].problems == (problem,)


def test_a_recording_that_is_torn_fails_the_test(tmp_path: Path) -> None:
    kept = session(tmp_path)
    kept.write_bytes(kept.read_bytes()[:-9])
    path = write(tmp_path, test='test "t" {\n    given recording "player.rec"\n    expect clean\n}')
    assert "the file was cut off after" in results(path)[-1].problems[0]


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_shipped_policy_holds_what_it_says(pratique) -> None:  # type: ignore[no-untyped-def]
    ran = pratique("policy", "test")
    assert ran.code == 0, ran.out + ran.err
    assert "all passed" in ran.out


def test_the_command_reports_like_a_test_runner(pratique, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path, example='match file.write { path "~/.zshrc" }')
    ran = pratique("policy", "test", path)
    assert ran.code == 3
    assert "FAIL  shell-startup: match" in ran.out
    assert "1 failed" in ran.out
    document = pratique("policy", "test", path, "--json").out
    assert [result["passed"] for result in json.loads(document)["results"]] == [True, True, False]


def test_an_invalid_policy_is_not_tested(pratique, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.policy"
    path.write_text('policy bad "x" {\n    thresold 3\n}\n')
    ran = pratique("policy", "test", path)
    assert ran.code == 3
    assert "thresold" in ran.err
    assert pratique("policy", "test", tmp_path / "none.policy").code == 2

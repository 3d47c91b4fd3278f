"""`pratique policy diff`: recordings that two policies judge differently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique import recording
from pratique.author.diff import compare, recordings_in
from pratique.events import Event
from pratique.policy.model import Action, Globs, Policy, Single, Step
from pratique.recording import Component, Recording
from pratique.subject import Subject


def policy(weight: float, *, glob: str = "~/.bashrc", threshold: float = 100) -> Policy:
    trigger = Single(Step(kinds=("file.write",), where=Globs("path", (glob,))))
    action = Action(name="shell", title="", category="c", weight=weight, triggers=(trigger,))
    return Policy(name="p", actions=(action,), threshold=threshold)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two sessions, of two people."""
    for home, wrote in (("/home/ann", ".bashrc"), ("/home/bob", "notes")):
        session = Recording(
            id="1",
            subject=Subject(path="/tmp/setup"),
            home=home,
            components=(Component(name="setup"),),
            events=(Event("file.write", seq=1, path=f"{home}/{wrote}"),),
        )
        place = tmp_path / "recordings" / home.rpartition("/")[2]
        place.mkdir(parents=True)
        recording.write(session, place / "setup.rec")
    return tmp_path / "recordings"


def test_the_same_policy_judges_the_same(kept: Path) -> None:
    comparison = compare(policy(100), policy(100), recordings_in([kept]))
    assert (comparison.recordings, comparison.differences) == (2, ())


def test_a_lower_weight_turns_one(kept: Path) -> None:
    comparison = compare(policy(100), policy(30), recordings_in([kept]))
    (one,) = comparison.differences
    assert one.before and one.after
    assert (one.before.verdict, one.after.verdict, one.after.total) == ("undesirable", "clean", 30)
    assert one.recording.endswith("ann/setup.rec")
    assert (one.gained, one.lost, one.turned) == ((), (), True)
    assert comparison.share == 0.5


def test_actions_gained_and_lost(kept: Path) -> None:
    comparison = compare(policy(10), policy(10, glob="~/notes"), recordings_in([kept]))
    ann, bob = comparison.differences
    assert (ann.lost, ann.gained) == ((("setup", "shell"),), ())
    assert (bob.lost, bob.gained) == ((), (("setup", "shell"),))
    assert not ann.turned


def test_a_file_that_is_no_recording_is_told(kept: Path) -> None:
    (kept / "torn.rec").write_text("{}\n")
    comparison = compare(policy(1), policy(1), recordings_in([kept]))
    (one,) = comparison.differences
    assert "expected a first line with schema" in one.problem
    assert comparison.share == 0


SHELL = """\
policy {name} "t" {{
    version "1"
}}

action shell "Writes to the shell" {{
    category autorun
    on file.write where path matches "~/.bashrc"
    weight {weight}
    remedy revert
}}
"""


def test_the_command(pratique, kept: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    old, new = tmp_path / "old" / "old.policy", tmp_path / "new" / "new.policy"
    for path, name, weight in ((old, "old", 100), (new, "new", 30)):
        path.parent.mkdir()
        path.write_text(SHELL.format(name=name, weight=weight))
    ran = pratique("policy", "diff", old, new, "--on", kept)
    assert ran.code == 10, ran.err
    assert "undesirable -> clean, total 100 -> 30" in ran.out
    assert "2 recordings: 1 judged differently, 1 of them with another class (50.0% of all)" in ran.out
    document = json.loads(pratique("policy", "diff", old, new, "--on", kept, "--json").out)
    assert document["share_turned"] == 0.5
    assert pratique("policy", "diff", old, old, "--on", kept).code == 0
    assert pratique("policy", "diff", old, new, "--on", tmp_path / "nothing").code == 2
    assert pratique("policy", "diff", old, new, "--on", tmp_path / "old").code == 2


def test_what_could_not_be_judged_is_not_counted_as_judged_differently(pratique, kept: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    old = tmp_path / "old.policy"
    old.write_text(SHELL.format(name="ours", weight=100))
    whole = next(kept.rglob("*.rec")).read_bytes()
    (tmp_path / "cut.rec").write_bytes(whole[: len(whole) // 2])
    ran = pratique("policy", "diff", old, old, "--on", tmp_path / "cut.rec")
    assert (ran.code, ran.out.splitlines()[-1]) == (2, "1 recording: 1 not judged")
    ran = pratique("policy", "diff", old, old, "--on", tmp_path / "cut.rec", "--on", kept)
    assert (ran.code, ran.out.splitlines()[-1]) == (2, "3 recordings: nothing is judged differently, 1 not judged")


def test_reading_that_nobody_watched_for_is_no_proof_of_nothing(pratique, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name, reads in (("watched", ("~/.ssh/**", "/etc/shadow")), ("not", ("~/.ssh/**",)), ("old", None)):
        session = Recording(
            id="1", subject=Subject(path="/tmp/setup"), home="/root", components=(Component(name="setup"),), reads=reads
        )
        recording.write(session, tmp_path / f"{name}.rec")
    file = tmp_path / "stricter.policy"
    file.write_text(
        'policy stricter { version "1" }\n'
        'action shadow { on file.read where path in ["/etc/shadow", "~/.ssh/**"]; weight 100; remedy none }\n'
    )
    said = "nobody watched for reading of /etc/shadow: what only that would show is not judged"
    for name, told in (("watched", False), ("not", True), ("old", False)):
        one = tmp_path / f"{name}.rec"
        assert (said in pratique("policy", "diff", file, file, "--on", one).out) is told
        assert (said in " ".join(pratique("replay", "--policy", file, one).out.split())) is told
        document = pratique("policy", "diff", file, file, "--on", one, "--json").json
        assert document["unwatched"] == ({str(one): ["/etc/shadow"]} if told else {})


def test_two_versions_of_one_policy_lie_side_by_side(pratique, kept: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    old, new = tmp_path / "old.policy", tmp_path / "new.policy"
    for path, weight in ((old, 100), (new, 30)):
        path.write_text(SHELL.format(name="ours", weight=weight))
    ran = pratique("policy", "diff", old, new, "--on", kept)
    assert ran.code == 10, ran.err
    assert "undesirable -> clean, total 100 -> 30" in ran.out

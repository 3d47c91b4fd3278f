"""Decided, and in the way of it the host: what was seen is reported, recorded and kept, and can be committed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def conflict(scene, tmp_path):
    """(report, recording, standard error) of a session whose file came into being on the host meanwhile."""
    script = scene.script("echo theirs > ~/new", "echo other > ~/other", "echo ready >&2", "sleep 1")
    words = ["run", "--install", "--json", "--record", tmp_path / "x.rec", script]
    process = subprocess.Popen(
        [sys.executable, "-m", "pratique.cli.main", *words],
        env={**os.environ, **scene.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr.readline() == "ready\n"
    (scene.home / "new").write_text("host\n")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    return json.loads(out), tmp_path / "x.rec", err


def test_a_conflict_is_reported_recorded_and_in_the_history(scene, conflict):
    report, recording, err = conflict
    assert (report["exit_code"], report["decision"]) == (5, {"choice": "install", "source": "flag"})
    assert not any(effect["kept"] for effect in report["effects"])
    assert {effect["path"] for effect in report["effects"]} >= {f"{scene.home}/new", f"{scene.home}/other"}
    assert report["notes"][-2:] == [
        "the host changed since the session began; nothing was committed",
        f"{scene.home}/new: was changed while the session ran",
    ]
    assert f"`pratique commit {report['id']}` tries again" in err
    assert "installed" not in err
    replayed = scene.pratique("replay", recording, "--json").json
    different = {name for name in report if report[name] != replayed[name]}
    assert different <= {"id", "started", "duration"}
    (line,) = scene.pratique("history").out.splitlines()
    assert (line.split()[0], " kept " in line) == (report["id"], True)
    assert (scene.home / "new").read_text() == "host\n"


def test_what_is_in_the_way_is_listed_once_with_one_hint(scene):
    session = scene.run("--keep", "--json", scene.script("echo theirs > ~/new")).json["id"]
    (scene.home / "new").write_text("host\n")
    done = scene.pratique("commit", "--install", session)
    assert done.code == 5
    assert done.err.splitlines() == [
        "pratique: the host changed since the session began; nothing was committed:",
        f"  {scene.home}/new: a file is there now",
        f"  it is kept: `pratique commit {session}` tries again, once nothing is in the way; where that cannot be, "
        f"`pratique discard {session}` and run the installer again",
    ]
    assert "a file is there now" not in done.out
    assert "nothing was committed" not in done.out
    assert "a file is there now" in scene.pratique("show", session).out


def test_what_is_in_the_way_can_be_removed_and_committed_again(scene):
    session = scene.run("--keep", "--json", scene.script("echo theirs > ~/new")).json["id"]
    (scene.home / "new").write_text("host\n")
    first, again = (scene.pratique("commit", "--install", "--json", session) for _ in range(2))
    assert (first.code, first.json["decision"]) == (5, {"choice": "install", "source": "flag"})
    assert f"`pratique commit {session}` tries again" in first.err
    assert first.json["notes"][-1] == f"{scene.home}/new: a file is there now"
    assert again.json["notes"] == first.json["notes"], "said once"
    assert scene.pratique("show", session, "--json").json["exit_code"] == 5
    (scene.home / "new").unlink()
    done = scene.pratique("commit", "--install", session)
    assert done.code == 0, done.err
    assert (scene.home / "new").read_text() == "theirs\n"
    assert scene.sessions() == []


def test_a_conflict_that_is_discarded_leaves_nothing_but_its_line(scene, conflict):
    (scene.home / "new").unlink()
    session = conflict[0]["id"]
    assert scene.pratique("discard", session).code == 0
    assert scene.left() == []
    assert " conflict " in scene.pratique("history").out


def test_an_installer_that_was_changed_meanwhile_is_reported_and_not_kept(scene):
    script = scene.script("echo ready >&2", "sleep 1", "touch ~/new")
    process = subprocess.Popen(
        [sys.executable, "-m", "pratique.cli.main", "run", "--install", "--json", script],
        env={**os.environ, **scene.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr.readline() == "ready\n"
    with script.open("a") as file:
        file.write("# more\n")
    scene.start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    report = json.loads(out)
    assert (report["exit_code"], report["decision"]) == (5, None)
    assert report["notes"][-1] == f"{script} was changed while it was judged; nothing was committed"
    assert " conflict " in scene.pratique("history").out
    assert scene.left() == []

"""Who decides, by what, and that the documents say so: policies, lists, marks, memory; --json, --record, replay."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pratique.recording import read

pytestmark = pytest.mark.root

TWICE = """
action offer "Leaves an offer" {
    category clutter
    on file.create where path matches "~/offer"
    weight 70
    remedy revert
}
action icons "Leaves icons" {
    category clutter
    on file.create where path matches "~/icon-*"
    weight 20 each up to 3
    remedy revert
}
action stays "Does what cannot be left out" {
    category other
    on file.create where path matches "~/stays"
    weight 100
    remedy none
}
"""


@pytest.fixture
def policy(scene):
    """`policy("undesirable without")`: the path of a policy with three actions and these statements in its header."""

    def write(*header: str, more: str = "", name: str = "ours") -> Path:
        file = scene.faults.parent / f"{name}.policy"
        file.write_text(f'policy {name} {{ version "3"\n' + "\n".join(header) + "\n}\n" + TWICE + more)
        return file

    return write


def outcome(ran) -> tuple[int, str, float, str, str]:
    """Exit code, class, total, choice and source."""
    report = ran.json
    verdict, decision = report["verdict"], report["decision"]
    return ran.code, verdict["class"], verdict["total"], decision["choice"], decision["source"]


# -- what the policy says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "more", "deeds", "expected"),
    [
        ([], "", ["offer"], (0, "clean", 70.0, "install", "policy")),
        ([], "", ["offer", "icon-1", "icon-2"], (10, "undesirable", 110.0, "refuse", "policy")),
        (["score max"], "", ["offer", "icon-1", "icon-2"], (0, "clean", 70.0, "install", "policy")),
        (["score damped 0.5"], "", ["offer", "icon-1", "icon-2"], (0, "clean", 85.0, "install", "policy")),
        (["threshold 60"], "", ["offer"], (10, "undesirable", 70.0, "refuse", "policy")),
        (["threshold 60", "undesirable without"], "", ["offer"], (0, "undesirable", 70.0, "without", "policy")),
        (["threshold 60", "undesirable install"], "", ["offer"], (0, "undesirable", 70.0, "install", "policy")),
        (["threshold 60", "unattended install"], "", ["offer"], (0, "undesirable", 70.0, "install", "policy")),
        (["threshold 60", "unattended without"], "", ["offer"], (0, "undesirable", 70.0, "without", "policy")),
        (["undesirable without"], "", ["stays", "offer"], (10, "undesirable", 170.0, "refuse", "policy")),
        ([], "decide { undesirable when action icons }", ["icon-1"], (10, "undesirable", 20.0, "refuse", "policy")),
        ([], "decide { undesirable when total >= 500 }", ["stays"], (0, "clean", 100.0, "install", "policy")),
    ],
)
def test_the_policy_decides(scene, policy, header, more, deeds, expected):
    script = scene.script("cd", f"touch {' '.join(deeds)} harmless")
    ran = scene.run("--json", "--policy", policy(*header, more=more), script)
    assert outcome(ran) == expected, ran.err
    there = {name for name in [*deeds, "harmless"] if (scene.home / name).exists()}
    assert there == {"install": {*deeds, "harmless"}, "without": {"harmless"}, "refuse": set()}[expected[3]]
    if expected[3] == "refuse":
        assert scene.left() == []


def test_an_action_counts_up_to_its_limit(scene, policy):
    ran = scene.run("--json", "--policy", policy(), scene.script("cd; touch icon-1 icon-2 icon-3 icon-4 icon-5"))
    assert outcome(ran)[:3] == (0, "clean", 60.0)
    assert [(action["name"], action["count"], action["evidence_count"]) for action in ran.json["actions"]] == [
        ("icons", 3, 5)
    ]


@pytest.mark.parametrize(
    ("flag", "deeds", "code", "choice"),
    [
        ("--install", ["stays"], 0, "install"),
        ("--refuse", ["offer"], 11, "refuse"),
        ("--refuse", ["stays"], 10, "refuse"),
        ("--without", ["offer", "icon-1", "icon-2"], 0, "without"),
        ("--without", ["stays", "offer"], 10, "refuse"),
        ("--without", ["harmless"], 0, "without"),
    ],
)
def test_a_flag_wins(scene, policy, flag, deeds, code, choice):
    ran = scene.run(
        "--json", flag, "--policy", policy("undesirable refuse"), scene.script(f"cd; touch {' '.join(deeds)}")
    )
    assert (ran.code, ran.json["decision"]) == (code, {"choice": choice, "source": "flag"})


def test_several_policy_files_are_one_set(scene, policy):
    base = policy("threshold 60", name="base")
    top = scene.faults.parent / "top.policy"
    top.write_text(
        'policy top { version "9"\nextends base\noverride threshold 200 }\noverride action offer { weight 150 }\n'
    )
    part = scene.faults.parent / "part.policy"
    part.write_text(
        'part of top\naction more "More" { on file.create where path matches "~/more"; weight 60; remedy revert }\n'
    )
    ran = scene.run("--json", "--policy", base, "--policy", top, "--policy", part, scene.script("cd; touch offer more"))
    assert outcome(ran)[:3] == (10, "undesirable", 210.0)
    assert ran.json["policy"] == {"name": "top", "version": "9"}


def test_what_the_policy_hides_is_hidden(scene, policy):
    (scene.home / "diary").write_text("PRIVATE THOUGHTS\n")
    action = 'action peeks "Reads the diary" { on file.read where path matches "~/diary"; weight 100; remedy none }'
    script = scene.script("cat ~/diary", "echo done")
    ran = scene.run("--json", "--policy", policy(more=f'sandbox {{ hide ["~/diary"] }}\n{action}'), script)
    assert "PRIVATE" not in ran.out + ran.err
    assert ran.code == 10
    assert [action["name"] for action in ran.json["actions"]] == ["peeks"]
    assert "PRIVATE THOUGHTS" in scene.run("--refuse", "--policy", policy(), script).out


def test_the_policy_opens_the_network_and_the_report_says_so(scene, policy):
    file = policy(more="sandbox { network host }")
    assert "network: host" in scene.run("--json", "--policy", file, scene.script("true")).json["open"]
    assert scene.run("--json", "--network", "none", "--policy", file, scene.script("true")).json["open"] == []
    observed = scene.run("--json", "--policy", policy(more="sandbox { network observed }"), scene.script("true")).json
    assert observed["open"] == ["network: observed, to anywhere"]


# -- policies with errors ---------------------------------------------------------------------------------------------


def test_a_policy_with_errors_runs_nothing(scene, policy, refused):
    file = policy(more='action x { on file.wrte; weight "much" }')
    ran = refused(
        3, "--json", "--policy", file, scene.script("echo it ran"),
        said=("ours.policy:", 'no event kind "file.wrte"', "did you mean", "nothing was loaded"),
    )  # fmt: skip
    assert (ran.out, "it ran" in ran.err) == ("", False)


def test_a_broken_policy_of_the_site_leaves_the_last_good_one_in_force(scene, tmp_path, refused):
    site = tmp_path / "pratique-config" / "policies"
    site.mkdir(parents=True)
    script = scene.script("echo evil >> ~/.bashrc")
    file = site / "site.policy"
    file.write_text('policy site { version "1"; extends baseline; override threshold 500 }\n')
    assert outcome(scene.run("--json", "--refuse", script))[:3] == (11, "clean", 100.0)
    file.write_text('policy site { version "2"; extends baseline; override threshold 5O0 }\n')
    ran = scene.run("--json", "--refuse", script)
    assert outcome(ran)[:3] == (11, "clean", 100.0), "still by version 1"
    assert ran.json["policy"] == {"name": "site", "version": "1"}
    assert "the policy files have errors; the last good policy is in force" in ran.json["notes"]
    assert "site.policy:1" in ran.err
    shutil.rmtree(scene.state / "policy")
    ran = refused(10, "--json", script, said="site.policy:1")
    assert ran.json["policy"]["name"] == "baseline", "no good one of the site is known any more: the shipped one holds"


# -- known programs ---------------------------------------------------------------------------------------------------


def test_a_program_on_the_block_list_is_not_run(scene, policy, refused):
    script = scene.script("echo it ran")
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    ran = refused(
        11, "--json", "--install", "--policy", policy(more=f'trust {{ block sha256 "{digest}" }}'), script,
        said="blocked as known",
    )  # fmt: skip
    assert "it ran" not in ran.err
    assert (ran.json["ended"], ran.json["subject"]["known"], ran.json["verdict"]) == ("blocked", "blocked", None)
    listing = scene.faults.parent / "block.txt"
    listing.write_text(f"# ours\n{digest}  setup.sh\n")
    refused(11, "--policy", policy(more='trust { block sha256 from "block.txt" }'), script, said="block list")
    listing.unlink()
    refused(3, "--policy", policy(more='trust { block sha256 from "block.txt" }'), script, said="block.txt")
    listing.write_text("not a hash\n")
    refused(3, "--policy", policy(more='trust { block sha256 from "block.txt" }'), script, said="block.txt")


def test_a_source_on_the_block_list(scene, policy, refused):
    file = policy(more='trust { block source matching re"free-downloads" }')
    script = scene.script("true")
    ran = refused(11, "--json", "--policy", file, "--from", "https://ann:pass@free-downloads.example/x", script)
    assert "pass@" not in ran.out + ran.err
    assert ran.json["subject"]["origin"] == "https://free-downloads.example/x"
    assert scene.run("--json", "--policy", file, "--from", "https://good.example/x", script).code == 0


def test_a_file_marked_by_hand_is_blocked_until_that_is_forgotten(scene, refused):
    script = scene.script("echo it ran")

    def decisions(*words):
        return scene._pratique("decisions", *words, env=scene.environment)

    assert decisions("mark", script, "--undesirable", "--note", "it nags").code == 0
    refused(11, "--install", script, said="blocked as known")
    listed = decisions("list", "--json").json
    assert [(entry["is"], entry["note"]) for entry in listed] == [("mark", "it nags")]
    assert decisions("forget", listed[0]["id"]).code == 0
    assert scene.run("--install", script).code == 0


def test_a_remembered_decision_answers_until_more_is_done_or_it_expires(scene, policy):
    """It is kept here as the question's `h` key keeps it; the key itself is pressed in test_attended."""
    from pratique.decisions import Decisions
    from pratique.policy.model import Decide, Method
    from pratique.policy.score import Finding, judge
    from pratique.subject import Subject

    script = scene.script("cd; touch offer icon-1 icon-2 $1")
    file = policy()
    sha256 = hashlib.sha256(script.read_bytes()).hexdigest()
    subject = Subject(path=str(script), sha256=sha256, kind="script", name="setup.sh")
    found = [Finding(action=name, weight=70, component="setup.sh") for name in ("offer", "icons")]
    verdict = judge(found, components=["setup.sh"], method=Method(), threshold=100, decide=Decide())
    store = Decisions(scene.state / "decisions.json")
    entry = store.remember(subject, "without", verdict=verdict, expires_in=3600.0, policy="ours 3")

    ran = scene.run("--json", "--policy", file, script)
    assert outcome(ran) == (0, "undesirable", 110.0, "without", "remembered")
    ran = scene.run("--json", "--policy", file, script, "stays")
    assert outcome(ran) == (10, "undesirable", 210.0, "refuse", "policy"), "more than was agreed to is asked anew"
    ran = scene.run("--json", "--policy", file, "--refuse", script)
    assert ran.json["decision"]["source"] == "flag"

    store.remember(subject, "without", verdict=verdict, expires_in=3600.0, now=time.time() - 7200)
    ran = scene.run("--json", "--policy", file, script)
    assert outcome(ran)[3:] == ("refuse", "policy"), "expired"
    assert store.forget(entry.id).id == entry.id


# -- documents --------------------------------------------------------------------------------------------------------


def test_nothing_but_the_report_is_on_standard_output(scene, tmp_path):
    script = scene.script("echo out", "echo err >&2", "echo evil >> ~/.bashrc")
    ran = scene.run("--json", script)
    report = json.loads(ran.out)
    assert (ran.code, report["verdict"]["class"]) == (10, "undesirable")
    assert {"out", "err"} <= set(ran.err.splitlines())
    to_file = scene.run(f"--json={tmp_path}/report.json", script)
    assert to_file.code == 10
    assert "out" in to_file.out.splitlines()
    assert "UNDESIRABLE" in to_file.out
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == report["verdict"]


def test_a_report_and_a_recording_replace_what_was_there(scene, tmp_path):
    (tmp_path / "x.json").write_text("old " * 100_000)
    (tmp_path / "link.rec").symlink_to("x.rec")
    assert scene.run("--record", tmp_path / "x.rec", "--anyway", scene.script("exit 3")).code == 0
    assert read(tmp_path / "x.rec").exit_status == 3
    ran = scene.run("--record", tmp_path / "link.rec", f"--json={tmp_path}/x.json", scene.script("true"))
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "x.json").read_text())["ended"] == "completed"
    assert (tmp_path / "link.rec").is_symlink()
    assert read(tmp_path / "x.rec").exit_status == 0


#: What differs between a session and its replay: nothing but this.
OF_THE_SESSION = {"id", "started", "duration"}


@pytest.mark.parametrize(
    ("words", "lines", "code"),
    [
        (["--install"], ["cd; touch new", "echo evil >> ~/.bashrc", "cat ~/.ssh/id_ed25519"], 0),
        (["--without"], ["cd; touch new", "echo evil >> ~/.bashrc"], 0),
        (["--refuse"], ["cd; touch new"], 11),
        ([], ["cd; touch new", "echo evil >> ~/.bashrc", "echo 'some output'"], 10),
        ([], ["cd; touch new", "exit 3"], 6),
        (["--anyway"], ["cd; touch new", "exit 3"], 0),
        (["--timeout", "1"], ["cd; touch new", "echo evil >> ~/.bashrc", "sleep 100"], 7),
        (["--from", "https://x.example/"], ["ln ~/.bashrc ~/twin", "rm ~/.bashrc", "mkfifo ~/pipe"], 0),
    ],
    ids=["install", "without", "refuse", "policy", "failed", "anyway", "deadline", "odd"],
)
def test_a_replay_says_what_the_session_said(scene, tmp_path, words, lines, code):
    recording = tmp_path / "session.rec"
    ran = scene.run("--json", "--record", recording, *words, scene.script(*lines))
    assert ran.code == code, ran.err
    replayed = scene._pratique("replay", recording, "--json", env=scene.environment)
    assert replayed.err == ""
    session, again = ran.json, replayed.json
    assert session.keys() == again.keys()
    differing = {name for name in session if session[name] != again[name]}
    assert differing <= OF_THE_SESSION, {name: (session[name], again[name]) for name in differing - OF_THE_SESSION}
    undesirable = session["verdict"]["class"] == "undesirable"
    assert replayed.code == (10 if undesirable else 0)


def test_a_blocked_program_replays_too(scene, policy, tmp_path):
    script = scene.script("true")
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    file = policy(more=f'trust {{ block sha256 "{digest}" }}')
    ran = scene.run("--json", "--record", tmp_path / "x.rec", "--policy", file, script)
    assert ran.code == 11
    replayed = scene._pratique("replay", tmp_path / "x.rec", "--policy", file, "--json", env=scene.environment)
    assert {k: v for k, v in replayed.json.items() if k not in OF_THE_SESSION} == {
        k: v for k, v in ran.json.items() if k not in OF_THE_SESSION
    }


def test_a_recording_that_finds_no_room_does_not_take_the_verdict_with_it(scene, small):
    fill(small)
    script = scene.script("echo evil >> ~/.bashrc", "cat ~/.ssh/id_ed25519")
    ran = scene.run("--refuse", "--record", small / "x.rec", script)
    assert ran.code == 8
    assert "UNDESIRABLE" in ran.out
    assert f"could not be written to {small / 'x.rec'}: No space left on device" in ran.err
    assert sorted(path.name for path in small.iterdir()) == ["ballast"]
    assert scene.left() == []


def test_a_recording_holds_no_private_contents_and_is_judged_the_same(scene, tmp_path):
    script = scene.script("echo SECRET > ~/.netrc", "echo evil >> ~/.bashrc", "cat ~/.ssh/id_ed25519")
    ran = scene.run("--json", "--refuse", "--record", tmp_path / "x.rec", script)
    assert b"SECRET" not in gzip.decompress((tmp_path / "x.rec").read_bytes())
    replayed = scene._pratique("replay", tmp_path / "x.rec", "--json", env=scene.environment)
    assert replayed.json["verdict"] == ran.json["verdict"]
    assert [action["name"] for action in replayed.json["actions"]] == [action["name"] for action in ran.json["actions"]]


def fill(place: Path) -> None:
    """Not a byte is left on this file system."""
    with (place / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_recording_that_is_cut_off_or_none(scene, tmp_path):
    scene.run("--record", tmp_path / "x.rec", scene.script("true"))
    whole = (tmp_path / "x.rec").read_bytes()
    for content, said in [
        (whole[: len(whole) // 2], "x.rec"), (b"", "empty"), (b"{}\n", "schema"), (b"\xff\xfe\x00", "x.rec:1"),
        (whole + b"{}\n", "damaged at byte"),
    ]:  # fmt: skip
        (tmp_path / "x.rec").write_bytes(content)
        ran = scene._pratique("replay", tmp_path / "x.rec", env=scene.environment)
        assert ran.code == 2
        assert said in ran.err
        assert "Traceback" not in ran.err
    ran = scene._pratique("replay", tmp_path / "none.rec", env=scene.environment)
    assert (ran.code, "No such file" in ran.err) == (2, True)
    ran = scene._pratique("replay", tmp_path, env=scene.environment)
    assert ran.code == 2


def test_the_history_holds_the_same_report(scene):
    ran = scene.run("--json", scene.script("echo evil >> ~/.bashrc"))
    kept = scene._pratique("history", "--json", ran.json["id"], env=scene.environment)
    assert kept.code == 0, kept.err
    assert kept.json == ran.json


def test_a_program_may_be_run_as_somebody_else(scene, ordinary_user):
    script = ordinary_user.home / "as.sh"
    script.write_text("#!/bin/sh\nid -un\necho $HOME\npwd\ntouch ~/theirs\n")
    script.chmod(0o755)
    ran = scene.run("--json", "--install", "--as-user", ordinary_user.name, script)
    assert ran.code == 0, ran.err
    assert ran.json["screens"][0]["text"].split() == [ordinary_user.name, *[str(ordinary_user.home)] * 2]
    assert (ordinary_user.home / "theirs").stat().st_uid == ordinary_user.uid
    (ordinary_user.home / "theirs").unlink()


def test_the_report_goes_to_a_pipe_or_a_device_that_is_named(scene):
    script = scene.script("echo out of the installer")
    assert scene.run("--json=/dev/stdout", script).json["exit_code"] == 0, "and nothing else"
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    command = [sys.executable, "-m", "pratique.cli.main", "run", f"--json=/dev/fd/{writing}", str(script)]
    environment = {**os.environ, **scene.environment}
    with open(reading, "rb") as out:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              pass_fds=(writing,), check=False)  # fmt: skip
        os.close(writing)
        assert done.returncode == 0, done.stderr
        assert json.loads(out.read())["exit_code"] == 0
    assert scene.run("--json=/dev/null", script).code == 0


MIXED = """
policy mixed "Files and programs" { version "1" }
action much "Does much" {
    category c
    on file.create where path matches "~/new-*"
    on process.exec where path matches "/usr/bin/id"
    weight 20 each up to 6
    remedy revert
}
"""


def test_what_is_reverted_though_some_of_it_is_done_says_so(scene, tmp_path):
    (tmp_path / "mixed.policy").write_text(MIXED)
    lines = [f"touch ~/new-{n}" for n in range(4)]
    told = scene.run("--without", "--policy", tmp_path / "mixed.policy", "--json", scene.script(*lines, "id")).json
    (action,) = told["actions"]
    assert (action["outcome"], action["note"]) == ("reverted", "what it left; what it did besides is done")
    told = scene.run("--without", "--policy", tmp_path / "mixed.policy", "--json", scene.script(*lines)).json
    assert [(one["outcome"], one["note"]) for one in told["actions"]] == [("reverted", "")]

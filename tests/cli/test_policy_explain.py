"""`pratique policy explain`, for a recording, a report and an event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique import recording
from pratique.events import Event
from pratique.recording import Component, Process, Recording
from pratique.subject import Subject


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    session = Recording(
        id="1",
        subject=Subject(path="/tmp/player", name="player"),
        home="/home/ann",
        components=(Component(name="player"), Component(name="toolbar", kind="dropped")),
        processes=(
            Process(id=0, program="/tmp/player", component="player"),
            Process(id=1, parent=0, program="/tmp/x/toolbar", component="toolbar"),
        ),
        events=(
            Event("file.write", seq=1, time=1, path="/etc/cron.d/x", by_package_manager=True),
            Event("file.write", seq=2, time=2, process=1, path="/home/ann/.bashrc", added="\x1b[31mred"),
        ),
    )
    recording.write(session, tmp_path / "player.rec")
    return tmp_path / "player.rec"


def test_a_recording(pratique, kept: Path) -> None:  # type: ignore[no-untyped-def]
    ran = pratique("policy", "explain", kept)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("UNDESIRABLE  100 of 100, by baseline")
    assert "rules/autorun.policy:" in ran.out
    assert "toolbar  100  undesirable  (brought along by player, ran /tmp/x/toolbar)" in ran.out
    assert "not by_package_manager: no, by_package_manager is true" in ran.out
    assert "without shell-startup the total is 0: clean" in ran.out
    assert "        because ATT&CK T1546.004; Google" in ran.out
    assert "\x1b" not in ran.out


def test_a_recording_as_json_agrees_with_the_verdict(pratique, kept: Path) -> None:  # type: ignore[no-untyped-def]
    document = json.loads(pratique("policy", "explain", kept, "--json").out)
    assert document["verdict"] == {"class": "undesirable", "total": 100.0, "threshold": 100.0, "method": "sum"}
    assert [number["action"] for number in document["numbers"]] == ["shell-startup"]
    assert sum(number["adds"] for number in document["numbers"]) == document["verdict"]["total"]
    assert {change["kind"] for change in document["changes"]} == {"without", "told"}


def test_a_report_is_explained_without_its_recording(pratique, kept: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    report = tmp_path / "report.json"
    report.write_text(pratique("replay", kept, "--json").out)
    kept.unlink()
    ran = pratique("policy", "explain", report)
    assert ran.code == 0, ran.err
    assert "        because ATT&CK T1546.004; Google" in ran.out
    assert "without shell-startup the total is 0: clean" in ran.out


def test_what_is_counted_is_shown_when_it_is_asked_for(pratique) -> None:  # type: ignore[no-untyped-def]
    event = "--event", "file.write path=~/.bashrc"
    brief, full = pratique("policy", "explain", *event).out, pratique("policy", "explain", "--all", *event).out
    assert "other actions listen to file.write and were not met; `--all` says why" in brief
    assert full.endswith("\n\nno other action listens to file.write\n")
    assert full.count(": no, ") > brief.count(": no, ")


def test_the_mode_of_an_event_means_the_same_in_a_policy(pratique, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "modes.policy"
    policy.write_text(
        'policy modes { version "1" }\n'
        'action rights { on file.mode where path = "/x" and mode = 4755; weight 5\n'
        'match file.mode { path "/x", mode 4755 }; no match file.mode { path "/x", mode 755 } }\n'
        'test "t" { given file.mode { path "/x", mode 4755 }; expect action rights }\n'
    )
    assert pratique("policy", "test", policy).code == 0
    explain = "policy", "explain", "--policy", policy, "--event"
    met = pratique(*explain, "file.mode path=/x mode=4755").out
    assert met.startswith('file.mode path "/x", mode 4755\nis evidence of')
    assert 'on file.mode where path = "/x" and mode = 4755' in met
    missed = pratique(*explain, "file.mode path=/x mode=755").out
    assert "mode = 4755: no, mode is 755\n" in missed
    document = pratique(*explain, "file.mode path=/x mode=755", "--json").json
    assert document["event"]["fields"]["mode"] == 0o755


def test_what_is_far_from_being_met_has_a_heading_of_its_own(pratique) -> None:  # type: ignore[no-untyped-def]
    event = "--event", "file.write path=/etc/cron.d/x by_package_manager=true"
    brief, full = pratique("policy", "explain", *event).out, pratique("policy", "explain", "--all", *event).out
    assert "far from it:" not in brief
    before, far = full.split("\n\nfar from it:\n")
    near = before.partition("\n\nnearly:\n")[2]
    assert near == brief.partition("\n\nnearly:\n")[2].partition("\n\n")[0]
    assert "not by_package_manager: no, by_package_manager is true" in near
    assert 'no, path is "/etc/cron.d/x"' in far


def test_every_near_miss_of_a_recording_is_shown_when_it_is_asked_for(pratique, kept: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "many.policy"
    action = 'action a{n} {{ on file.write where path = "/etc/cron.d/x" and not by_package_manager; weight 1 }}\n'
    policy.write_text('policy many { version "1" }\n' + "".join(action.format(n=n) for n in range(11)))
    brief, full = (pratique("policy", "explain", kept, "--policy", policy, *words).out for words in ((), ("--all",)))
    assert brief.count("by_package_manager is true") == 8
    assert "\n        and 3 more; `--all` shows them\n" in brief
    assert (full.count("by_package_manager is true"), "`--all`" in full) == (11, False)
    document = pratique("policy", "explain", kept, "--policy", policy, "--all", "--json").json
    assert len(document["near_misses"]) == 11


def test_a_past_session_is_explained_by_its_id(pratique, kept: Path, state: Path) -> None:  # type: ignore[no-untyped-def]
    session = pratique("replay", kept, "--json").out.replace('"id": "1"', '"id": "7f3a0000"')
    (state / "history").mkdir(mode=0o700)
    (state / "history" / "7f3a0000.json").write_text(session)
    ran = pratique("policy", "explain", "7f3a")
    assert ran.code == 0, ran.err
    assert "without shell-startup the total is 0: clean" in ran.out
    assert "no session begins with 'beef'\n  sessions: 7f3a0000" in pratique("policy", "explain", "beef").err
    ran = pratique("replay", "7f3a")
    assert (ran.code, "`pratique show 7f3a`" in ran.err, "--record FILE" in ran.err) == (2, True, True)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("file.write path=~/.bashrc", "is evidence of, by baseline"),
        ("file.write path=/etc/cron.d/x by_package_manager=true", "not by_package_manager: no"),
        ("net.listen port=80", "no action listens to net.listen"),
        ("service.add name=x", "\n\nno other action listens to service.add\n"),
        ("file.write path=/x size=10MiB", "size 10485760\n"),
        ("file.mode path=/x mode=4755", 'file.mode path "/x", mode 4755\n'),
    ],
)
def test_an_event(pratique, event: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    ran = pratique("policy", "explain", "--event", event)
    assert ran.code == 0, ran.err
    assert expected in ran.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--event", "file.wrte path=/x"], 'did you mean "file.write"?'),
        (["--event", "file.write pth=/x"], 'did you mean "path"?'),
        (["--event", "file.write path"], "path lacks its value\n  write: path=..."),
        (["--event", "call.nothing"], "no event kind 'call.nothing'"),
        (["--event", "bogus x=1"], "no event kind 'bogus'\n  kinds begin with file, process, sandbox, net, "),
        (["--event", "kernel.zzz"], "no event kind 'kernel.zzz'\n  there are kernel.setting and kernel.module\n"),
        (["--event", "file.write path=/x size=big"], "size is a number like 4096 or 10MiB; found 'big'"),
        (["--event", "file.write path=/x size=10s"], "size is a number like 4096 or 10MiB; found '10s'"),
        (["--event", "file.mode path=/x mode=4855"], "file.mode: mode is written in octal, as in 4755; found '4855'"),
        (["--event", "file.mode path=/x mode=17777"], "file.mode: mode is written in octal, as in 4755; found '17777'"),
        (["--event", "file.write path=/x executable=1"], "executable is true or false; found '1'"),
        (["--event", "file.write path='/x"], "expected KIND FIELD=VALUE"),
        (["--event", ""], "expected KIND FIELD=VALUE ..., found nothing"),
        ([], "expected a recording, a report, the id of a session or --event"),
        (["/nonexistent.rec"], "cannot read /nonexistent.rec"),
        (["/etc/hostname"], "/etc/hostname:1:"),
    ],
)
def test_wrong_usage_says_what_was_expected(pratique, words: list[str], expected: str) -> None:  # type: ignore[no-untyped-def]
    ran = pratique("policy", "explain", *words)
    assert ran.code == 2
    assert expected in ran.err

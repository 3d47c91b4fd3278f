"""`pratique decisions`: what was decided, forgotten and marked, for people and as JSON."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique.decisions import Decisions
from pratique.policy.model import Decide, Method
from pratique.policy.score import Finding, judge
from pratique.subject import Signer, Subject

HASH = "ab" * 32
Pratique = Callable[..., Any]


@pytest.fixture
def remembered(state: Path) -> str:
    """The id of a decision somebody made."""
    finding = Finding(action="shell-startup", weight=100, component="player")
    verdict = judge([finding], components=["player"], method=Method(), threshold=100.0, decide=Decide())
    signer = Signer(name="Tame", key="F" * 40, valid=True, trusted=True)
    subject = Subject(path="/x/player", sha256=HASH, kind="script", name="player", signer=signer)
    return (
        Decisions.open()
        .remember(
            subject,
            "without",
            verdict=verdict,
            by=("signer", "name"),
            expires_in=180 * 86400.0,
            policy="baseline 1.0.0",
        )
        .id
    )


def test_at_first_there_is_nothing(pratique: Pratique) -> None:
    assert pratique("decisions").out == "nothing is remembered\n"
    assert pratique("decisions", "--json").json == []


def test_the_list_says_what_by_what_and_for_how_long(pratique: Pratique, remembered: str) -> None:
    line = pratique("decisions", "list").out
    assert line.startswith(remembered)
    assert "without" in line and "player · by signer Tame and name · until " in line


@pytest.mark.parametrize("words", [("--json",), ("list", "--json"), ("--json", "list")])
def test_the_list_as_json(words: tuple[str, ...], pratique: Pratique, remembered: str) -> None:
    (entry,) = pratique("decisions", *words).json
    assert (entry["is"], entry["id"], entry["choice"], entry["in_force"]) == ("decision", remembered, "without", True)
    assert entry["key"] == {"sha256": "", "signer": "F" * 40, "name": "player"}
    assert entry["agreed"]["actions"] == ["shell-startup"]


def test_show_tells_what_was_agreed_to(pratique: Pratique, remembered: str) -> None:
    shown = pratique("decisions", "show", remembered[:6]).out
    assert "shell-startup" in shown and "undesirable, 100.0, by baseline 1.0.0" in shown
    assert "else you are asked again" in shown


def test_a_file_is_marked_shown_and_forgotten(pratique: Pratique, tmp_path: Path) -> None:
    program = tmp_path / "toolbar.run"
    program.write_text("#!/bin/sh\n")
    marked = pratique("decisions", "mark", program, "--undesirable", "--note", "a toolbar")
    assert marked.code == 0
    (entry,) = pratique("decisions", "--json").json
    assert entry["sha256"] == hashlib.sha256(program.read_bytes()).hexdigest()
    assert (entry["standing"], entry["name"], entry["note"]) == ("undesirable", "toolbar.run", "a toolbar")
    assert "marked undesirable  toolbar.run · a toolbar" in pratique("decisions").out
    assert pratique("decisions", "forget", entry["id"]).code == 0
    assert pratique("decisions", "--json").json == []


def test_a_hash_is_marked_without_the_file(pratique: Pratique) -> None:
    assert pratique("decisions", "mark", HASH.upper(), "--clean", "--json").json["sha256"] == HASH


def test_everything_is_forgotten_at_once(pratique: Pratique, remembered: str) -> None:
    pratique("decisions", "mark", HASH, "--clean")
    assert pratique("decisions", "forget", "--all").out == "forgot 2 entries\n"
    assert pratique("decisions", "--json").json == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "0000"), "no decision has the id '0000'"),
        (("forget", "0000"), "no decision has the id '0000'"),
        (
            ("mark", "no-such-file", "--clean"),
            "no such file: no-such-file\n  name a file, or the SHA-256",
        ),
        (("mark", "/", "--clean"), "/ is a directory"),
        (("mark", HASH), "one of the arguments --undesirable --clean is required"),
        (("forget",), "one of the arguments ID --all is required"),
    ],
)
def test_what_cannot_be_done_is_wrong_usage(words: tuple[str, ...], message: str, pratique: Pratique) -> None:
    ran = pratique("decisions", *words)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_damaged_store_is_no_traceback(pratique: Pratique, state: Path) -> None:
    (state / "decisions.json").write_text("{")
    (state / "decisions.json").chmod(0o600)
    ran = pratique("decisions")
    assert ran.code == 1
    assert "kept aside" in ran.err and "Traceback" not in ran.err
    assert pratique("decisions").code == 0


def test_a_mark_says_when_it_counts(pratique: Pratique) -> None:
    assert "once the file is also signed" in pratique("decisions", "mark", HASH, "--clean").out
    assert "signed" not in pratique("decisions", "mark", HASH, "--undesirable").out


def test_a_note_cannot_steer_the_terminal(pratique: Pratique) -> None:
    pratique("decisions", "mark", HASH, "--clean", "--note", "red \x1b[31m")
    assert "\x1b" not in pratique("decisions").out


def test_no_room_for_a_mark_is_said_with_the_exit_code_for_it(pratique: Pratique, state: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "tmpfs", state], check=True)
    try:
        with pytest.raises(OSError, match="No space"), (state / "large").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        ran = pratique("decisions", "mark", "a" * 64, "--undesirable")
    finally:
        subprocess.run(["umount", state], check=True)
    assert ran.code == 8, ran.err
    assert "No space left on device; nothing was changed" in ran.err

"""`pratique policy` by itself: its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_without_a_subcommand_they_are_listed(pratique: Any) -> None:
    ran = pratique("policy")
    assert ran.code == 2
    assert "expected a subcommand" in ran.err
    assert "  explain  say which line" in ran.err


def test_a_mistyped_subcommand_is_guessed(pratique: Any) -> None:
    ran = pratique("policy", "chekc", "x.policy")
    assert ran.code == 2
    assert "did you mean `pratique policy check`?" in ran.err


BROKEN = 'policy ours { version "1"; wieght 10 }\n'


@pytest.mark.parametrize("words", [("test",), ("explain", "--event", "file.write path=/x"), ("check",)])
def test_whoever_asks_about_broken_files_is_told_that_they_are(pratique: Any, own_policies: Path, words: Any) -> None:
    (own_policies / "lab.policy").unlink()
    (own_policies / "office.policy").write_text(BROKEN)
    ran = pratique("policy", *words)
    assert ran.code == 3
    assert "error[P0100]" in ran.out + ran.err
    assert "office.policy:1" in ran.out + ran.err
    assert "no policy was ever loaded on this machine: the shipped baseline 1.0.0 is in force" in ran.out + ran.err
    assert "all passed" not in ran.out


def test_where_the_role_file_names_no_policy_it_is_not_the_files_that_are_wrong(
    pratique: Any, own_policies: Path, tmp_path: Path
) -> None:
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    ran = pratique("run", "--refuse", "--json", script)
    said = "nobody said which policy is in force. There are several: lab, office"
    assert f"{said}; the shipped policy is in force" in ran.json["notes"]
    assert f"pratique: {said}; nothing was loaded, no policy was ever loaded" in ran.err
    assert "\n  say which: `pratique host set policy NAME`\n" in ran.err


def test_a_named_policy_that_is_not_there_is_not_replaced_by_another(pratique: Any, tmp_path: Path) -> None:
    config = tmp_path / "pratique-config"
    config.mkdir()
    role = config / "host.yaml"
    role.write_text("role: laptop\npolicy: own\n")
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\n")
    for words in (("run", "--refuse", script), ("policy", "check")):
        ran = pratique(*words)
        assert ran.code == 3, ran.err
        assert 'there is no policy "own"' in ran.err
        assert "baseline 1" not in ran.err

"""`pratique policy` by itself: its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_without_a_subcommand_they_are_listed(pratique: Any) -> None:
    ran = pratique("policy")
    assert ran.code == 2
    assert "expected a subcommand" in ran.err
    assert "  explain  say which line" in ran.err


def test_a_mistyped_subcommand_is_guessed(pratique: Any) -> None:
    ran = pratique("policy", "chekc", "x.policy")
    assert ran.code == 2
    assert "did you mean `pratique policy check`?" in ran.err


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

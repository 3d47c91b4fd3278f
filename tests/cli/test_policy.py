"""`pratique policy` by itself: its subcommands."""

from __future__ import annotations

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

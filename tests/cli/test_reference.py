"""docs/commands.md says what the commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pratique.cli.main import COMMANDS
from pratique.cli.policy import SUBCOMMANDS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "commands.md"


def test_the_reference_is_made_from_the_commands_as_they_are():
    made = subprocess.run([sys.executable, "-m", "pratique.cli.reference"], capture_output=True, text=True, check=True)
    assert made.stdout == KEPT.read_text(), "docs/commands.md is out of date: make docs"


def test_every_command_and_subcommand_has_a_section():
    headings = {line.lstrip("# ") for line in KEPT.read_text().splitlines() if line.startswith("## ")}
    headings |= {line.lstrip("# ") for line in KEPT.read_text().splitlines() if line.startswith("### ")}
    assert {f"pratique {name}" for name in COMMANDS} <= headings
    assert {f"pratique policy {name}" for name in SUBCOMMANDS} <= headings
    assert {"pratique decisions mark", "pratique host set", "pratique plugins new"} <= headings

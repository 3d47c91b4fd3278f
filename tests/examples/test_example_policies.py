"""The policy the tutorial arrives at: checked, in style, and all its tests pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

POLICIES = Path(__file__).resolve().parents[2] / "examples" / "policies"


@pytest.mark.parametrize("command", [["check"], ["fmt", "--check"], ["test"]], ids=lambda words: words[0])
def test_the_example_policy_is_in_order(command: list[str], tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "pratique.cli.main", "policy", *command, POLICIES],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PRATIQUE_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tests_would_notice_a_change(tmp_path: Path):
    changed = (POLICIES / "office.policy").read_text().replace("weight 60 ", "weight 30 ")
    (tmp_path / "office.policy").write_text(changed)
    (tmp_path / "weather.rec").write_bytes((POLICIES / "weather.rec").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pratique.cli.main", "policy", "test", tmp_path],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PRATIQUE_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "2 failed" in done.stdout

"""`make pins`: the file of versions is written whole, or is what it was."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "pins"
PIP = """#!/bin/sh
[ "$1" = freeze ] || exit 0
echo "pluggy==1.6.0"
exit {status}
"""


@pytest.mark.parametrize(("status", "written"), [(0, True), (1, False)])
def test_the_versions_are_replaced_only_by_all_of_the_new_ones(tmp_path: Path, status: int, written: bool) -> None:
    ci, pip = tmp_path / ".ci", tmp_path / ".venv" / "bin" / "pip"
    ci.mkdir()
    pip.parent.mkdir(parents=True)
    pip.write_text(PIP.format(status=status))
    pip.chmod(0o755)
    shutil.copy(SCRIPT, ci / "pins")
    (ci / "pins.txt").write_text("pluggy==1.5.0\n")
    assert (subprocess.run([ci / "pins"], check=False).returncode == 0) is written
    lines = [line for line in (ci / "pins.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == [f"pluggy==1.{6 if written else 5}.0"]
    assert {path.name for path in ci.iterdir()} == {"pins", "pins.txt"}
    assert (ci / "pins.txt").stat().st_mode & 0o777 == 0o644

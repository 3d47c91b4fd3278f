"""`make demo` is the first thing people run: it must end well and show what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["where it is", "below /dev"])
def checkout(request: pytest.FixtureRequest) -> Iterator[Path]:
    """This checkout, and one below /dev, of which a program in quarantine has its own."""
    if request.param == "where it is":
        yield ROOT
        return
    with tempfile.TemporaryDirectory(prefix="pratique-demo-", dir="/dev/shm") as place:
        shutil.copytree(ROOT / "examples", Path(place) / "examples")
        yield Path(place)


@pytest.mark.root
@pytest.mark.machine
@pytest.mark.network
def test_the_demo_runs_to_its_end_and_leaves_nothing(checkout: Path, tmp_path: Path):
    own = {name: str(tmp_path / name) for name in ("HOME", "PRATIQUE_STATE", "PRATIQUE_CONFIG")}
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "dumb", **own}
    done = subprocess.run(
        [checkout / "examples" / "demo"], env=environment, stdin=subprocess.DEVNULL, text=True, timeout=200,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for promised in (
        "CLEAN  0 of 100", "Hello, world!", "undone  hello",
        "UNDESIRABLE  300 of 100", "~/.ssh/id_ed25519  opened, saw an empty stand-in", "(exit code 10",
        "left out   Starts with the desktop", "Sunny, as far as this program can tell.", "# my own settings\n",
        "is evidence of, by baseline",
    ):  # fmt: skip
        assert promised in done.stdout
    (scratch,) = set(re.findall(r"/tmp/pratique-demo\.\w+", done.stdout))
    assert not Path(scratch).exists()
    assert list(tmp_path.iterdir()) == []
    assert subprocess.run(["dpkg-query", "-s", "hello"], capture_output=True).returncode == 1

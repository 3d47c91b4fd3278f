"""A session's process is forked while nothing else of ours runs: what another thread held then, it would wait for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.root

DRIVER = """
import os, sys, threading
told, ours = sys.argv.pop(1), os.getpid()
def tell():
    if os.getpid() == ours:  # and not a process that this one forked
        with open(told, "a") as file:
            print(*sorted(thread.name for thread in threading.enumerate()), file=file)
os.register_at_fork(after_in_parent=tell)
from pratique.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_no_thread_runs_when_a_session_is_forked(scene):
    script = scene.script("touch ~/new")
    told = scene.faults.parent / "threads"
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, told, "run", "--refuse", "--json", script],
        env={**os.environ, **scene.environment}, cwd=scene.downloads, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 11, done.stderr
    assert told.read_text().splitlines() == ["MainThread"] * 2, "the session, and before it who watches for a plugin"

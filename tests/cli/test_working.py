"""The live line of work that takes longer than a moment, on a terminal and where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pexpect

WORK = """
import time
from pratique.cli.working import working
with working("looking at what it left"):
    time.sleep({})
print("done")
"""


def test_it_is_shown_after_a_moment_and_gone_at_the_end():
    child = pexpect.spawn(sys.executable, ["-c", WORK.format(2.2)], encoding="utf-8", timeout=20)
    child.expect_exact("\r\x1b[2Kpratique: looking at what it left, 1 s")
    child.expect_exact("\r\x1b[2Kdone")
    child.expect(pexpect.EOF)


def test_short_work_shows_nothing():
    child = pexpect.spawn(sys.executable, ["-c", WORK.format(0)], encoding="utf-8", timeout=20)
    child.expect(pexpect.EOF)
    assert child.before == "done\r\n"


def test_a_line_is_cut_to_the_terminal_so_that_it_can_be_taken_back():
    work = WORK.format(1.4).replace("looking at what it left", "x" * 100)
    narrow = {**os.environ, "COLUMNS": "40"}
    child = pexpect.spawn(sys.executable, ["-c", work], encoding="utf-8", timeout=20, env=narrow)
    child.expect(pexpect.EOF)
    line = f"pratique: {'x' * 100}"[:39]
    assert child.before == f"\r\x1b[2K{line}\r\x1b[2Kdone\r\n"


def test_nothing_is_shown_where_there_is_no_terminal():
    done = subprocess.run([sys.executable, "-c", WORK.format(1.6)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")

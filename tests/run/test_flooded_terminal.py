"""An installer that writes to steer the terminal: nothing of it arrives where the terminal is not the installer's."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

#: What may be on the terminal of our own: colours and weights, and the live line's "from the start, and empty".
OURS = re.compile(rb"\x1b\[[0-9;]*m|\x1b\[2K")
FLOOD = r"""
import os, sys
evil = b"\x1b]0;owned\x07\x1b[2J\x1b[?1049h\x1b[?1000h\x1b[?2004h"
evil += b"\x1bP+q544e\x1b\\\x9b6n\x1b[6n\x1b]52;c;QUJD\x07\x0e\x1b[8m"
for _ in range(2000):
    os.write(1, evil)
    os.write(2, evil)
os.makedirs(os.path.expanduser(b"~/\x1b]0;owned\x07dir"))
open(os.path.expanduser(b"~/\x1b[2Jname\x9b\xe2\x80\xaetxt\n\x07"), "w").write("x")
open(os.path.expanduser("~/.bashrc"), "a").write("\x1b]0;owned\x07\x1b[2J evil\n")
sys.exit(int(sys.argv[1]))
"""


def on_a_terminal(scene, *words: object) -> bytes:
    """All that a terminal gets that is standard output and error, and not standard input: nobody sits there."""
    controlling, terminal = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "pratique.cli.main", *map(str, words)], cwd=scene.downloads,
        env={**os.environ, **scene.environment, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    out = bytearray()
    while True:
        try:
            data = os.read(controlling, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    os.close(controlling)
    command.wait(60)
    return bytes(out)


def steering(said: bytes) -> set[str]:
    """Every character that is no text, but for what our own lines are made of."""
    text = OURS.sub(b"", said).decode("utf-8", "backslashreplace")
    return {char for char in text if not char.isprintable() and char not in "\r\n\t"}


@pytest.mark.parametrize("status", [0, 3])
def test_nothing_of_it_arrives_unattended(scene, status):
    said = on_a_terminal(scene, "run", "--refuse", scene.python(FLOOD), status)
    assert said.count(b"owned") > 1000, "the text itself is shown"
    assert steering(said) == set()


def test_names_and_lines_in_the_report_steer_nothing_later_either(scene):
    on_a_terminal(scene, "run", "--refuse", scene.python(FLOOD, name="\x1b]0;owned\x07setup.py"), 0)
    (saved,) = (scene.state / "history").glob("*.json")
    for words in (("history",), ("history", saved.stem), ("show", saved.stem)):
        said = on_a_terminal(scene, *words)
        assert b"owned" in said
        assert steering(said) == set()


def test_an_error_about_a_name_steers_nothing(scene):
    said = on_a_terminal(scene, "run", "\x1b]0;owned\x07\x1b[2J")
    assert b"owned" in said
    assert steering(said) == set()


def test_a_pipe_gets_the_very_bytes(scene, tmp_path: Path):
    script = scene.script(r"printf '\033[31mred\n'")
    ran = scene.run("--refuse", script)
    assert "\x1b[31mred\n" in ran.out

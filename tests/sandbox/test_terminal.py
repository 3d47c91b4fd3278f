"""An attended session: the program has a terminal of its own, and the person's is always given back."""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from pratique.sandbox.terminal import TWICE_WITHIN, Keyboard

_CONTROLLER = """
import os, sys
from pathlib import Path
from pratique.sandbox.environment import from_host
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec

place, directory, script = sys.argv[1:]
environment = from_host(os.environ, home="/", user="", uid=os.geteuid(), attended=True)
spec = Spec(id="t", place=Path(place), command=("sh", "-c", script), environment=environment, directory=directory,
    uid=os.geteuid(), gid=os.getegid(), attended=True)
with Quarantine(spec) as quarantine:
    ended = quarantine.run()
print(f"ENDED status={ended.exit_status} interrupted={ended.interrupted} left={ended.processes_left}", flush=True)
"""

Attend = Callable[[str], pexpect.spawn]


@pytest.fixture
def attend(tmp_path: Path, host: Path) -> Iterator[Attend]:
    """`attend("script")`: a person's terminal of 33 lines and 111 columns, with that script quarantined on it."""
    program = tmp_path / "controller.py"
    program.write_text(_CONTROLLER)
    made: list[pexpect.spawn] = []

    def start(script: str) -> pexpect.spawn:
        child = pexpect.spawn(
            sys.executable, [str(program), str(tmp_path / f"place{len(made)}"), str(host), script],
            env={**os.environ, "PRATIQUE_STATE": str(tmp_path / "state"), "TERM": "xterm-256color"},  # type: ignore[arg-type]
            dimensions=(33, 111), timeout=20, encoding="utf-8", echo=True,
        )  # fmt: skip
        child.usual = termios.tcgetattr(child.child_fd)
        made.append(child)
        return child

    yield start
    for child in made:
        child.close(force=True)


def settings_are_back(child: pexpect.spawn) -> bool:
    return bool(termios.tcgetattr(child.child_fd) == child.usual)


def test_the_program_is_on_a_terminal_of_its_own(attend):
    child = attend("tty; test -t 0 -a -t 1 -a -t 2 && echo all three; echo $TERM; stty size; echo x > /dev/tty")
    child.expect_exact("/dev/pts/0\r\nall three\r\nxterm-256color\r\n33 111\r\nx\r\n")
    child.expect_exact("ENDED status=0")
    assert settings_are_back(child)


def test_a_prompt_is_answered(attend):
    child = attend("printf 'Proceed? [y/N] '; read answer; echo got $answer")
    child.expect_exact("Proceed? [y/N] ")
    child.sendline("y")
    child.expect_exact("y\r\ngot y\r\n")
    child.expect_exact("ENDED status=0")


def test_a_password_is_not_shown(attend):
    child = attend("python3 -c 'import getpass; print(len(getpass.getpass()))'")
    child.expect("Password: ")
    child.sendline("geheim")
    child.expect_exact("6\r\n")
    child.expect_exact("ENDED")
    assert "geheim" not in child.before


def test_colours_and_bytes_pass_unchanged(attend):
    child = attend(r"printf '\033[31mred\033[0m \303\244\n'")
    child.expect_exact("\x1b[31mred\x1b[0m ä\r\n")


def test_a_changed_window_size_arrives(attend):
    child = attend("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    child.expect_exact("ready")
    child.setwinsize(44, 122)
    child.expect_exact("44 122")


def test_one_interrupt_goes_to_the_program(attend):
    child = attend("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done")
    child.expect_exact("ready")
    child.sendintr()
    child.expect_exact("caught")
    child.expect_exact("ENDED status=3 interrupted=False")


def test_two_interrupts_end_a_program_that_ignores_them(attend):
    child = attend("trap '' INT; echo ready; while :; do sleep 0.05; done")
    child.expect_exact("ready")
    child.send("\x03")
    time.sleep(0.2)
    child.send("\x03")
    child.expect_exact("ENDED status=None interrupted=True")
    assert settings_are_back(child)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_us_ends_the_session_and_gives_the_terminal_back(attend, number):
    child = attend("stty raw -echo; echo ready; sleep 60")
    child.expect_exact("ready")
    assert not settings_are_back(child)
    os.kill(child.pid, number)
    child.expect_exact("ENDED status=None interrupted=True")
    assert settings_are_back(child)


def test_even_when_we_are_killed_the_terminal_is_given_back(attend):
    child = attend("echo ready; sleep 60")
    child.expect_exact("ready")
    assert not settings_are_back(child)
    os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not settings_are_back(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert settings_are_back(child)


def test_after_being_stopped_and_continued_the_program_has_the_terminal_again(attend):
    child = attend("echo ready; read line; echo got $line")
    child.expect_exact("ready")
    os.kill(child.pid, signal.SIGSTOP)
    termios.tcsetattr(child.child_fd, termios.TCSANOW, child.usual)  # what a shell does meanwhile
    os.kill(child.pid, signal.SIGCONT)
    deadline = time.monotonic() + 5
    while settings_are_back(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.sendline("hello")
    child.expect_exact("got hello")


def test_job_control_works_inside(attend):
    child = attend("exec bash --norc --noprofile -i")
    child.expect(r"\$ |# ")
    child.sendline("set -o | grep monitor")
    child.expect(r"monitor\s+on")
    child.sendline("sleep 100")
    time.sleep(0.3)
    child.sendintr()
    child.sendline("echo status $?")
    child.expect_exact("status 130")
    child.sendline("exit 5")
    child.expect_exact("ENDED status=5")


def test_long_input_arrives_whole(attend):
    child = attend("stty -echo; echo ready; n=0; while [ $n -lt 500 ]; do read line; n=$((n+1)); done; echo last $line")
    child.expect_exact("ready")
    child.delaybeforesend = None
    for number in range(500):
        child.sendline(f"this is line number {number}")
    child.expect_exact("last this is line number 499")


def test_nothing_of_ours_is_between_the_program_and_the_screen(attend):
    child = attend("echo one; echo two")
    child.expect_exact("ENDED")
    assert re.fullmatch(r"one\r\ntwo\r\n", child.before)


@pytest.mark.parametrize(
    ("strokes", "stops"),
    [
        ([(b"\x03", 0.0)], False),
        ([(b"\x03", 0.0), (b"\x03", TWICE_WITHIN + 0.1)], False),
        ([(b"\x03", 0.0), (b"\x03", TWICE_WITHIN - 0.1)], True),
        ([(b"\x03\x03", 0.0)], True),
        ([(b"a", 0.0), (b"\x03", 0.1), (b"b", 0.2), (b"\x03", 0.3)], True),
        ([(b"abc", 0.0), (b"abc", 0.1)], False),
    ],
)
def test_two_quick_interrupts_ask_to_stop(strokes, stops):
    keyboard = Keyboard()
    assert any([keyboard.asked_to_stop(keys, now) for keys, now in strokes]) is stops  # noqa: C419  # every key counts

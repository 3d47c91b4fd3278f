"""A person sits there: the installer's terminal, the one screen and its keys, and the terminal given back."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pexpect
import psutil
import pyte
import pytest
from plugin_folders import install

pytestmark = pytest.mark.root

Attend = Callable[..., pexpect.spawn]
EVIL = "echo evil >> ~/.bashrc; touch ~/new"


@pytest.fixture
def attend(scene) -> Iterator[Attend]:
    """`attend("run", script)`: the command on a terminal of 30 lines and 100 columns."""
    made: list[pexpect.spawn] = []

    def start(*words: object, env: dict[str, str] | None = None, size: tuple[int, int] = (30, 100)) -> pexpect.spawn:
        child = pexpect.spawn(
            sys.executable, ["-m", "pratique.cli.main", *map(str, words)],
            env={**os.environ, **scene.environment, "TERM": "xterm-256color", **(env or {})},  # type: ignore[arg-type]
            cwd=str(scene.downloads), dimensions=size, timeout=20, encoding="utf-8", codec_errors="replace",
        )  # fmt: skip
        child.delaybeforesend = 0
        child.usual = termios.tcgetattr(child.child_fd)
        child.seen = pyte.Screen(size[1], size[0])
        stream = pyte.Stream(child.seen)
        child.logfile_read = type("Log", (), {"write": lambda _, text: stream.feed(text), "flush": lambda _: None})()
        made.append(child)
        return child

    yield start
    for child in made:
        child.close(force=True)


def ends(child: pexpect.spawn) -> int:
    """Its exit code, once it has ended; the terminal must be as it was."""
    child.expect(pexpect.EOF)
    assert termios.tcgetattr(child.child_fd) == child.usual
    child.wait()
    return child.exitstatus if child.exitstatus is not None else -child.signalstatus


def shown(child: pexpect.spawn) -> str:
    return "\n".join(line.rstrip() for line in child.seen.display)


def report(scene) -> dict:
    """The newest report in the history."""
    files = sorted((scene.state / "history").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(files[-1].read_text())


# -- the installer's terminal -----------------------------------------------------------------------------------------


def test_the_installer_s_questions_are_answered_by_the_person(scene, attend):
    script = scene.script(
        "printf 'Proceed? [y/N] '; read answer", "echo got:$answer", "stty -echo; printf 'Password: '; read secret",
        "stty echo; echo; echo long:${#secret}", "touch ~/new",
    )  # fmt: skip
    child = attend("run", script)
    child.expect_exact("Proceed? [y/N] ")
    child.sendline("yes")
    child.expect_exact("got:yes")
    child.expect_exact("Password: ")
    child.sendline("swordfish")
    child.expect_exact("long:9")
    assert ends(child) == 0
    assert "swordfish" not in shown(child)
    assert (scene.home / "new").exists()


def test_colours_pass_and_the_window_s_size_follows(scene, attend):
    script = scene.script(
        "trap 'stty size' WINCH", "stty size", r"printf '\033[1;31mred\033[0m\n'", "echo ready",
        "while ! [ -e ~/go ]; do sleep 0.1; read -r line && break; done",
    )  # fmt: skip
    child = attend("run", script)
    child.expect_exact("30 100")
    child.expect_exact("\x1b[1;31mred\x1b[0m")
    child.expect_exact("ready")
    child.setwinsize(41, 87)
    child.expect_exact("41 87")
    child.sendline("done")
    assert ends(child) == 0


def test_one_interrupt_is_the_installer_s_two_are_ours(scene, attend):
    script = scene.script("trap 'echo caught' INT", "echo ready", "while :; do sleep 0.1; done")
    child = attend("run", script)
    child.expect_exact("ready")
    child.send("\x03")
    child.expect_exact("caught")
    time.sleep(1.2)
    assert child.isalive()
    child.send("\x03")
    child.send("\x03")
    child.expect_exact("interrupted; nothing was committed")
    assert ends(child) == 130
    assert scene.left() == []
    assert WENT_ON not in report(scene)["notes"]


@pytest.mark.parametrize("after", [0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45])
def test_an_interrupt_counts_from_the_first_moment_on(scene, attend, after):
    """The program is not there yet, or is only just there."""
    child = attend("run", "--", "sleep", "100")
    child.expect_exact("runs in quarantine")
    time.sleep(after)
    child.send("\x03")
    assert ends(child) == 130


def test_what_is_typed_before_the_program_is_there_reaches_it(scene, attend):
    child = attend("run", "--refuse", scene.script("read line", "echo heard: $line"))
    child.expect_exact("runs in quarantine")
    child.send("early\n")
    child.expect_exact("heard: early")
    assert ends(child) == 11


WENT_ON = "Ctrl-C was pressed, and the program went on to its end"
IGNORES = ("trap 'echo caught' INT", "echo ready", "for i in 1 2 3 4 5 6 7 8; do sleep 0.25; done", "touch ~/new")


def test_a_clean_installer_that_goes_on_after_an_interrupt_is_asked_about(scene, attend):
    child = attend("run", scene.script(*IGNORES))
    child.expect_exact("ready")
    child.send("\x03")
    child.expect_exact(WENT_ON)
    child.expect_exact("What shall be done?")
    child.send("r")
    assert ends(child) == 11
    assert scene.left() == []


def test_one_that_was_to_be_installed_unasked_is_interrupted(scene, attend):
    child = attend("run", "--install", scene.script(*IGNORES))
    child.expect_exact("ready")
    child.send("\x03")
    child.expect_exact("interrupted; nothing was committed")
    assert ends(child) == 130
    assert scene.left() == []


def test_a_ctrl_c_that_is_a_key_like_any_other_interrupts_nothing(scene, attend):
    script = ("stty -isig; echo ready", "head -c 1 | od -An -tx1", "stty isig", "touch ~/new")
    child = attend("run", scene.script(*script))
    child.expect_exact("ready")
    child.send("\x03\n")
    assert ends(child) == 0
    assert (scene.home / "new").exists()


@pytest.mark.parametrize(
    ("first", "last"), [("true", "exec sleep 100"), ("trap 'exit 130' INT", "while :; do sleep 0.1; done")]
)
def test_an_interrupt_that_ends_the_installer_installs_nothing(scene, attend, first, last):
    child = attend("run", "--install", scene.script(first, "touch ~/new", "echo ready", last))
    child.expect_exact("ready")
    child.send("\x03")
    child.expect_exact("interrupted; nothing was committed")
    assert ends(child) == 130
    assert scene.left() == []
    assert WENT_ON not in report(scene)["notes"]


CURSES = """
import curses
def main(screen):
    screen.addstr(2, 4, "Install to /opt?")
    screen.addstr(4, 4, "<Yes>  <No>", curses.A_REVERSE)
    screen.refresh()
    key = screen.getkey()
    screen.addstr(6, 4, f"pressed {key}")
    screen.refresh()
    screen.getkey()
curses.wrapper(main)
print("left full screen")
"""


def test_a_full_screen_program_works_as_without_us(scene, attend):
    child = attend("run", scene.python(CURSES))
    deadline = time.monotonic() + 15
    while "<No>" not in shown(child) and time.monotonic() < deadline:
        child.expect([".+", pexpect.TIMEOUT], timeout=0.2)
    time.sleep(1.2)  # long enough for a live line to show, were there one
    child.expect([".+", pexpect.TIMEOUT], timeout=0.2)
    lines = [line.rstrip() for line in child.seen.display]
    assert lines[2] == "    Install to /opt?"
    assert lines[4] == "    <Yes>  <No>"
    assert [line for line in lines if line] == ["    Install to /opt?", "    <Yes>  <No>"]
    child.send("y")
    child.expect_exact("pressed y")
    child.send("q")
    child.expect_exact("left full screen")
    assert ends(child) == 0


# -- the live line ----------------------------------------------------------------------------------------------------


def test_a_quiet_installer_has_a_live_line_that_leaves_nothing_behind(scene, attend):
    script = scene.script("echo begin", "sleep 1.6", "echo middle", "printf 'no newline: '; sleep 1.3; echo end")
    child = attend("run", script)
    child.expect(r"pratique: \d+ s, \d+ process")
    child.expect_exact("middle")
    after = child.read()
    assert re.search(r"pratique: \d+ s", after.split("end")[0]) is None, "not behind an unfinished line"
    assert ends(child) == 0
    lines = [line.rstrip() for line in child.seen.display]
    at = lines.index("begin")
    assert lines[at : at + 3] == ["begin", "middle", "no newline: end"]
    assert not any(re.match(r"pratique: \d+ s", line) for line in lines)


def test_the_live_line_never_breaks_what_is_printed(scene, attend):
    source = (
        "import sys, time\nfor i in range(40):\n    sys.stdout.write(f'{i:03d}')\n    sys.stdout.flush()\n"
        "    time.sleep(0.03 if i % 10 else 0.7)\nprint()\n"
    )
    child = attend("run", scene.python(source))
    assert ends(child) == 0
    expected = "".join(f"{i:03d}" for i in range(40))
    assert expected in shown(child).replace("\n", "")


# -- the question -----------------------------------------------------------------------------------------------------


def test_the_screen_is_shown_and_a_key_answers_it(scene, attend):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("> ")
    screen = shown(child)
    for said in ("UNDESIRABLE  100 of 100", "Runs itself whenever a shell starts", "you were not told", "+1 line",
                 "[w] install without what is undesirable", "[i] install all", "[r] refuse", "[d] details",
                 "[h] remember"):  # fmt: skip
        assert said in screen
    child.send("w")
    child.expect_exact("installed")
    child.expect_exact("left out")
    assert ends(child) == 0
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert (scene.home / "new").exists()
    assert report(scene)["decision"] == {"choice": "without", "source": "person"}
    assert shown(child).count("UNDESIRABLE") == 1, "the screen is not shown twice"


@pytest.mark.parametrize(("key", "code", "lines"), [("i", 0, 2), ("r", 10, 1), ("I", 0, 2)])
def test_each_key_does_what_it_says(scene, attend, key, code, lines):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("> ")
    child.send(key)
    assert ends(child) == code
    assert len((scene.home / ".bashrc").read_text().splitlines()) == lines


def test_components_are_chosen_and_the_screen_says_what_is_left(scene, attend):
    helper = "printf '#!/bin/sh\\necho evil >> ~/.bashrc\\n' > helper; chmod +x helper"
    child = attend("run", scene.script("cd; touch new", helper, "./helper"))
    child.expect_exact("you were not told")
    child.expect_exact("[c] choose components")
    child.expect_exact("> ")
    child.send("c")
    child.expect_exact("Left out: none")
    child.expect_exact("[1] leave out helper (100)")
    child.expect_exact("> ")
    child.send("1")
    child.expect_exact("Left out: helper")
    child.expect_exact("[1] keep helper (100)")
    child.expect_exact("> ")
    child.send("b")
    child.expect_exact("brought along by setup.sh, left out")
    child.expect_exact("[i] install all but helper")
    child.expect_exact("> ")
    assert "[h] remember" not in shown(child).rsplit("What shall be done?", 1)[-1]
    screen = " ".join(shown(child).split("[1] keep helper", 1)[-1].split())
    assert "CLEAN 0 of 100, without helper baseline" in screen, (
        "what would be installed is judged, and not what was run"
    )
    assert "100 Runs itself whenever a shell starts left out with helper" in screen
    assert "UNDESIRABLE" not in screen
    child.send("i")
    child.expect_exact("helper: 2 changes, brought along by setup.sh")
    assert ends(child) == 0
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert (scene.home / "new").exists()
    assert not (scene.home / "helper").exists()
    assert report(scene)["decision"] == {"choice": "install", "source": "person", "components": ["helper"]}


def test_wrong_keys_ask_again_and_details_are_shown(scene, attend):
    child = attend("run", scene.script(EVIL))
    for key in ("x", "\x1b", "\r", "é"):
        child.expect_exact("> ")
        child.send(key)
        child.expect_exact("please press one of w, i, r, d, h")
    child.expect_exact("> ")
    child.send("d")
    child.expect_exact("+ evil")
    child.expect("~/.bashrc")
    child.expect_exact("> ")
    child.send("r")
    assert ends(child) == 10
    assert scene.left() == []


def test_what_was_typed_before_the_question_is_no_answer(scene, attend):
    child = attend("run", scene.script("echo ready", "sleep 0.5", EVIL))
    child.expect_exact("ready")
    child.send("iiii")
    child.expect_exact("> ")
    time.sleep(0.5)
    assert child.isalive()
    child.send("r")
    assert ends(child) == 10


def test_a_choice_that_cannot_be_remembered_was_carried_out_all_the_same(scene, attend):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("[h] remember for this file")
    child.expect_exact("> ")
    (scene.state / "decisions.lock").unlink(missing_ok=True)
    (scene.state / "decisions.lock").mkdir()
    child.send("h")
    child.expect_exact("It will be remembered")
    child.expect_exact("> ")
    child.send("w")
    child.expect_exact("the choice is not remembered: decisions cannot be kept in")
    assert ends(child) == 0
    assert (scene.home / "new").exists()
    told = report(scene)
    assert told["decision"] == {"choice": "without", "source": "person"}
    assert [note for note in told["notes"] if "Is a directory" in note]


def test_remembered_is_asked_no_more_until_forgotten(scene, attend):
    script = scene.script(EVIL)
    child = attend("run", script)
    child.expect_exact("[h] remember for this file, for 180 days")
    child.expect_exact("> ")
    child.send("h")
    child.expect("It will be remembered for this file [(][0-9a-f]{12}…[)], for 180 days[.]")
    child.expect_exact("> ")
    child.send("w")
    assert ends(child) == 0
    (scene.home / "new").unlink()
    child = attend("run", script)
    assert ends(child) == 0
    assert report(scene)["decision"] == {"choice": "without", "source": "remembered"}
    assert (scene.home / ".bashrc").read_text() == "# mine\n"

    def decisions(*words):
        return scene._pratique("decisions", *words, env=scene.environment)

    listed = decisions("list", "--json").json
    assert [(entry["choice"], entry["name"], entry["in_force"]) for entry in listed] == [("without", "setup.sh", True)]
    assert 179 < (listed[0]["expires"] - time.time()) / 86400 < 181
    assert "shell-startup" in decisions("show", listed[0]["id"]).out
    assert decisions("forget", listed[0]["id"]).code == 0
    child = attend("run", script)
    child.expect_exact("> ")
    child.send("r")
    assert ends(child) == 10


VOUCHING = """
from pratique import Facts, Signer, hookimpl

@hookimpl
def identify(path):
    return Facts(signer=Signer(name="Tame (of old)", key="F" * 40, valid=True, trusted=True))
"""


def test_what_is_remembered_for_a_maker_s_programs_says_the_maker_s_name(scene, attend, tmp_path):
    install(tmp_path / "plugins", "vouching", {"vouching.py": VOUCHING}, {"vouching": "vouching"})
    policy = tmp_path / "ours.policy"
    policy.write_text("policy ours { extends baseline }\noverride decide { remember for 9d by signer, name }\n")
    plugins = {"PYTHONPATH": str(tmp_path / "plugins")}
    child = attend("run", "--policy", policy, scene.script(EVIL), size=(30, 200), env=plugins)
    child.expect_exact("[h] remember for everything called setup.sh signed by Tame (of old), for 9 days")
    child.expect_exact("> ")
    child.send("h")
    child.expect_exact("It will be remembered for everything called setup.sh signed by Tame (of old), for 9 days.")
    child.expect_exact("> ")
    child.send("r")
    assert ends(child) == 10


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_giving_up_at_the_question_installs_nothing(scene, attend, key):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("> ")
    child.send(key)
    child.expect_exact("interrupted; nothing was committed")
    assert ends(child) == 130
    assert scene.left() == []
    assert report(scene)["exit_code"] == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_being_ended_at_the_question_installs_nothing_and_gives_the_terminal_back(scene, attend, number):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("> ")
    time.sleep(0.2)
    child.kill(number)
    child.expect_exact("interrupted; nothing was committed")
    assert ends(child) == 130
    assert scene.left() == []


def test_a_terminal_that_goes_away_at_the_question_installs_nothing_and_leaves_an_entry(scene, attend):
    child = attend("run", scene.script(EVIL))
    child.expect_exact("> ")
    child.ptyproc.fileobj.close()
    os.kill(child.pid, signal.SIGHUP)  # as the shell does, too
    child.wait()
    assert child.exitstatus == 130
    assert scene.left() == []
    told = report(scene)
    assert (told["exit_code"], told["decision"], told["verdict"]["class"]) == (130, None, "undesirable")


def test_what_came_of_installing_is_said_after_the_answer(scene, attend):
    host = scene.downloads / "host.yaml"
    host.write_text("undo: {days: 0}\n")
    first = scene.run("--install", "--json", scene.script("echo x > ~/first")).json["id"]
    child = attend("run", "--host", host, scene.script(EVIL))
    child.expect_exact("> ")
    child.send("i")
    child.expect_exact(f"cannot be undone any more, by undo.room and undo.days of the role file: {first}")
    assert ends(child) == 0


def test_clean_or_failed_or_told_beforehand_nothing_is_asked(scene, attend):
    for words, lines, code in [([], ["touch ~/new"], 0), ([], [EVIL, "exit 3"], 10), (["--without"], [EVIL], 0)]:
        child = attend("run", *words, scene.script(*lines))
        assert ends(child) == code
        assert "What shall be done?" not in shown(child)


def test_without_is_not_offered_where_it_would_not_help(scene, attend, tmp_path):
    policy = tmp_path / "ours.policy"
    policy.write_text(
        'policy ours { version "1" }\n'
        'action stays "Stays" { on file.create where path matches "~/new"; weight 100; remedy none }\n'
    )
    child = attend("run", "--policy", policy, scene.script(EVIL))
    child.expect_exact("> ")
    assert "[w]" not in shown(child)
    child.send("w")
    child.expect_exact("please press one of i, r, d, h")
    child.send("r")
    assert ends(child) == 10


# -- a hostile screen -------------------------------------------------------------------------------------------------


def test_what_the_installer_did_to_the_screen_does_not_hide_ours(scene, attend):
    """Invisible ink, another screen, a scroll region, a hidden cursor, line drawing letters: all ended."""
    script = scene.script(r"printf '\033[?1049h\033[2J\033[5;6r\033[8m\033[30;40m\033[?25l\016\033(0'", EVIL)
    child = attend("run", script)
    child.expect_exact("> ")
    screen = child.seen
    row = next(number for number, line in enumerate(screen.display) if "UNDESIRABLE" in line)
    cell = screen.buffer[row][screen.display[row].index("UNDESIRABLE")]
    assert (cell.fg, cell.bg) != ("black", "black")
    assert screen.cursor.hidden is False
    raw = shown(child)
    assert "What shall be done?" in raw
    child.send("r")
    assert ends(child) == 10


def test_no_colour_when_the_person_wants_none(scene, attend):
    child = attend("run", scene.script("echo evil >> ~/.bashrc"), env={"NO_COLOR": "1"})
    child.expect_exact("> ")
    child.send("r")
    child.expect(pexpect.EOF)
    assert re.search(r"\x1b\[[0-9;]*m", child.before or "") is None


def test_even_killed_we_give_the_terminal_back_and_the_next_run_clears_up(scene, attend):
    script = scene.script("echo ready", "sleep 100")
    child = pexpect.spawn(
        "sh", ["-c", '"$@"; echo shell goes on; read line', "sh", sys.executable, "-m", "pratique.cli.main", "run",
               str(script)],
        env={**os.environ, **scene.environment}, timeout=20, encoding="utf-8",  # type: ignore[arg-type]
    )  # fmt: skip
    usual = termios.tcgetattr(child.child_fd)
    try:
        child.expect_exact("ready")
        [ours] = psutil.Process(child.pid).children()
        ours.kill()
        child.expect_exact("shell goes on")
        deadline = time.monotonic() + 5
        while termios.tcgetattr(child.child_fd) != usual and time.monotonic() < deadline:
            time.sleep(0.02)
        assert termios.tcgetattr(child.child_fd) == usual
    finally:
        child.close(force=True)
    assert scene.left() != []
    assert scene.run("--refuse", scene.script("true", name="next.sh")).code == 11
    assert scene.left() == []

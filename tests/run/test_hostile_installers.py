"""Installers that misbehave, for real and end to end: what they did is told, and nothing of it reaches the host."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.root


def paths(report: dict) -> set[str]:
    return {effect["path"] for effect in report["effects"]}


def begun(scene, script: Path) -> subprocess.Popen[str]:
    """`pratique run --install`, under way: the installer has said "ready"."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pratique.cli.main", "run", "--install", script],
        env={**os.environ, **scene.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


# -- ones that do not end, or badly -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ["sleep 1000"],
        ["trap '' TERM INT HUP QUIT TSTP", "while :; do sleep 1; done"],
        ["(setsid sh -c 'trap \"\" TERM; sleep 1000' &) &", "read answer < /dev/zero", "while :; do :; done"],
    ],
    ids=["sleeps", "ignores signals", "busy, with a daemon"],
)
def test_one_that_never_ends_is_ended_with_all_it_started(scene, refused, lines):
    script = scene.script("touch ~/half", *lines)
    ran = refused(7, "--json", "--install", "--timeout", "2", script, said="not finished after 2 s")
    assert ran.json["ended"] == "deadline"
    assert ran.json["decision"] is None
    assert str(scene.home / "half") in paths(ran.json)


def test_one_that_fails_is_not_installed(scene, refused):
    script = scene.script("touch ~/half", "exit 3")
    ran = refused(6, "--json", "--install", script, said="the installer itself failed (it ended with status 3)")
    assert ran.json["installer_exit_status"] == 3


def test_one_that_fails_is_installed_when_told_to_anyway(scene):
    ran = scene.run("--json", "--install", "--anyway", scene.script("echo half > ~/half", "exit 3"))
    assert ran.code == 0, ran.err
    assert ran.json["installer_exit_status"] == 3
    assert (scene.home / "half").read_text() == "half\n"


def test_undesirable_wins_over_failing(scene, refused):
    script = scene.script("echo evil >> ~/.bashrc", "exit 3")
    assert refused(10, "--json", script).json["installer_exit_status"] == 3
    assert refused(10, "--json", "--anyway", script).json["verdict"]["class"] == "undesirable"
    refused(6, "--json", "--install", script)
    refused(6, "--json", "--without", script)
    refused(11, "--refuse", scene.script("exit 3", name="clean.sh"), said="refused")


@pytest.mark.parametrize("deed", ["kill -9 $PPID", "kill -9 -1", "kill -9 $$", "kill -9 1; kill -SEGV $$"])
def test_killing_whoever_it_can_kills_only_itself(scene, refused, deed):
    ran = refused(6, "--json", "--install", scene.script("touch ~/half", deed, "exit 1"))
    assert ran.json["ended"] == "completed"


def test_daemons_are_ended_and_what_they_write_later_is_not_installed(scene):
    ran = scene.run(
        "--json", "--install",
        scene.script("for i in 1 2 3; do (setsid sh -c 'sleep 2; touch ~/late' &) ; done", "touch ~/now"),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert (scene.home / "now").exists()
    time.sleep(2.5)
    assert not (scene.home / "late").exists()


def test_forking_without_end_is_bounded(scene, refused):
    script = scene.script(
        "i=0; trap 'echo stopped at $i' EXIT", "while [ $i -lt 5000 ]; do sleep 1000 & i=$((i+1)); done"
    )
    ran = refused(11, "--refuse", script)
    assert "more than 2,048 processes at a time were wanted" in ran.out
    assert 1000 < int(ran.out.split("stopped at ")[1].split()[0]) < 2048


FORK = """
import os, time
try:
    for _ in range(5000):
        if os.fork() == 0:
            time.sleep(1000)
except OSError:
    time.sleep(2)  # else it may be over before anybody has looked for room
"""


def test_who_leaves_no_room_for_a_thread_is_not_waited_for_by_who_looks_into_it(scene):
    ran = scene.run("--refuse", "--json", scene.python(FORK))
    assert ran.code == 11, ran.err
    frida = next(one for one in ran.json["observers"] if one["name"] == "frida")
    assert frida["state"] == "failed"
    assert "no room for another process or thread" in frida["error"]


# -- too much ---------------------------------------------------------------------------------------------------------


def test_one_that_fills_the_disk_is_stopped(scene, refused, small):
    script = scene.script("dd if=/dev/zero of=$HOME/big bs=1M count=200 2>/dev/null; while :; do sleep 1; done")
    scene.state = small
    refused(8, "--install", script, env={"PRATIQUE_STATE": str(small)}, said=("filled the disk", str(small)))


def test_many_small_files_that_fill_the_disk_are_stopped_too(scene, refused, small):
    script = scene.script("cd; i=0", "while :; do i=$((i+1)); head -c 65536 /dev/zero > $i; done 2> /dev/null")
    scene.state = small
    refused(8, "--install", script, env={"PRATIQUE_STATE": str(small)}, said="filled the disk")


def test_a_disk_that_is_full_already(scene, refused, small):
    (small / "ballast").write_bytes(bytes(30 * 1024 * 1024))
    scene.state = small
    script = scene.script("echo it ran")
    ran = refused(8, "--install", script, env={"PRATIQUE_STATE": str(small)}, said="there is too little room to start")
    assert "it ran" not in ran.out


def test_no_room_for_what_was_admitted_can_be_made(scene, small):
    (small / "ballast").write_bytes(bytes(28 * 1024 * 1024))
    (small / "mine").write_text("mine\n")
    script = scene.script(f"echo changed > {small}/mine", f"head -c 8000000 /dev/urandom > {small}/big", "touch ~/also")
    ran = scene.run("--install", "--json", script)
    assert (ran.code, "no room" in ran.err) == (8, True)
    report = ran.json
    assert (report["exit_code"], report["decision"]) == (8, {"choice": "install", "source": "flag"})
    assert "no room" in report["notes"][-1]
    assert sorted(path.name for path in small.iterdir()) == ["ballast", "mine"]
    assert (small / "mine").read_text() == "mine\n"
    assert not (scene.home / "also").exists()
    (small / "ballast").unlink()
    done = scene.pratique("commit", "--install", report["id"])
    assert done.code == 0, done.err
    assert ((small / "mine").read_text(), (small / "big").stat().st_size) == ("changed\n", 8_000_000)
    assert scene.sessions() == []


def test_no_room_for_the_report(scene, refused, small):
    room = os.statvfs(small)
    (small / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize))
    script = scene.script("touch ~/new")
    refused(8, "--refuse", "--record", small / "x.rec", script, said=(f"{small}/x.rec: No space left", "refused"))
    refused(8, "--refuse", f"--json={small}/x.json", script, said=f"{small}/x.json: No space left")
    assert not (small / "x.rec").exists()
    ran = scene.run("--install", "--record", small / "x.rec", script)
    assert ran.code == 1, "not 8: something was committed"
    assert "what was admitted is installed" in ran.err
    assert (scene.home / "new").exists()


def test_a_flood_of_output_reaches_the_person_and_not_the_report(scene, tmp_path):
    script = scene.script("head -c 100000000 /dev/zero | tr '\\0' x")
    with (tmp_path / "report").open("wb") as report, (tmp_path / "output").open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "pratique.cli.main", "run", "--refuse", "--json", script],
            env={**os.environ, **scene.environment}, stdout=report, stderr=output, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert done.returncode == 11
    assert (tmp_path / "output").stat().st_size > 100_000_000
    assert (tmp_path / "report").stat().st_size < 100_000
    assert len(json.loads((tmp_path / "report").read_text())["screens"][0]["text"]) <= 16 * 1024


@pytest.mark.parametrize("reader", ["head -c 10", "true"])
def test_a_reader_that_goes_away_ends_nothing(scene, reader):
    script = scene.script("head -c 3000000 /dev/zero | tr '\\0' x", "touch ~/whole")
    piped = f'set -o pipefail; "$0" -m pratique.cli.main run --install "$1" | {reader}'
    done = subprocess.run(
        ["bash", "-c", piped, sys.executable, script],
        env={**os.environ, **scene.environment}, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert (scene.home / "whole").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_our_own_streams_may_be_closed_or_full(scene, closed):
    script = scene.script("echo out", "echo err >&2", "touch ~/whole")
    done = subprocess.run(
        ["bash", "-c", f'"$0" -m pratique.cli.main run --install "$1" {closed}', sys.executable, script],
        env={**os.environ, **scene.environment}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (scene.home / "whole").exists()


def test_an_installer_may_close_its_streams(scene, refused):
    ran = refused(11, "--refuse", "--json", scene.script("exec <&- >&- 2>&-", "echo lost", "touch ~/done"))
    assert str(scene.home / "done") in paths(ran.json)


@pytest.mark.alone
def test_an_installer_that_waits_for_an_answer_gets_none_and_does_not_hang(scene, refused):
    script = scene.script("printf 'Your name? '; read name || { echo nobody is there; exit 9; }", "touch ~/named")
    began = time.monotonic()
    ran = refused(6, "--json", "--install", script)
    assert time.monotonic() - began < 10
    assert ran.json["installer_exit_status"] == 9
    assert "nobody is there" in ran.json["screens"][-1]["text"]


@pytest.mark.proof
def test_twenty_thousand_files(scene):
    source = "import os\nos.chdir(os.environ['HOME'])\nos.mkdir('many')\n" + (
        "for i in range(20000):\n    with open(f'many/{i}', 'w') as file: file.write(str(i))"
    )
    began = time.monotonic()
    ran = scene.run("--install", "--json", scene.python(source))
    assert ran.code == 0, ran.err
    assert time.monotonic() - began < 60
    assert sum(1 for _ in (scene.home / "many").iterdir()) == 20000
    assert (scene.home / "many" / "19999").read_text() == "19999"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("tops", ["/bin /etc /home /usr/bin", pytest.param("/", marks=pytest.mark.proof)])
def test_deleting_everything_deletes_nothing(scene, refused, tops):
    script = scene.script(f"rm -rf --no-preserve-root {tops} 2> /dev/null", "exit 0")
    ran = refused(10, "--json", script, timeout=1800)
    assert {"/usr/bin/env", "/etc/passwd"} <= paths(ran.json)


# -- odd things -------------------------------------------------------------------------------------------------------

NAMES = [b"line\nbreak", b"\x1b[2J\x1b[31mred", b"caf\xe9", b"tab\there", b"..dots", b"-dash", b"q'\"$(x)`", b"n" * 255]


def test_names_of_any_bytes_are_shown_harmlessly_and_installed_as_they_are(scene, tmp_path):
    source = f"import os\nos.chdir(os.environ['HOME'])\nfor name in {NAMES!r}: open(name, 'w').close()"
    script = scene.python(source)
    ran = scene.run("--install", "--record", tmp_path / "odd.rec", script)
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err
    assert set(NAMES) <= {os.fsencode(path.name) for path in scene.home.iterdir()}
    replayed = scene._pratique("replay", tmp_path / "odd.rec", "--json", env=scene.environment)
    assert replayed.code == 0, replayed.err
    assert len([path for path in paths(replayed.json) if path.startswith(str(scene.home))]) >= len(NAMES)


def test_escapes_it_prints_are_passed_on_but_never_into_our_own_words(scene):
    script = scene.script(r"printf '\033[2J\033[31mCLEAN 0 of 100\033[8m\n'", "echo evil >> ~/.bashrc")
    ran = scene.run("--json", script)
    assert ran.code == 10
    assert "\x1b[31mCLEAN" in ran.err
    assert "\x1b" not in ran.out
    assert ran.json["verdict"]["class"] == "undesirable"


ODD_FILES = """
import os, socket
os.chdir(os.environ["HOME"])
deep = "/".join(["d"] * 120)
os.makedirs(deep)
open(deep + "/bottom", "w").write("bottom")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
open("one", "w").write("shared")
os.link("one", "two")
with open("sparse", "wb") as file:
    file.truncate(64 << 20)
    file.seek(32 << 20)
    file.write(b"island")
os.setxattr("one", "user.maker", b"somebody")
os.chmod("one", 0o6750)
os.symlink("nowhere", "dangling")
os.symlink("loop", "loop")
os.mkdir("sealed")
open("sealed/inner", "w").write("x")
os.chmod("sealed", 0)
"""


def test_odd_files_are_installed_as_they_are(scene):
    ran = scene.run("--install", "--json", scene.python(ODD_FILES))
    assert ran.code == 0, ran.err
    home = scene.home
    assert (home / "/".join(["d"] * 120) / "bottom").read_text() == "bottom"
    assert stat.S_ISFIFO((home / "pipe").lstat().st_mode)
    assert (home / "one").stat().st_ino == (home / "two").stat().st_ino
    sparse = (home / "sparse").stat()
    assert (sparse.st_size, sparse.st_blocks * 512 < 1 << 20) == (64 << 20, True)
    assert os.getxattr(home / "one", "user.maker") == b"somebody"
    assert stat.S_IMODE((home / "one").stat().st_mode) == 0o6750
    assert (home / "dangling").readlink() == Path("nowhere")
    assert stat.S_IMODE((home / "sealed").stat().st_mode) == 0
    assert (home / "sealed" / "inner").read_text() == "x"
    sockets = [effect for effect in ran.json["effects"] if effect["path"] == str(home / "socket")]
    assert [effect["kept"] for effect in sockets] == [False]
    assert "a socket is nothing without the process" in sockets[0]["note"]


def test_a_directory_replaced_by_a_link_leads_nowhere_unseen(scene, refused):
    (scene.home / "settings").mkdir()
    script = scene.script("rm -r ~/settings", "ln -s /etc ~/settings", "echo evil > ~/settings/profile.d/evil.sh")
    ran = refused(10, "--json", script)
    assert "/etc/profile.d/evil.sh" in paths(ran.json), "it is told by its real path"
    assert not Path("/etc/profile.d/evil.sh").exists()
    kept = scene.run("--without", "--json", script)
    assert kept.code == 0, kept.err
    assert not Path("/etc/profile.d/evil.sh").exists()
    assert (scene.home / "settings").readlink() == Path("/etc")


def test_private_files_are_empty_to_it_and_stay_as_they_are(scene, refused):
    script = scene.script("cat ~/.ssh/id_ed25519", "echo evil > ~/.ssh/id_ed25519", "echo hello")
    ran = refused(10, "--json", script)
    assert "PRIVATE" not in ran.out + ran.err
    told = {action["name"]: action for action in ran.json["actions"]}
    assert any(e["fields"].get("path", "").endswith("id_ed25519") for a in told.values() for e in a["evidence"])
    kept = scene.run("--install", "--json", script)
    assert kept.code == 0, kept.err
    assert (scene.home / ".ssh" / "id_ed25519").read_text() == "PRIVATE\n"


def test_deleting_what_starts_with_the_shell_is_told(scene, refused):
    ran = refused(10, "--json", scene.script("rm ~/.bashrc"))
    assert [action["name"] for action in ran.json["actions"]] == ["belongings"]
    [effect] = [effect for effect in ran.json["effects"] if effect["path"] == str(scene.home / ".bashrc")]
    assert (effect["op"], effect["kept"]) == ("delete", False)


def test_an_ordinary_user_s_installer_reads_no_more_than_the_user(ordinary_user):
    script = ordinary_user.home / "spy.sh"
    script.write_text("#!/bin/sh\ncat /etc/shadow && exit 0\ncat /root/.bashrc\nexit 5\n")
    script.chmod(0o755)
    ordinary_user.own(script)
    ran = ordinary_user.pratique("run", "--install", "spy.sh")
    assert ran.code == 6
    assert "root:" not in ran.out


NETWORK = """
import socket, sys
for address in [("127.0.0.1", int(sys.argv[1])), ("192.0.2.1", 80), ("8.8.8.8", 53)]:
    try:
        socket.create_connection(address, 2).sendall(b"hello")
        print("reached", address)
    except OSError as error:
        print("refused", address[0], error.strerror)
"""


def test_without_a_network_nothing_is_reached_not_even_this_machine(scene):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = str(server.getsockname()[1])
        script = scene.python(NETWORK)
        ran = scene.run("--refuse", script, port)
        with pytest.raises(TimeoutError):
            server.accept()
        assert [line.split()[0] for line in ran.out.splitlines()[:3]] == ["refused"] * 3

        def hear() -> None:
            server.settimeout(20)
            heard.append(server.accept()[0].recv(5))

        listener = threading.Thread(target=hear)
        listener.start()
        opened = scene.run("--refuse", "--json", "--network", "host", script, port)
        listener.join()
    assert heard == [b"hello"]
    assert "network: host" in opened.json["open"]
    assert "open to it: network: host" in scene.run("--refuse", "--network", "host", scene.script("true")).out


# -- the host changes meanwhile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "change"),
    [
        (["echo theirs >> ~/settings"], lambda home: (home / "settings").write_text("host\n")),
        (["rm ~/settings"], lambda home: (home / "settings").write_text("host\n")),
        (["echo theirs > ~/new"], lambda home: (home / "new").write_text("host\n")),
        (["echo theirs >> ~/settings"], lambda home: (home / "settings").unlink()),
        (["mkdir ~/new; echo x > ~/new/x"], lambda home: (home / "new").symlink_to("/etc")),
        (["rm -r ~/folder"], lambda home: (home / "folder" / "precious").write_text("host\n")),
    ],
    ids=["modified", "deleted", "created", "gone", "a link instead", "a file more"],
)
def test_a_host_that_changes_meanwhile_keeps_its_own(scene, lines, change):
    (scene.home / "settings").write_text("before\n")
    (scene.home / "folder").mkdir()
    script = scene.script(*lines, "echo other > ~/other", "echo ready", "sleep 1")
    process = begun(scene, script)
    change(scene.home)
    scene.start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert "the host changed since the session began; nothing was committed" in err
    session = re.search(r"`pratique discard (\w+)` and run the installer again", err)
    assert session, err
    assert scene.pratique("discard", session[1]).code == 0
    assert scene.left() == []


def test_an_installer_that_is_changed_while_it_runs(scene):
    script = scene.script("echo ready", "sleep 1", "touch ~/new")
    process = begun(scene, script)
    with script.open("a") as file:
        file.write("# more\n")
    scene.start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert "was changed while it was judged" in err
    assert scene.left() == []


def test_an_installer_that_rewrites_itself_changes_only_its_copy(scene, refused):
    script = scene.script('echo "echo nice" > "$0"', "echo x")
    refused(11, "--refuse", script)


# -- us, ended from outside -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [15, 1, 2])
def test_a_signal_to_us_ends_the_session_in_good_order(scene, number):
    script = scene.script("echo ready", "trap '' TERM HUP INT", "while :; do sleep 0.2; done")
    process = begun(scene, script)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted; nothing was committed" in err
    assert scene.left() == []

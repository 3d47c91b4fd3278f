"""Running a program in quarantine: what it gets, how it ends, and that nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pratique.errors import CannotError, ConflictError, NoRoomError, UsageError
from pratique.sandbox import furnish, linux, space
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import TAIL_KEPT


def said_by(session: Quarantine) -> tuple[str, str, int | None]:
    """stdout, stderr and exit status."""
    out = {1: b"", 2: b""}

    def keep(data: bytes, stream: int) -> None:
        out[stream] += data

    ended = session.run(on_output=keep)
    return out[1].decode(), out[2].decode(), ended.exit_status


#: Seconds to sleep, as no other process of this machine sleeps: tests run beside one another.
LONG = f"3141.{os.getpid()}"


def mounts() -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if "pratique" in line or "place" in line]


def running(mark: str) -> list[str]:
    """Command lines of processes on this machine that contain the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line:
                found.append(line.decode(errors="replace"))
    return found


# -- how it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -15 $$", -15), ("kill -9 $$", -9)])
def test_the_exit_status_is_the_program_s(quarantine, script, status):
    ended = quarantine("sh", "-c", script).run()
    assert (ended.exit_status, ended.timed_out, ended.interrupted) == (status, False, False)


def test_output_comes_through_apart_and_its_end_is_kept(quarantine):
    session = quarantine("sh", "-c", "echo out; echo err >&2")
    out = {1: b"", 2: b""}

    def keep(data: bytes, stream: int) -> None:
        out[stream] += data

    ended = session.run(on_output=keep)
    assert out == {1: b"out\n", 2: b"err\n"}
    assert sorted(ended.output_tail.splitlines()) == [b"err", b"out"]


def test_only_the_last_64_kib_of_much_output_are_kept(quarantine):
    got = [0]

    def count(data: bytes, _: int) -> None:
        got[0] += len(data)

    ended = quarantine("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' a; printf end").run(on_output=count)
    assert got == [3_000_003]
    assert len(ended.output_tail) == TAIL_KEPT
    assert ended.output_tail.endswith(b"aend")


def test_without_a_callback_output_goes_to_ours(quarantine, capfd):
    quarantine("sh", "-c", "echo out; echo err >&2").run()
    assert capfd.readouterr() == ("out\n", "err\n")


@pytest.mark.alone
def test_a_deadline_ends_everything(quarantine):
    started = time.monotonic()
    ended = quarantine("sh", "-c", f"trap '' TERM INT HUP; sleep {LONG} & sleep {LONG}", timeout=0.5).run()
    assert time.monotonic() - started < 3
    assert (ended.timed_out, ended.exit_status) == (True, None)
    assert ended.processes_left >= 2
    assert running(LONG) == []


def test_what_is_left_running_is_counted_and_killed(quarantine):
    ended = quarantine("sh", "-c", f"for n in 1 2 3; do setsid nohup sleep {LONG} >/dev/null 2>&1 & done").run()
    assert (ended.exit_status, ended.processes_left) == (0, 3)
    assert running(LONG) == []


def test_what_ends_soon_after_the_program_is_waited_for(sh, host):
    session = sh("(sleep 0.1; echo late > late) >/dev/null 2>&1 &")
    assert [Path(effect.path).name for effect in session.effects()] == ["late"]


def test_another_thread_interrupts(quarantine):
    session = quarantine("sleep", LONG)
    threading.Timer(0.4, session.interrupt).start()
    ended = session.run()
    assert (ended.interrupted, ended.exit_status) == (True, None)
    assert running(LONG) == []


@pytest.mark.parametrize("when", ["on_start", "on_tick"])
def test_a_failing_callback_ends_the_session_first(quarantine, when):
    def fail(*_: object) -> None:
        raise RuntimeError("the caller's own")

    with pytest.raises(RuntimeError, match="own"):
        quarantine("sh", "-c", f"sleep {LONG}").run(**{when: fail})
    assert running(LONG) == []
    assert mounts() == []


def test_the_start_is_told_before_the_program_begins(quarantine):
    order = []
    quarantine("echo", "x").run(on_start=lambda: order.append(b""), on_output=lambda data, _: order.append(data))
    assert order == [b"", b"x\n"]


def test_progress_is_told(quarantine):
    told = []
    quarantine("sh", "-c", "touch a b c; sleep 0.9").run(on_tick=told.append)
    assert len(told) >= 3
    assert told[-1].elapsed > told[0].elapsed
    assert any(one.processes == 2 and one.files >= 3 for one in told)


def test_processes_are_seen_with_their_programs_and_parents(quarantine):
    ended = quarantine("sh", "-c", "sleep 0.5 & wait").run()
    first, second = ended.processes
    assert (first.id, first.parent, Path(first.program).name) == (0, None, "dash")
    assert (second.parent, Path(second.program).name, second.arguments) == (0, "sleep", ("sleep", "0.5"))


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [
        (("/no/such/program",), {}, "cannot execute /no/such/program"),
        (("nonesuch",), {}, "no such file"),
        (("/etc/passwd",), {}, "permission denied"),
        (("true",), {"directory": "/no/such/directory"}, "cannot start in the directory"),
    ],
)
def test_a_program_that_cannot_be_started_is_said(quarantine, command, settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        quarantine(*command, **settings).run()
    assert caught.value.hint


def test_a_script_without_an_interpreter_line_is_run_by_sh(quarantine, host):
    (host / "install").write_text("echo ran $1\n")
    (host / "install").chmod(0o755)
    assert said_by(quarantine("./install", "x"))[0] == "ran x\n"


# -- what stays -------------------------------------------------------------------------------------------------------


def test_leaving_removes_everything(quarantine):
    session = quarantine("sh", "-c", "head -c 1M /dev/zero > big; mkdir -p d/e; chmod 0 d/e d big")
    with session:
        session.run()
        assert session.spec.place.exists()
    assert not session.spec.place.exists()
    assert mounts() == []


def test_an_error_on_the_way_removes_everything_too(quarantine):
    session = quarantine("/no/such/program")
    with pytest.raises(UsageError), session:
        session.run()
    assert not session.spec.place.exists()


def test_files_others_keep_in_the_session_s_place_stay(quarantine):
    with quarantine("true") as session:
        session.run()
        (session.spec.place / "recording").write_text("x")
    assert [path.name for path in session.spec.place.iterdir()] == ["recording"]


def test_no_descriptor_is_lost(quarantine):
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    for _ in range(3):
        session = quarantine("sh", "-c", "echo x > y; sleep 0.1")
        session.run(on_output=lambda *_: None)
        session.effects()
        session.discard()
    assert count() == before


def test_a_controller_that_is_killed_takes_the_session_with_it(tmp_path, host):
    program = tmp_path / "controller.py"
    program.write_text(f"""
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
Quarantine(Spec(id="k", place=Path({str(tmp_path / "place")!r}), directory={str(host)!r},
    command=("sh", "-c", "trap '' TERM HUP; echo started; setsid sleep {LONG} & sleep {LONG}"),
    environment={{"PATH": "/usr/bin:/bin"}}, uid={os.geteuid()}, gid={os.getegid()})).run()
""")
    environment = {**os.environ, "PRATIQUE_STATE": str(tmp_path / "state")}

    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, env=environment) as controller:
        assert controller.stdout is not None
        assert controller.stdout.readline() == b"started\n"
        deadline = time.monotonic() + 5
        while len(running(LONG)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        controller.kill()
    deadline = time.monotonic() + 5
    while running(LONG) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(LONG) == []
    assert mounts() == []


# -- what it gets -----------------------------------------------------------------------------------------------------


def test_it_has_processes_host_names_and_a_network_of_its_own(quarantine):
    script = "ls -d /proc/[0-9]* | wc -l; hostname; tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/1/comm"
    out, err, _ = said_by(quarantine("sh", "-c", script))
    count, name, *links, first = out.split()
    assert (int(count) <= 5, name, links) == (True, os.uname().nodename, ["lo"]), err
    assert first.startswith(("python", "pytest"))


def test_loopback_works_without_a_network(quarantine):
    program = """import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname())
print(1)"""
    out, _, status = said_by(quarantine("python3", "-c", program))
    assert (out, status) == ("1\n", 0)


def test_the_host_s_network_is_there_when_asked_for(quarantine):
    out, _, _ = said_by(quarantine("cat", "/proc/net/dev", network="host"))
    assert {line.split(":")[0].strip() for line in out.splitlines()[2:]} == {
        line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]
    }


def test_its_devices_are_few_and_work(quarantine):
    script = (
        "ls -mw0 /dev", "echo x > /dev/null", "head -c 3 /dev/urandom | wc -c", "echo y > /dev/shm/y",
        "head -c2 /dev/zero | wc -c",
    )  # fmt: skip
    out, err, status = said_by(quarantine("sh", "-ec", "\n".join(script)))
    names, *numbers = out.splitlines()
    expected = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    assert names.split(", ") == expected.split(), err
    assert (numbers, status) == (["3", "2"], 0)


@pytest.mark.parametrize("path", ["/proc/sys/kernel/randomize_va_space", "/proc/sys/vm/swappiness", "/proc/irq"])
def test_settings_of_the_kernel_cannot_be_written(quarantine, path):
    target = Path(path)
    before = target.read_bytes() if target.is_file() else b""
    _, err, status = said_by(quarantine("sh", "-c", f"echo 0 > {path}" if target.is_file() else f"touch {path}"))
    assert status != 0
    assert "Read-only" in err or "denied" in err, err
    assert (target.read_bytes() if target.is_file() else b"") == before


def test_sys_cannot_be_written(quarantine):
    _, err, status = said_by(quarantine("sh", "-c", "echo 1 > /sys/kernel/mm/transparent_hugepage/enabled"))
    assert status != 0
    assert "Read-only" in err or "denied" in err, err


def test_what_tells_of_the_kernel_s_memory_is_empty(quarantine):
    there = [f"/proc/{name}" for name in furnish.MASKED if Path("/proc", name).is_file()]
    assert "/proc/kallsyms" in there
    assert said_by(quarantine("head", "-qc", "1", *there))[:2] == ("", "")


def test_pratique_s_own_files_are_hidden(quarantine, tmp_path):
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    (state / "decisions.json").write_text("{}")
    session = quarantine("sh", "-c", f"ls -A {state}; ls -A {tmp_path}/place1; echo x > {state}/decisions.json")
    out, err, _ = said_by(session)
    assert out == ""
    assert "Read-only" in err or "Permission" in err
    assert (state / "decisions.json").read_text() == "{}"


def test_stdin_is_empty_and_there_is_no_terminal(quarantine):
    out, err, _ = said_by(quarantine("sh", "-c", "cat; tty; echo x > /dev/tty"))
    assert out == "not a tty\n"
    assert "No such device" in err


def test_no_descriptor_of_ours_is_inherited(quarantine, tmp_path):
    with open(tmp_path / "open", "w") as file:
        os.set_inheritable(file.fileno(), True)
        out, _, _ = said_by(quarantine("sh", "-c", "ls /proc/$$/fd"))
    assert out.split() == ["0", "1", "2"]


def test_privileges_are_gone(quarantine):
    out, _, _ = said_by(quarantine("grep", "-E", "^(Cap|NoNewPrivs|SigIgn|SigBlk)", "/proc/self/status"))
    found = dict(line.split(":\t") for line in out.splitlines())
    kept = 0xA00405FB if os.geteuid() == 0 else 0
    assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) == kept
    assert (found["NoNewPrivs"], int(found["SigIgn"], 16), int(found["SigBlk"], 16)) == ("1", 0, 0)


def test_signals_ignored_by_whoever_started_us_are_not_for_the_program(tmp_path):
    ignoring = (
        "import ctypes, os, signal, struct, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "from pratique.sandbox import linux, privileges\n"
        "ignore = struct.pack('QQQQ', 1, 0, 0, 0)\n"
        "assert libc.syscall(linux._machine(2), 32, ignore, None, 8) == 0\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "privileges.default_signals()\n"
        "os.execvp('grep', ['grep', 'SigIgn', '/proc/self/status'])\n"
    )
    said = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True)
    assert (said.stdout.split(), said.stderr) == (["SigIgn:", "0" * 16], "")


@pytest.mark.root
def test_as_another_user_it_has_that_user_s_rights(quarantine):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as own:
        os.chown(own, 4242, 4343)
        session = quarantine(
            "sh", "-c", "id -u; id -G; touch mine; touch /etc/not", uid=4242, gid=4343, groups=(44,), directory=own
        )
        out, err, _ = said_by(session)
        assert out == "4242\n4343 44\n"
        assert "Permission denied" in err
        (effect,) = session.effects()
        assert (effect.path, effect.after.uid, effect.after.gid) == (f"{own}/mine", 4242, 4343)


# -- hidden files -----------------------------------------------------------------------------------------------------


def test_opens_of_hidden_files_are_seen_once_each(quarantine, host):
    (host / "key").write_text("secret")
    (host / "dir").mkdir()
    (host / "dir/inner").write_text("secret")
    session = quarantine(
        "sh", "-c", "cat key; cat dir/inner; ls dir > /dev/null", hide=(f"{host}/key", f"{host}/dir/**")
    )
    out, _, _ = said_by(session)
    assert out == ""
    seen = [session.opened.get() for _ in range(session.opened.qsize())]
    assert seen == [f"{host}/key", f"{host}/dir/inner", f"{host}/dir"]


# -- room -------------------------------------------------------------------------------------------------------------


def test_a_program_that_writes_more_than_it_may_is_stopped(quarantine):
    session = quarantine("sh", "-c", "while :; do head -c 1M /dev/zero >> big; done", size_limit=8 * 1024 * 1024)
    with pytest.raises(NoRoomError, match="more than the 8,388,608") as caught:
        session.run()
    assert caught.value.exit_code == 8
    assert mounts() == []


@pytest.fixture
def tiny(tmp_path):
    """A place of 16 MiB."""
    at = tmp_path / "tiny"
    at.mkdir()
    linux.mount("tmpfs", str(at), "tmpfs", 0, "size=16m")
    try:
        yield at
    finally:
        linux.unmount(str(at), linux.MNT_DETACH)


@pytest.mark.root
def test_a_program_that_fills_the_disk_is_stopped(quarantine, tiny):
    session = quarantine("sh", "-c", "for n in $(seq 99); do head -c 1M /dev/zero > f$n; done; true", place=tiny / "p")
    with pytest.raises(NoRoomError, match="filled the disk"), session:
        session.run()
    assert list(tiny.iterdir()) == []


@pytest.mark.root
def test_a_full_disk_is_said_before_anything_runs(quarantine, tiny):
    (tiny / "full").write_bytes(bytes(16 * 1024 * 1024 - space.reserve(tiny)))
    session = quarantine("touch", "ran", place=tiny / "p")
    with pytest.raises(NoRoomError, match="too little room to start"):
        session.run()


def test_an_attended_session_without_a_terminal_cannot_be(quarantine):
    """In a process without a terminal; this one may have one."""
    session = quarantine("true", attended=True)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        try:
            session.run()
        except CannotError as error:
            os._exit(4 if "needs a terminal" in str(error) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4


def test_every_process_is_counted_however_short(quarantine):
    ended = quarantine("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done").run()
    assert ended.tasks == 11


@pytest.mark.root
@pytest.mark.parametrize(("act", "conflict"), [("echo changed > kept", True), ("cat kept", False)])
@pytest.mark.parametrize("stays", [False, True], ids=["and its place", "from its place"])
def test_a_file_system_that_goes_away_meanwhile_is_a_change_of_the_host(quarantine, tmp_path, act, conflict, stays):
    place = tmp_path / "other"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)

    def take_away(output: bytes, _: int) -> None:
        if b"ready" in output:
            subprocess.run(["umount", place], check=True)
            if not stays:
                place.rmdir()

    try:
        (place / "kept").write_text("mine")
        session = quarantine("sh", "-c", f"cd {place}; {act}; echo ready; sleep 0.3")
        session.run(on_output=take_away)
        if conflict:
            with pytest.raises(ConflictError, match="went away"):
                session.effects()
        else:
            assert session.effects() == ()
    finally:
        subprocess.run(["umount", place], check=False, capture_output=True)

"""Ways out, tried from inside by a program made for it (`escapes.c`): each refused or harmless, and the host as it was.

All of them in one session, as root and (see test_as_user) as an ordinary user.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pratique.sandbox.environment import from_host
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec

SOURCE = Path(__file__).with_name("escapes.c")
CONTENT = "the host's own\n" * 400
FILES = ("file", "mapped", "readable", "reopened", "cloned", "noted", "locked")
SETTINGS = (
    "kernel/core_pattern", "kernel/modprobe", "kernel/randomize_va_space", "kernel/pid_max", "kernel/hostname",
    "net/ipv4/ip_forward", "vm/swappiness",
)  # fmt: skip
_KEYCTL_UNLINK = 9  # linux/keyctl.h
_USER_KEYRING = -4
_NUMBERS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl: asm/unistd.h


class Tried(NamedTuple):
    """How it all went: `results` by name, and what was looked at on the host afterwards."""

    results: dict[str, tuple[str, str]]
    host: Path
    nice: int
    alive: bool
    outsider_limits: str
    changed_settings: dict[str, tuple[bytes, bytes]]
    heard: bytes
    keys_made: int
    sockets_reached: list[str]


def names() -> list[str]:
    """Read from the table at the source's end, so that each attempt is a test of its own."""
    table = SOURCE.read_text().split("attempts[] = {")[1].split("};")[0]
    return [word.split(")")[0] for word in table.split("TRY(")[1:] if not word.startswith("function")]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("built") / "escapes"
    done = subprocess.run(["gcc", "-Wall", "-Werror", "-o", built, SOURCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="module")
def tried(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    host = tmp_path_factory.mktemp("host")
    for name in FILES:
        (host / name).write_text(CONTENT)
    os.mkfifo(host / "fifo")
    libc = ctypes.CDLL(None, use_errno=True)
    add_key, keyctl = _NUMBERS[os.uname().machine]
    with contextlib.ExitStack() as end:  # each thing is gone afterwards, also where the next cannot be made
        reader = os.open(host / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        end.callback(os.close, reader)
        # Left open on purpose, and inheritable: none of it may get in.
        secret = os.open(host / "file", os.O_RDWR)
        end.callback(os.close, secret)
        os.set_inheritable(secret, True)
        outsider = end.enter_context(subprocess.Popen(["sleep", "600"], start_new_session=True))
        end.callback(outsider.kill)
        mark = f"pratique-outside-{outsider.pid}"
        listening = [end.enter_context(_listening(place)) for place in _socket_places(host, mark)]
        shared = libc.shmget(outsider.pid | 0x50000000, 4096, 0o1666)
        assert shared >= 0
        end.callback(libc.shmctl, shared, 0, None)
        end.callback(Path("/dev/shm", mark).unlink, missing_ok=True)
        Path("/dev/shm", mark).write_text("x")
        key = libc.syscall(add_key, b"user", b"pratique-outside", b"x", 1, _USER_KEYRING)
        assert key > 0
        end.callback(libc.syscall, keyctl, _KEYCTL_UNLINK, key, _USER_KEYRING)
        before = _settings()
        limits = Path(f"/proc/{outsider.pid}/limits").read_text()
        clock = host.stat().st_ctime_ns
        results = _run(program, host, outsider.pid)
        after = _settings()
        assert host.stat().st_ctime_ns == clock, "something was made or removed in the host's directory"
        try:
            heard = os.read(reader, 10)
        except BlockingIOError:
            heard = b""
        keyring = libc.syscall(keyctl, 10, _USER_KEYRING, b"user", b"pratique-inside", 0)  # 10: search
        alive = outsider.poll() is None
        yield Tried(
            results=results,
            host=host,
            nice=os.getpriority(os.PRIO_PROCESS, outsider.pid) if alive else -99,
            alive=alive,
            outsider_limits=limits if alive and Path(f"/proc/{outsider.pid}/limits").read_text() == limits else "other",
            changed_settings={name: (before[name], after[name]) for name in before if before[name] != after[name]},
            heard=heard,
            keys_made=keyring,
            sockets_reached=[str(one.getsockname()) for one in listening if _was_reached(one)],
        )


def _settings() -> dict[str, bytes]:
    """Those that this kernel has: one without modules has no `kernel/modprobe`."""
    return {name: Path("/proc/sys", name).read_bytes() for name in SETTINGS if Path("/proc/sys", name).exists()}


def _socket_places(host: Path, mark: str) -> list[str]:
    places = [str(host / "bus"), f"{tempfile.gettempdir()}/{mark}", f"\0{mark}"]
    return [*places, f"/run/{mark}"] if os.geteuid() == 0 else places


@contextlib.contextmanager
def _listening(place: str) -> Iterator[socket.socket]:
    """Somebody at that place, which is gone afterwards. One that begins with a zero byte is in no file system."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(place)
        try:
            one.listen()
            one.setblocking(False)
            yield one
        finally:
            if not place.startswith("\0"):
                Path(place).unlink(missing_ok=True)


def _was_reached(listening: socket.socket) -> bool:
    try:
        listening.accept()
    except BlockingIOError:
        return False
    return True


def _run(program: Path, host: Path, outsider: int) -> dict[str, tuple[str, str]]:
    home = str(Path.home())
    spec = Spec(
        id="escapes", place=host.parent / "escapes-place", directory="/", home=home, timeout=120.0,
        command=(str(program), str(outsider), str(host), str(outsider | 0x50000000)),
        environment=from_host(os.environ, home=home, user="", uid=os.geteuid()),
        uid=os.geteuid(), gid=os.getegid(), groups=tuple(os.getgroups()),
    )  # fmt: skip
    said: list[bytes] = []
    with Quarantine(spec) as quarantine:
        # What others say on standard error may come between two halves of a line.
        ended = quarantine.run(on_output=lambda data, stream: said.append(data) if stream == 1 else None)
    lines = [line.split("\t") for line in b"".join(said).decode(errors="replace").splitlines() if line.count("\t") == 2]
    assert ended.exit_status == 0, (ended, said)
    return {name: (result, why) for name, result, why in lines}


#: What is no way out as long as nothing comes of it: `harmless` says that it was done, and stayed inside.
MAY_BE_DONE = frozenset({
    "chroot_and_back", "harmless_device", "kill_outsider", "above_the_root", "slow_the_others", "signal_by_file",
    "file_capabilities", "become_root", "traps_off", "pipe_on_disk", "change_file", "change_by_link",
    "change_by_symlink", "change_by_mapping", "change_by_reopening", "clone_over", "overlay_user_notes",
    "hear_of_host_files", "lock_host_files",
})  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_it_is_refused_or_harmless(tried, name):
    assert name in tried.results, "it was not even tried"
    result, why = tried.results[name]
    assert result == "refused" or (result == "harmless" and name in MAY_BE_DONE), why


def test_processes_outside_are_as_they_were(tried):
    assert tried.alive
    assert tried.nice == os.getpriority(os.PRIO_PROCESS, 0)
    assert tried.outsider_limits != "other"


def test_files_outside_are_as_they_were(tried):
    assert {name: (tried.host / name).read_text() == CONTENT for name in FILES} == dict.fromkeys(FILES, True)
    assert sorted(path.name for path in tried.host.iterdir()) == sorted((*FILES, "fifo", "bus"))
    assert tried.heard == b""
    for name in FILES:
        assert not [one for one in os.listxattr(tried.host / name) if "overlay" in one]


def test_settings_of_the_machine_are_as_they_were(tried):
    assert tried.changed_settings == {}


def test_no_key_was_put_into_the_user_s_keyring(tried):
    assert tried.keys_made == -1


def test_no_socket_outside_was_reached(tried):
    assert tried.sockets_reached == []


@pytest.mark.root
def test_the_attempts_are_real(program, tmp_path):
    """Where nothing holds them, some take hold: those that stay in name spaces made for this test, and no others."""
    names = ("mount_something", "own_mounts", "mount_bind", "mount_proc", "host_name", "new_mount_calls")
    done = subprocess.run(
        ["unshare", "--mount", "--uts", "--pid", "--fork", program, "1", tmp_path, "1", *names],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert {tuple(line.split("\t")[:2]) for line in done.stdout.splitlines()} == {(name, "out") for name in names}

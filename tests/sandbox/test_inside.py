"""Hostile programs: each does its worst; afterwards nothing runs, nothing is mounted, and the host is as it was."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pratique.sandbox.quarantine import Quarantine

pytestmark = pytest.mark.machine  # what it compares with

SETTINGS = [
    Path("/proc/sys", name)
    for name in ("kernel/pid_max", "kernel/randomize_va_space", "vm/swappiness", "kernel/printk")
]


def host_mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def fingerprint(*trees: str) -> str:
    """One hash of every name, mode, owner, size, inode and time in these trees, and of the content of what is small: a
    write to a large file changes a time that nobody can set."""
    digest = hashlib.sha256()
    for tree in trees:
        for directory, names, files in os.walk(tree):
            names.sort()
            for name in sorted(names + files):
                path = Path(directory, name)
                found = path.lstat()
                digest.update(os.fsencode(path))
                digest.update(
                    repr(
                        (
                            found.st_mode, found.st_uid, found.st_gid, found.st_ino, found.st_size, found.st_mtime_ns,
                            found.st_ctime_ns,
                        )
                    ).encode()
                )  # fmt: skip
                if found.st_size < 1 << 20 and path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                    digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def unharmed(tmp_path: Path) -> Iterator[str]:
    """A mark that every process of the test's program carries; checks after the test that the machine is as before."""
    mark = f"mark{time.monotonic_ns()}"
    mounted, name = host_mounts(), os.uname().nodename
    settings = {
        path: path.read_bytes()
        for path in map(
            Path, ("/proc/sys/kernel/pid_max", "/proc/sys/kernel/randomize_va_space", "/proc/sys/vm/swappiness")
        )
    }
    trees = fingerprint("/etc", "/usr/local/bin")
    yield mark
    left = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment:
                left.append((entry / "cmdline").read_bytes())
    assert left == []
    assert host_mounts() == mounted
    assert os.uname().nodename == name
    assert {path: path.read_bytes() for path in settings} == settings
    assert fingerprint("/etc", "/usr/local/bin") == trees


def run(quarantine, mark: str, script: str, **settings) -> tuple[str, Quarantine]:
    """Run a hostile script; what it said, and the session."""
    environment = {"MARK": mark, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    session = quarantine("sh", "-c", script, environment=environment, **settings)
    said: list[bytes] = []
    session.ended = session.run(on_output=lambda data, _: said.append(data))
    return b"".join(said).decode(errors="replace"), session


def test_killing_its_parent_and_everybody_kills_only_itself(quarantine, unharmed):
    _, session = run(quarantine, unharmed, "kill -9 $PPID 1; kill -STOP 1; kill -9 -1; echo alone")
    assert session.ended.exit_status in (0, -9)
    assert not session.ended.timed_out


def test_daemons_that_detach_twice_and_ignore_every_signal_are_ended(quarantine, unharmed):
    program = """
import os, signal, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        os.closerange(0, 4096)
        time.sleep(3600)
        os._exit(0)
"""
    said, session = run(quarantine, unharmed, f"python3 -c '{program}'")
    assert (session.ended.exit_status, session.ended.processes_left) == (0, 5), said


def test_a_process_table_filled_to_the_brim_is_bounded_and_ends(quarantine, unharmed):
    most = [0]

    def count(progress) -> None:
        most[0] = max(most[0], len(psutil.Process().children(recursive=True)))

    session = quarantine(
        "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 60",
        environment={"MARK": unharmed}, processes_limit=400, timeout=2.5,
    )  # fmt: skip
    ended = session.run(on_output=lambda *_: None, on_tick=count)
    assert ended.timed_out or ended.exit_status is not None
    assert 0 < most[0] < 600


def test_closing_every_descriptor_hides_nothing(quarantine, unharmed, host):
    script = 'python3 -c \'import os; os.closerange(0, 65536); open("made", "w").write("x")\''
    _, session = run(quarantine, unharmed, script)
    assert [effect.path for effect in session.effects()] == [f"{host}/made"]


def test_a_flood_of_output_is_passed_on_and_bounded(quarantine, unharmed):
    said, session = run(quarantine, unharmed, "yes | head -c 20000000")
    assert len(said) >= 20_000_000
    assert len(session.ended.output_tail) <= 64 * 1024


@pytest.mark.root
def test_deleting_the_system_deletes_nothing_on_the_host(quarantine, unharmed):
    said, session = run(quarantine, unharmed, "rm -rf /etc /usr/local/bin /boot /srv 2>&1; ls /etc")
    assert "cannot access '/etc'" in said
    found = {effect.path for effect in session.effects() if effect.op == "delete"}
    assert {"/etc", "/etc/passwd"} <= found
    assert Path("/etc/passwd").exists()


WAYS_OUT = {
    "mount": "mount -t tmpfs none /mnt",
    "remount": "mount -o remount,rw /proc/sys",
    "unmount": "umount /proc/sys || umount -l /sys",
    "mount in a user name space": "unshare -Urm mount -t proc none /proc",
    "unmount in a user name space": "unshare -Urm umount /proc/sys",
    "overmounted proc": "unshare -Urmpf mount -t proc none /mnt",
    "enter another name space": "nsenter -t 1 -m true",
    "memory of process 1": "head -c1 /proc/1/environ && head -c1 /proc/1/mem",
    "root of process 1": "ls /proc/1/root/",
    "descriptors of process 1": "readlink /proc/1/fd/0 || cat /proc/1/fd/0",
    "clock": "date -s 2001-01-01",
    "host name": "hostname owned",
    "kernel module": """python3 -c '
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.init_module(b"", 0, b"") == 0, os.strerror(ctypes.get_errno())'""",
    "kernel log": "dmesg",
    "swap": "truncate -s 1M swap; mkswap -q swap; swapon swap",
    "quiet the kernel": "echo 0 > /proc/sys/kernel/printk",
    "core pattern": "echo '|/tmp/x' > /proc/sys/kernel/core_pattern",
    "uevent helper": "echo /tmp/x > /sys/kernel/uevent_helper",
    "device node": "mknod disk b 254 0 && head -c1 disk",
    "device of the host": "head -c1 /dev/vda || head -c1 /dev/mem",
    "priority": "nice -n -20 true && test $(nice -n -20 nice) = -20",
    "network setting": "ip link set lo down",
    "chroot and back": """python3 -c '
import os
os.mkdir("jail"); fd = os.open("/", os.O_RDONLY); os.chroot("jail"); os.fchdir(fd)
for _ in range(64): os.chdir("..")
os.chroot("."); os.stat("/SECRET")'""",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_way_out_is_closed(quarantine, unharmed, way, tmp_path):
    said, session = run(quarantine, unharmed, WAYS_OUT[way])
    assert session.ended.exit_status not in (0, None), f"{way}: it succeeded, and said {said!r}"
    assert "not found" not in said, "the tool that should try it is missing: the trial shows nothing"


@pytest.mark.root
def test_files_cannot_be_opened_by_handle(quarantine, unharmed):
    """Handles reach past every mount; the capability for it must be gone, for root too."""
    program = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer(struct.pack("Iiii", 8, 1, 2, 0), 64)
fd = libc.open_by_handle_at(os.open("/", os.O_RDONLY), handle, os.O_RDONLY)
print(fd, os.strerror(ctypes.get_errno()))
"""
    said, _ = run(quarantine, unharmed, f"python3 -c '{program}'")
    assert said == "-1 Operation not permitted\n"


def test_sockets_of_the_host_are_out_of_reach(quarantine, unharmed, host):
    with socket.socket(socket.AF_UNIX) as path, socket.socket(socket.AF_UNIX) as abstract:
        path.bind(str(host / "bus"))
        path.listen()
        abstract.bind(f"\0{unharmed}")
        abstract.listen()
        program = f"""
import socket
for name in ("{host}/bus", "\\0{unharmed}"):
    try: socket.socket(socket.AF_UNIX).connect(name); print("connected")
    except OSError as error: print(error.strerror)
"""
        said, _ = run(quarantine, unharmed, f"python3 -c '{program}'")
        assert said.splitlines() == ["Connection refused", "Connection refused"]
        said, _ = run(quarantine, unharmed, f"python3 -c '{program}'", network="host")
        assert said.splitlines() == ["Connection refused", "Operation not permitted"]


def test_a_pipe_of_the_host_leads_nowhere(quarantine, unharmed, host):
    os.mkfifo(host / "pipe")
    reader = os.open(host / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        run(quarantine, unharmed, "exec 3<>pipe; echo out >&3")
        assert os.read(reader, 10) == b""
    finally:
        os.close(reader)


def test_shared_memory_of_the_host_is_out_of_reach(quarantine, unharmed):
    libc = ctypes.CDLL(None)
    segment = libc.shmget(0x50524154, 4096, 0o1666)
    assert segment >= 0
    try:
        Path("/dev/shm", unharmed).write_text("x")
        said, _ = run(quarantine, unharmed, f"ipcs -m | grep -c 0x50524154; ls /dev/shm/{unharmed}")
        assert said.startswith("0\n")
        assert "No such file" in said
    finally:
        libc.shmctl(segment, 0, None)
        Path("/dev/shm", unharmed).unlink()


def test_a_setuid_program_gains_nothing(quarantine, unharmed):
    if os.geteuid() == 0:
        program = "cp /usr/bin/id id; chmod 4755 id; setpriv --reuid 65534 --clear-groups ./id -u"
        said, _ = run(quarantine, unharmed, program)
        assert said == "65534\n"
    else:
        said, _ = run(quarantine, unharmed, "su -c id root < /dev/null; sudo -n id")
        assert "uid=0" not in said


@pytest.mark.root
def test_the_host_s_debian_packages_install_inside_and_only_inside(quarantine, unharmed, host):
    """A real package with maintainer scripts, by the real dpkg; the host's package list stays as it was."""
    assert shutil.which("dpkg-deb"), "dpkg is missing"
    tree = host / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: quarantine-trial\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: trial\n"
    )
    (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nset -e\nadduser --system --quiet --no-create-home trialuser\n")
    (tree / "DEBIAN/postinst").chmod(0o755)
    (tree / "opt/trial").mkdir(parents=True)
    (tree / "opt/trial/file").write_text("x")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, host / "t.deb"], check=True, capture_output=True)
    said, session = run(quarantine, unharmed, "dpkg -i t.deb && dpkg -s quarantine-trial | grep Status && id trialuser")
    assert session.ended.exit_status == 0, said
    assert "install ok installed" in said
    changed = {effect.path: effect.op for effect in session.effects()}
    assert changed["/opt/trial/file"] == "add"
    assert changed["/var/lib/dpkg/status"] == "modify"
    assert changed["/etc/passwd"] == "modify"
    assert not Path("/opt/trial").exists()

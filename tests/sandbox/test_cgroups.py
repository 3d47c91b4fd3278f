"""Bounds on memory, processes and processor time: what runs into them, and what becomes of the groups themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pratique.sandbox import cgroups
from pratique.sandbox.cgroups import Bounds, Group

MIB = 1024 * 1024


def groups() -> list[Path]:
    """Every group of a session there is on this machine now."""
    found = []
    for parent in cgroups.parents():
        found += [path for path in parent.directory.iterdir() if path.name.startswith("pratique-")]
    return found


def said_by(session, **settings) -> tuple[str, object]:
    said: list[bytes] = []
    ended = session.run(on_output=lambda data, _: said.append(data), **settings)
    return b"".join(said).decode(errors="replace"), ended


HOG = """
import mmap, os, time
if os.fork():
    print("ended by", os.waitstatus_to_exitcode(os.wait()[1]))
else:
    every = []
    while True:
        every.append(b"x" * (8 << 20))
"""

LITTLE_HOGS = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        much = b"x" * (20 << 20)
        time.sleep(1)
while True:
    try: print("ended by", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
    except ChildProcessError: break
"""


@pytest.mark.root
@pytest.mark.parametrize("program", [HOG, LITTLE_HOGS], ids=["one large", "many small"])
def test_more_memory_than_allowed_ends_who_wanted_it_and_is_told(quarantine, program):
    # Process 1 is a copy of this one until it writes: as large as these tests, where the command is small.
    limit = 160 * MIB + psutil.Process().memory_info().rss // MIB * MIB
    enough = limit // (20 * MIB) + 5
    session = quarantine("python3", "-c", program, str(enough), memory_limit=limit, timeout=60.0)
    most = [0]

    def look(_) -> None:
        most[0] = max(most[0], *(int(usage.read_text()) for usage in memory_of(session)))

    said, ended = said_by(session, on_tick=look)
    assert "ended by -9" in said, (said, ended, session.notes)
    assert 0 < most[0] <= limit
    assert any(f"more memory was wanted than the {limit:,} bytes allowed" in note for note in session.notes)
    assert ended.exit_status == 0


def memory_of(session) -> list[Path]:
    written = json.loads((session.spec.place / cgroups.RECORD).read_text())
    files = [Path(one, name) for one in written for name in ("memory.usage_in_bytes", "memory.current")]
    return [file for file in files if file.exists()]


@pytest.mark.root
def test_shared_memory_and_private_file_systems_count_too(quarantine):
    """What is written to /dev/shm or /run is memory of the machine."""
    script = "head -c 400M /dev/zero > /dev/shm/big & wait $!; echo ended $?"
    session = quarantine("sh", "-c", script, memory_limit=100 * MIB)
    said, _ = said_by(session)
    assert "ended 0" not in said
    assert session.notes


FORKS = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(60)
        count += 1
except OSError as error: print(count, error.strerror)
"""


@pytest.mark.root
def test_more_processes_than_allowed_are_refused_and_told(quarantine):
    session = quarantine("python3", "-c", FORKS, processes_limit=300)
    said, ended = said_by(session)
    assert said == "299 Resource temporarily unavailable\n"
    assert ended.exit_status == 0
    assert any("more than 300 processes at a time were wanted" in note for note in session.notes)


@pytest.mark.root
def test_a_fork_bomb_is_bounded_and_the_machine_goes_on(quarantine):
    session = quarantine("sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 60", processes_limit=300, timeout=4.0)
    most, others = [0], [0]

    def look(progress) -> None:
        others[0] += subprocess.run(["true"], timeout=20, check=True).returncode == 0
        most[0] = max(most[0], progress.processes)

    _, ended = said_by(session, on_tick=look)
    assert ended.timed_out or ended.exit_status is not None
    assert 0 < most[0] <= 300
    assert others[0] > 0, "no other program could be run meanwhile"
    assert any("more than 300 processes at a time were wanted" in note for note in session.notes), "not told"
    assert groups_of(session) == []


def groups_of(session) -> list[Path]:
    return [one for one in groups() if session.spec.place.name in one.name]


@pytest.mark.root
def test_processor_time_is_bounded(quarantine):
    """A tenth of all processors, wanted by as many processes as there are of them."""
    program = """
import os, time
began, children = time.monotonic(), []
for _ in range(os.cpu_count()):
    child = os.fork()
    if child == 0:
        while time.monotonic() - began < 2: pass
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
used = os.times()
print((used.children_user + used.children_system) / (time.monotonic() - began) / os.cpu_count())
"""
    said, _ = said_by(quarantine("python3", "-c", program, cpu_limit=10))
    assert float(said) < 0.16


@pytest.mark.root
def test_everything_runs_in_the_group_from_the_start_and_sees_none_above_it(quarantine):
    said, _ = said_by(quarantine("cat", "/proc/self/cgroup"))
    lines = [line.split(":", 2) for line in said.splitlines()]
    seen = {name: path for _, names, path in lines for name in names.split(",")}
    for name, version in bounding().items():
        path = seen["" if version == 2 else name]  # version 2 has one line, without names
        assert path == "/", f"{name}: another group than the session's own"


def bounding() -> dict[str, int]:
    """By which version of control groups each is bounded on this machine."""
    found = {name: parent.version for parent in cgroups.parents() for name in parent.controllers}
    assert {"memory", "pids", "cpu"} <= found.keys(), found
    return found


@pytest.mark.root
def test_groups_go_with_the_session_however_it_ends(quarantine):
    for command in (["true"], ["sh", "-c", "kill -9 $$"], ["sh", "-c", "sleep 100 & sleep 100"]):
        session = quarantine(*command, timeout=1.0)
        said_by(session)
        assert groups_of(session) == []
        assert not (session.spec.place / cgroups.RECORD).exists()


@pytest.mark.root
def test_the_machine_gives_up_the_program_first(quarantine):
    said, _ = said_by(quarantine("cat", "/proc/self/oom_score_adj", "/proc/1/oom_score_adj"))
    program, first = map(int, said.split())
    assert program == 1000
    effective = next(line for line in Path("/proc/self/status").read_text().splitlines() if "CapEff" in line)
    may_lower = int(effective.split()[1], 16) >> 24 & 1  # CAP_SYS_RESOURCE
    assert first == (-900 if may_lower else 0), "process 1, whose end is everybody's, is not spared"


def test_without_a_group_each_process_is_bounded_and_the_rest_is_said(quarantine, monkeypatch):
    if cgroups.parents():
        monkeypatch.setattr(cgroups, "parents", tuple)
    program = "x = []\nwhile True: x.append(b'x' * (8 << 20))"
    session = quarantine("python3", "-c", program, memory_limit=160 * MIB)
    said, ended = said_by(session)
    assert "MemoryError" in said
    assert ended.exit_status == 1
    assert any("not bounded here, for want of a control group: memory" in note for note in session.notes)


# -- version 2 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def unified() -> Iterator[Path]:
    """A group of our own in the machine's version 2 hierarchy, whose children can be bounded in `hugetlb`.

    Memory and processes are bound to version 1 on some machines and cannot be in version 2 then; any controller will
    do to see that groups are made where they can be bounded.
    """
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounted = [Path(line.split()[4]) for line in lines if " - cgroup2 " in line]
    assert mounted, "no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified"
    at = mounted[0]
    name = next((one for one in ("hugetlb", "pids", "memory") if one in (at / "cgroup.controllers").read_text()), None)
    assert name, f"no controller is left for version 2 in {at}/cgroup.controllers"
    before = (at / "cgroup.subtree_control").read_text().split()
    (at / "cgroup.subtree_control").write_text(f"+{name}")
    own = at / f"pratique-test-{os.getpid()}"
    own.mkdir()
    (own / "inner").mkdir()
    try:
        yield own
    finally:
        for directory in sorted(own.rglob("*"), reverse=True):
            if directory.is_dir():
                directory.rmdir()
        own.rmdir()
        if name not in before:
            (at / "cgroup.subtree_control").write_text(f"-{name}")


def controller_of(group: Path) -> str:
    return (group / "cgroup.controllers").read_text().split()[0]


@pytest.mark.root
def test_version_2_makes_groups_beside_ours_where_the_one_above_hands_controllers_on(unified):
    wanted = controller_of(unified)
    find = cgroups._handing_on
    parent = find(unified / "inner", unified, [wanted])
    assert parent is None, "nobody hands it on yet, and these are not ours to change"
    (unified / "cgroup.subtree_control").write_text(f"+{wanted}")
    parent = find(unified / "inner", unified, [wanted])
    assert parent is not None
    assert (parent.version, parent.directory, parent.controllers) == (2, unified, (wanted,))
    (unified / "inner/cgroup.subtree_control").write_text(f"+{wanted}")
    assert find(unified / "inner", unified, [wanted]).directory == unified / "inner"


@pytest.mark.root
def test_version_2_a_process_joins_and_the_group_is_removed(unified, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    group = unified / "inner" / "pratique-x"
    group.mkdir()
    (place / cgroups.RECORD).write_text(json.dumps([str(group), "/sys/fs/cgroup/unified/never-made", "/tmp"]))
    program = (
        f"from pratique.sandbox import cgroups; cgroups.join([{str(group)!r}]); print(open('/proc/self/cgroup').read())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"{unified.name}/inner/pratique-x\n" in done.stdout
    cgroups.remove(place)
    assert not group.exists()
    assert Path("/tmp").exists(), "only groups of sessions are removed"
    assert not (place / cgroups.RECORD).exists()


def test_version_2_settings_are_as_the_kernel_documents_them():
    """cgroup-v2.rst: sizes in bytes or "max"; `cpu.max` is "$QUOTA $PERIOD" in µs."""
    bounds = Bounds(memory=1000, processes=10, cpu=50)
    written = {
        name: value
        for controller in ("memory", "pids", "cpu")
        for name, value, _ in cgroups._SETTINGS[2, controller](bounds, False)
    }
    half = (os.cpu_count() or 1) * 50_000
    assert written == {"memory.max": "1000", "memory.swap.max": "0", "pids.max": "11", "cpu.max": f"{half} 100000"}


def test_what_happened_is_read_from_either_version_s_files(tmp_path):
    bounds = Bounds(memory=1000, processes=10)
    for version, memory in (("1", "memory.oom_control"), ("2", "memory.events")):
        directory = tmp_path / version
        directory.mkdir()
        (directory / memory).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
        (directory / "pids.events").write_text("max 3\n")
        told = Group((directory,), frozenset(), bounds).told()
        assert told == (
            "more memory was wanted than the 1,000 bytes allowed: 2 processes were ended for it",
            "more than 10 processes at a time were wanted: starting more was refused",
        )
        (directory / memory).write_text("oom_kill 0\n")
        (directory / "pids.events").write_text("max 0\n")
        assert Group((directory,), frozenset(), bounds).told() == ()


def test_where_our_own_group_is_in_a_container(tmp_path):
    """The mount shows only the part from the container's own group on."""
    at = tmp_path / "memory"
    (at / "inner").mkdir(parents=True)
    (tmp_path / "cgroup").write_text("4:memory:/docker/1/inner\n1:name=systemd:/x\n0::/\n")
    (tmp_path / "mountinfo").write_text(f"35 31 0:32 /docker/1 {at} rw - cgroup cgroup rw,memory\n")
    (parent,) = cgroups.parents(tmp_path / "cgroup", tmp_path / "mountinfo")
    assert (parent.version, parent.directory, parent.controllers) == (1, at / "inner", ("memory",))

"""What test_control_groups_v2.py runs on another kernel: bounds by `pratique run`, where there is version 2 alone.

The machine's groups are this module's to make and to divide: nothing else runs there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
#: Frida's way into a program is more than user mode linux's `ptrace` can take: now and then the program crashes.
RUN = ("run", "--refuse", "--disable", "frida")
HOG = """#!/bin/sh
python3 -c 'x = []
while True: x.append(b"x" * (8 << 20))'
echo "ended with $?"
"""
BUSY = """#!/usr/bin/python3
import time
began, used = time.monotonic(), time.process_time()
while time.monotonic() - began < 3: pass
print("used", (time.process_time() - used) / (time.monotonic() - began))
"""
TOO_MUCH = f"more memory was wanted than the {200 * MIB:,} bytes allowed: 1 process was ended for it"


def program(place: Path, text: str) -> Path:
    file = place / "setup"
    file.write_text(text)
    file.chmod(0o755)
    return file


def notes(report: Path) -> list[str]:
    return json.loads(report.read_text())["notes"]


def left() -> list[Path]:
    return list(TOP.rglob("pratique-*"))


def test_this_kernel_has_version_2_alone():
    assert (TOP / "cgroup.controllers").exists()
    assert Path("/proc/self/cgroup").read_text() == "0::/\n"


def test_memory(pratique, tmp_path):
    ran = pratique(*RUN, "--memory", "200M", "--json=report", program(tmp_path, HOG))
    assert ran.code == 11, ran
    assert "ended with 137" in ran.out
    assert notes(tmp_path / "report") == [TOO_MUCH]
    assert left() == []


@contextlib.contextmanager
def most_processes() -> Iterator[list[int]]:
    """How many there were in the sessions' groups, looked at from outside every 50 ms."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for group in left():
                with contextlib.suppress(OSError):  # it went meanwhile
                    seen.append(int((group / "pids.current").read_text()))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def test_processes(pratique, tmp_path):
    bomb = program(tmp_path, "#!/bin/sh\nbomb() { bomb | bomb & }; bomb; sleep 60\n")
    with most_processes() as seen:
        ran = pratique(*RUN, "--processes", "100", "--timeout", "5", "--json=report", bomb)
    assert ran.code == 7, ran.err[-2000:]
    assert 50 < max(seen) <= 101  # and process 1 of the session
    assert notes(tmp_path / "report") == [
        "more than 100 processes at a time were wanted: starting more was refused",
    ]
    assert left() == []


def test_processor_time(pratique, tmp_path):
    used = {}
    for percent in (100, 20):
        ran = pratique(*RUN, "--cpu", str(percent), "--json=report", program(tmp_path, BUSY))
        assert ran.code == 11, ran
        used[percent] = float(ran.out.split("used ")[1].split()[0])
        assert notes(tmp_path / "report") == []
        assert left() == []
    assert used[20] < 0.25, used
    assert used[100] > 2 * used[20], used


@contextlib.contextmanager
def joined(group: Path) -> Iterator[None]:
    """This process, and what it starts, belong to it."""
    (group / "cgroup.procs").write_text("0")
    try:
        yield
    finally:
        (TOP / "cgroup.procs").write_text("0")


@pytest.fixture
def scope(ordinary_user) -> Iterator[Path]:
    """A group as a service manager makes it for a program of a person, who may not divide what is above."""
    session = TOP / "user.slice" / "session"
    group = session / "app.slice" / "terminal.scope"
    group.mkdir(parents=True)
    try:
        for above in (TOP, session.parent, session, group.parent):
            for name in ("memory", "pids", "cpu"):
                (above / "cgroup.subtree_control").write_text(f"+{name}")
        yield group
    finally:
        for each in (group, *group.parents[:3]):
            each.rmdir()


def delegated(group: Path, uid: int) -> None:
    """What `Delegate=` of systemd gives away."""
    for each in (group, group.parent, group.parent.parent):
        for file in (each, each / "cgroup.procs", each / "cgroup.subtree_control"):
            os.chown(file, uid, -1)


def test_a_person_whose_groups_are_theirs_is_bounded_as_root_is(ordinary_user, scope):
    delegated(scope, ordinary_user.uid)
    hog = ordinary_user.own(program(ordinary_user.home, HOG))
    with joined(scope):
        ran = ordinary_user.pratique(*RUN, "--memory", "200M", "--json=report", hog)
    assert ran.code == 11, ran
    assert "ended with 137" in ran.out
    assert notes(ordinary_user.home / "report") == [TOO_MUCH]
    assert left() == []


def test_a_person_whose_groups_are_not_theirs_is_told_what_is_not_bounded(ordinary_user, scope):
    hog = ordinary_user.own(program(ordinary_user.home, HOG))
    with joined(scope):
        ran = ordinary_user.pratique(*RUN, "--memory", "200M", "--json=report", hog)
    assert "MemoryError" in ran.err
    assert notes(ordinary_user.home / "report") == [
        "not bounded here, for want of a control group: memory (but for each process by itself), processor time"
    ]


@pytest.fixture
def real_time() -> Iterator[None]:
    """Groups that nobody has prepared, and in one a task with real-time priority: the kernel refuses `cpu` then."""
    given = (TOP / "cgroup.subtree_control").read_text().split()
    (TOP / "cgroup.subtree_control").write_text(" ".join(f"-{name}" for name in given))
    group = TOP / "sound"
    group.mkdir()
    with subprocess.Popen(["sleep", "1000"]) as task:
        try:
            os.sched_setscheduler(task.pid, os.SCHED_FIFO, os.sched_param(1))
            (group / "cgroup.procs").write_text(str(task.pid))
            with pytest.raises(OSError):
                (TOP / "cgroup.subtree_control").write_text("+cpu")
            yield
        finally:
            task.kill()
            task.wait()
            group.rmdir()


def test_where_the_kernel_refuses_to_bound_one_thing_the_others_are_bounded(pratique, tmp_path, real_time):
    ran = pratique(*RUN, "--memory", "200M", "--json=report", program(tmp_path, HOG))
    assert "ended with 137" in ran.out
    assert notes(tmp_path / "report") == [
        "not bounded here, for want of a control group: processor time", TOO_MUCH,
    ]  # fmt: skip
    assert left() == []

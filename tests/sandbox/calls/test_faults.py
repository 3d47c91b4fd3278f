"""What goes wrong while a call is decided: nothing hangs, nothing is made up, and the session ends as it should."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from pratique.errors import PratiqueError


def test_a_path_swapped_between_reading_and_doing_stays_in_the_quarantine(logged, build, host):
    log = logged(build("faults"), "swap")
    assert log.ended.exit_status == 0, log.said
    # Names that are half of each are read and opened, too.
    told = {path for _, path in log.of("file.create", "file.write")}
    assert told
    assert all(len(path) == 3 and set(path) <= set("onetw") for path in told)
    assert list(host.iterdir()) == []


def test_a_process_killed_while_its_call_is_decided(logged, build):
    log = logged(build("faults"), "kill")
    assert log.ended.exit_status == 0, log.said
    assert {path for _, path in log.of()} - {""} <= {"again"}


def test_arguments_that_cannot_be_read_fail_as_they_would_and_are_not_told(logged, build):
    log = logged(build("faults"), "unreadable")
    assert log.ended.exit_status == 0, log.said
    assert [event.kind for event in log.events] == ["process.exec", "mount.call"]


def test_two_mib_of_arguments_are_cut_not_lost(logged, build):
    log = logged(build("faults"), "arguments")
    assert log.ended.exit_status == 0, log.said
    executed = [event for event in log.events if event.kind == "process.exec"]
    assert executed[-1].fields["path"].endswith("/true")
    assert 32 * 1024 <= len(executed[-1].fields["arguments"]) < 33 * 1024


@pytest.mark.parametrize("hold", [(), ("/nowhere",)])
def test_calls_that_signals_interrupt_are_told_once(logged, build, hold):
    """Signals that arrive while a call is decided do not make it come twice."""
    log = logged(build("faults"), "signals", hold=hold)
    assert log.ended.exit_status == 0, log.said
    assert [path for _, path in log.of("file.create")] == [f"s{i}" for i in range(300)]


def supervisor() -> psutil.Process:
    """The one process of ours that listens to calls."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process().children(recursive=True):
            try:
                if any("seccomp" in str(one.readlink()) for one in Path(f"/proc/{child.pid}/fd").iterdir()):
                    return child
            except (OSError, psutil.Error):
                continue
        time.sleep(0.01)
    pytest.fail("no process listens to the session's calls")


def test_what_its_parent_left_to_be_collected_closes_nothing_of_a_session(logged):
    """A file in a cycle is closed by its number, which in a process forked since is another file's."""
    ours = os.getpid()
    held: list[list[object]] = []
    for _ in range(20):
        held.append([Path(__file__).open("rb")])  # noqa: SIM115  # nobody closes it
        held[-1].append(held[-1])

    wanted = [True]  # what is called at a fork stays so for good

    def collect() -> None:
        if wanted and os.getpid() == ours:
            held.clear()
        elif wanted:
            gc.collect()

    os.register_at_fork(before=collect)
    log = logged("sh", "-c", "echo > made")
    wanted.clear()
    assert log.ended.exit_status == 0, log.said
    assert log.of("file.write") == [("file.write", "made")]


def test_a_session_does_not_outlive_its_supervisor(quarantine, host):
    one = quarantine("sh", "-c", "echo > before; sleep 60; echo > after")
    errors: list[PratiqueError] = []

    def run() -> None:
        try:
            one.run(on_output=lambda *_: None)
        except PratiqueError as error:
            errors.append(error)

    running = threading.Thread(target=run)
    running.start()
    for event in one.calls():
        if event.fields.get("path", "").endswith("/sleep"):
            supervisor().kill()
    running.join(30)
    assert not running.is_alive()
    assert "who watches the program's calls ended (killed by signal 9)" in str(errors[0])
    living = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    assert [child for child in living if "sleep" in child.cmdline()] == []


def test_the_supervisor_is_out_of_sight(logged):
    log = logged("sh", "-c", "ls /proc | grep -c '^[0-9]'; ls -l /proc/*/fd 2>/dev/null | grep -c seccomp; true")
    inside, listeners = log.said.split()
    assert int(inside) <= 5
    assert listeners == "0"

"""Who looks for signs of a sandbox is told, whatever it is written in, and however quiet it stays."""

from __future__ import annotations

import pytest

from pratique.sandbox import probes


def signs(log) -> list[tuple[str, str]]:
    """(name of the program, sign), in order."""
    return [
        (log.program(event)[0].rsplit("/", 1)[-1], str(event.fields["sign"]))
        for event in log.events
        if event.kind == probes.KIND
    ]


def test_what_command_lines_ask_for(logged):
    log = logged(
        "/bin/sh", "-c", "grep -q overlay /proc/mounts; cat /sys/class/dmi/id/product_name /proc/uptime || true",
    )  # fmt: skip
    told = signs(log)
    assert {("grep", "/proc/self/mounts"), ("cat", "/sys/class/dmi/id/product_name")} <= set(told)
    assert not [sign for _, sign in told if "uptime" in sign]


@pytest.mark.root
def test_what_a_static_program_opens_that_does_nothing_else(logged, build):
    log = logged(build("quiet-static"))
    told = signs(log)
    # The same file twice is told once; its child is a process of its own.
    assert sorted(told) == [
        ("quiet-static", "/proc/1/cgroup"), ("quiet-static", "/proc/self/mounts"),
        ("quiet-static", "/proc/self/status"),
    ]  # fmt: skip
    assert {event.kind for event in log.events} <= {probes.KIND, "process.exec"}
    (note,) = probes.notes(log.events, log.ended.processes)
    assert note.startswith("it looked for signs of a sandbox: /proc/1/cgroup (quiet-static), ")


def test_what_well_known_programs_read_of_themselves_is_nothing(logged):
    log = logged("/bin/sh", "-c", "ps ax; df /; ls -l /etc; mount; cp /etc/hostname copy")
    assert signs(log) == []
    assert probes.notes(log.events, log.ended.processes) == ()

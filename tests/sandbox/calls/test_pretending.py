"""What a session cannot hold seems to work, or fails, as the plan has it; both are told, and nothing of it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.policy.model import Equals, Flag, Globs, Step

SWAPPINESS = Path("/proc/sys/vm/swappiness")
ALL = (
    Step(kinds=("mount.call", "kernel.setting", "kernel.module", "service.control", "firewall.change")),
    Step(kinds=("process.signal",), where=Flag("outside")),
)


@pytest.fixture
def pretended(logged, host):
    """A script with everything emulated, and a `systemctl`, `nft` and `modprobe` to do it with."""

    def run(*script: str, emulate=ALL, **settings):
        return logged("sh", "-ec", "\n".join(script), emulate=emulate, **settings)

    return run


def outcomes(log) -> list[tuple[str, str]]:
    return [(event.kind, str(event.fields["outcome"])) for event in log.events if "outcome" in event.fields]


def test_mounts(pretended):
    program = 'import ctypes; print(ctypes.CDLL(None).umount2(b"/mnt", 0))'
    log = pretended("mount -t tmpfs none /mnt", f"python3 -c '{program}'")
    assert (log.ended.exit_status, log.said) == (0, "0\n")
    assert outcomes(log) == [("mount.call", "pretended")] * 2
    assert "/mnt tmpfs" not in Path("/proc/self/mountinfo").read_text()


def test_settings_are_caught_with_what_was_written(pretended):
    before = SWAPPINESS.read_text()
    log = pretended("sysctl -qw vm.swappiness=17", f"echo 19 > {SWAPPINESS}", f"cat {SWAPPINESS}")
    assert (log.ended.exit_status, log.said) == (0, before)
    told = [event.fields for event in log.events if event.kind == "kernel.setting"]
    assert sorted(fields["value"] for fields in told) == ["17", "19"]
    assert {(fields["path"], fields["outcome"]) for fields in told} == {(str(SWAPPINESS), "pretended")}
    assert SWAPPINESS.read_text() == before


def test_signals_to_those_it_did_not_start(pretended):
    log = pretended(
        "kill -TERM 1", "kill -HUP 29999", "sleep 60 & kill $!", "wait $! || true", "kill -0 29999 || echo no"
    )
    assert log.ended.exit_status == 0, log.said
    assert "no" in log.said
    told = [
        (event.fields["signal"], event.fields["outside"], event.fields.get("outcome", ""))
        for event in log.events
        if event.kind == "process.signal"
    ]
    assert told == [(15, True, "pretended"), (1, True, "pretended"), (15, False, "")]


def test_modules(pretended):
    program = 'import ctypes; print(ctypes.CDLL(None).syscall(175, b"x", 1, b""))'
    log = pretended(f"python3 -c '{program}'")
    assert log.said == "0\n"
    assert outcomes(log) == [("kernel.module", "pretended")]


def test_the_service_manager(pretended, host):
    (host / "trial.service").write_text("[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
    log = pretended(
        "systemctl daemon-reload", "systemctl restart ssh cron", "systemctl --version | head -1",
        "HOME=$PWD systemctl --user --root=/ enable $PWD/trial.service || true", "reboot", "echo done",
    )  # fmt: skip
    assert log.ended.exit_status == 0, log.said
    assert log.said.splitlines()[0].startswith("systemd ")
    assert log.said.splitlines()[-1] == "done"
    told = [
        (event.fields["verb"], event.fields["name"], event.fields["outcome"])
        for event in log.events
        if event.kind == "service.control"
    ]
    assert told == [
        ("daemon-reload", "", "pretended"), ("restart", "ssh", "pretended"), ("restart", "cron", "pretended"),
        ("reboot", "", "pretended"),
    ]  # fmt: skip
    # A stand-in is no program of its own: each command is there once, as it was given.
    executed = [process.arguments for process in log.ended.processes if process.arguments[0] == "systemctl"]
    assert executed[0] == ("systemctl", "daemon-reload")
    assert len(executed) == 4


def test_a_program_with_a_stand_in_answers_to_its_other_names(pretended):
    name = Path("/usr/sbin/runlevel")
    assert name.resolve() == Path("/usr/bin/systemctl").resolve(), "/usr/sbin/runlevel (package systemd-sysv)"
    log = pretended("/usr/sbin/runlevel || echo status $?", "echo done")
    assert log.said == "unknown\nstatus 1\ndone\n"  # without a service manager, as on the host


def test_a_stand_in_is_no_effect_and_never_replaces_the_real_program(pretended):
    program = Path("/usr/bin/systemctl")
    before = program.stat()
    log = pretended("systemctl stop ssh", "echo x > made")
    assert [effect.path for effect in log.quarantine.effects()] == [f"{log.directory}/made"]
    if before.st_uid == log.quarantine.spec.uid:
        log = pretended("chmod 700 /usr/bin/systemctl")
        (touched,) = log.quarantine.effects()
        assert touched.unfit
    assert program.stat() == before


def test_a_stand_in_makes_way_for_no_program_but_its_own(pretended, build):
    """Only that is not told again: what a library in its process executes by a way through the same directory is."""
    log = pretended(
        f"INSTEAD=/run/pratique/real/../../../usr/bin/true LD_PRELOAD={build('preloaded')} systemctl --version"
    )
    assert ("process.exec", "/usr/bin/true") in log.of("process.exec")
    assert ("instead",) in [process.arguments for process in log.ended.processes]


def test_the_real_programs_cannot_be_replaced_where_stand_ins_find_them(pretended):
    log = pretended(
        "cd /run/pratique/real",
        "for name in systemctl reboot; do cp --remove-destination /usr/bin/true $name || true; rm $name || true; done",
        "{ echo > x; } || true",
        "ls",
    )
    assert {"systemctl", "reboot"} <= set(log.said.splitlines())
    assert "x" not in log.said.splitlines()
    assert log.said.count("Read-only file system") == 5


def test_a_condition_decides_which_command_is_pretended(pretended):
    emulate = (Step(kinds=("service.control",), where=Equals("verb", "reboot")),)
    log = pretended("reboot && echo rebooted", "systemctl stop ssh || echo failed", emulate=emulate)
    assert [line for line in log.said.splitlines() if line in ("rebooted", "failed")] == ["rebooted", "failed"]


@pytest.mark.root
def test_the_firewall(pretended):
    log = pretended("nft add table inet mine", "nft --version")
    assert log.ended.exit_status == 0, log.said
    told = [event.fields for event in log.events if event.kind == "firewall.change"]
    assert told == [{"command": "nft add table inet mine", "outcome": "pretended"}]


def test_denied_calls_fail(logged, host):
    deny = (
        Step(kinds=("device.write",)),
        Step(kinds=("file.write",), where=Globs("path", ("/**/secret",))),
        Step(kinds=("process.exec",), where=Globs("path", ("/**/sleep",))),
        Step(kinds=("service.control",)),
    )
    log = logged(
        "sh",
        "-c",
        "echo > /dev/sda; echo > secret; echo > open; sleep 0; echo $?; systemctl stop ssh; echo $?",
        deny=deny,
    )
    assert log.said.count("Operation not permitted") >= 1
    assert [line for line in log.said.splitlines() if line.isdigit()] == ["126", "126"]
    # The shell tries the next directory of its PATH when one fails.
    assert list(dict.fromkeys(outcomes(log))) == [
        ("device.write", "denied"), ("file.write", "denied"), ("process.exec", "denied"), ("service.control", "denied"),
    ]  # fmt: skip
    assert [effect.path for effect in log.quarantine.effects()] == [f"{log.directory}/open"]

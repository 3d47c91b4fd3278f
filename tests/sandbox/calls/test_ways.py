"""Whatever way a path takes, the log has the name it leads to: by /proc/self, by links to it, under another root."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.policy.model import Step


def made(log) -> list[str]:
    assert log.ended.exit_status == 0, log.said
    return [path for _, path in log.of("file.create")]


def test_by_what_only_the_process_itself_can_follow(logged, build):
    log = logged(build("ways"), "names")
    assert made(log) == ["here", "top", "dangling", *"abcdefghij", "later", "k (deleted)"]
    assert [path for _, path in log.of("file.write")][10:] == ["later", "later", "k (deleted)", "k (deleted)"]
    assert log.of("file.mode") == [("file.mode", "later"), ("file.mode", "k (deleted)")]


def test_renames(logged, build):
    """With a slash behind the name; and two that take each other's place, after which paths lead elsewhere."""
    log = logged(build("ways"), "renames")
    assert made(log) == ["d", "n/a", "file", "file/b"]
    renamed = [(event.fields["path"], event.fields["to"]) for event in log.events if event.kind == "file.rename"]
    d, n, file = (f"{log.directory}/{name}" for name in ("d", "n", "file"))
    assert renamed == [(d, n), (file, n), (n, file)]


def test_of_which_none_leads_out(logged, build):
    assert made(logged(build("ways"), "inside")) == ["d", "d/l", "d/a", "d/b", "d/c"]


def test_programs_executed(logged, build):
    log = logged(build("ways"), "execs")
    assert log.ended.exit_status == 0, log.said
    executed = {one.arguments: one.program for one in log.ended.processes}
    assert executed["slashes",] == executed["link",] == str(Path("/bin/true").resolve())
    assert executed["nameless",].startswith("/memfd:copy")
    assert executed["/bin/sh", "-e", "way"] == str(Path("/bin/sh").resolve())


@pytest.mark.root
def test_links_under_a_root_of_its_own(logged, build):
    assert made(logged(build("ways"), "chroot"))[4:] == ["jail/in/relative", "jail/in/absolute", "jail/up"]


def test_a_program_that_is_pretended_is_so_by_every_way(logged):
    log = logged(
        "sh", "-ec", "ln -s /proc/self/root r; r/bin/systemctl stop ssh; //proc/self/root/usr/bin/systemctl stop ssh",
        emulate=(Step(kinds=("service.control",)),),
    )  # fmt: skip
    assert log.ended.exit_status == 0, log.said
    told = [event.fields for event in log.events if event.kind == "service.control"]
    assert told == [{"name": "ssh", "verb": "stop", "outcome": "pretended"}] * 2


def test_a_mount_is_told_with_its_target_by_every_way(logged, host):
    program = "import ctypes; ctypes.CDLL(None).mount(b'none', b'r/mnt', b'tmpfs', 0, 0)"
    log = logged("sh", "-ec", f'ln -s //proc/self/root r; python3 -c "{program}"')
    (told,) = [event.fields for event in log.events if event.kind == "mount.call"]
    assert told == {"source": "none", "target": "/mnt", "type": "tmpfs", "outcome": "denied"}


def test_scripts_of_scripts(logged, host):
    """Five of them, as deep as the kernel goes, then the program."""
    before = "/bin/sh"
    for number in range(1, 7):
        script = host / f"s{number}"
        script.write_text(f"#!{before}\ntrue\n")
        script.chmod(0o755)
        before = str(script)
    log = logged("sh", "-c", "./s5; ./s6")
    five = ("/bin/sh", *(f"{host}/s{number}" for number in range(1, 5)), "./s5")
    assert [one.arguments for one in log.ended.processes[1:]] == [five]


@pytest.mark.parametrize(
    "line",
    [
        b"#!/bin/echo\n",
        b"#! \t/bin/echo \t-e -x \t\nmore",
        b"#!/bin/echo\0x\n",
        b"#!/bin/echo a\0b\n",
        b"#!/bin/echo \0b\n",
        b"#!/bin/echo a\vb\r\n",
        b"#!./echo\vx\n",
        b"#!/bin/echo x",
        b"#!/bin/echo x  ",
        b"#!/bin/echo " + b"x" * 300 + b"\n",
        b"#! \n",
        b"#!\0\n",
        b"#!/" + b"x" * 300 + b"\n",
    ],
)
def test_the_first_line_of_a_script_is_read_as_the_kernel_does(line, logged, host):
    (host / "echo\vx").symlink_to("/bin/echo")
    script = host / "script"
    script.write_bytes(line)
    script.chmod(0o755)
    program = """
import os
try: os.posix_spawn("./script", ["script", "word"], {}); os.wait()
except OSError: pass
"""
    log = logged("python3", "-c", program)
    told = [one.arguments[1:] for one in log.ended.processes if one.arguments[-1] == "word"]
    assert "".join(" ".join(words) + "\n" for words in told) == log.said

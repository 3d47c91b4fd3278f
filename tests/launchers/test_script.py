"""Scripts are known by their first line and run by the interpreter it names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pratique import Launch, Request, Subject
from pratique_launchers import script


def written(directory: Path, content: bytes) -> Path:
    path = directory / "setup"
    path.write_bytes(content)
    return path


def started(path: Path, *arguments: str) -> Launch:
    facts = script.identify(path)
    assert facts is not None and facts.kind == "script"
    subject = Subject(path=str(path), command=(str(path), *arguments), kind="script", facts=facts.facts)
    launch = script.launch(subject, Request(arguments=arguments))
    assert launch is not None
    return launch


def test_a_script_runs_without_the_executable_bit_and_gets_its_arguments(tmp_path: Path) -> None:
    path = written(tmp_path, b'#!/bin/sh\necho "$1"\n')
    path.chmod(0o644)
    launch = started(path, "a word")
    assert launch.command == ("/bin/sh", str(path), "a word")
    assert subprocess.run(launch.command, capture_output=True, text=True, check=True).stdout == "a word\n"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"#!/usr/bin/env python3\n", ("/usr/bin/env", "python3")),
        (b"#! /usr/bin/perl -w -T\n", ("/usr/bin/perl", "-w -T")),  # the kernel hands over one argument
        (b"#!/usr/bin/env -S python3 -u\n", ("/usr/bin/env", "-S python3 -u")),
        (b"#!/bin/bash", ("/bin/bash",)),
    ],
)
def test_the_first_line_is_read_as_the_kernel_reads_it(line: bytes, command: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path, line)
    assert started(path).command == (*command, str(path))


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        (b"#!/usr/bin/env python3\n", {"/usr/bin/env": "coreutils", "python3": "python3"}),
        (b"#!/usr/bin/env -S A=b ruby -w\n", {"/usr/bin/env": "coreutils", "ruby": "ruby"}),
        (b"#!/usr/bin/php\n", {"/usr/bin/php": "php-cli"}),
        (b"#!/nonexist/sh\n", {"/nonexist/sh": ""}),
        (b"#!/opt/own/env python3\n", {"/opt/own/env": "", "python3": "python3"}),
        (b"#!/opt/own/interpreter\n", {"/opt/own/interpreter": ""}),
    ],
)
def test_what_a_script_needs_is_named_with_its_package(line: bytes, needs: dict[str, str], tmp_path: Path) -> None:
    assert started(written(tmp_path, line)).needs == needs


def test_windows_line_ends_are_said_so(tmp_path: Path) -> None:
    launch = started(written(tmp_path, b"#!/bin/sh\r\necho hi\r\n"))
    assert "Windows line ends" in launch.cannot
    subprocess.run(["sh", "-c", launch.hint], check=True)
    assert started(tmp_path / "setup").cannot == ""


@pytest.mark.parametrize("content", [b"echo hi\n", b"#!\n/bin/sh\n", b"#!\0\0\n", b"# !/bin/sh\n", b"#"])
def test_what_has_no_interpreter_is_no_script(content: bytes, tmp_path: Path) -> None:
    assert script.identify(written(tmp_path, content)) is None

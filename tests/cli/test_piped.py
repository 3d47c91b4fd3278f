"""What is piped into `pratique run` is not given to the program: it is said, and no shell comes out as clean for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pratique.cli import piped

pytestmark = pytest.mark.root
EVIL = "touch ~/ran\n"


@pytest.fixture
def run(pratique, tmp_path, state):
    """`pratique run` with the reading end of a pipe, or a file, for its standard input."""
    (tmp_path / "home").mkdir()

    def run(*words, stdin):
        ran = pratique("run", *words, stdin=stdin, env={"HOME": str(tmp_path / "home")})
        assert not (tmp_path / "home/ran").exists()
        return ran

    return run


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            pass


@pytest.mark.parametrize("words", [("sh",), ("bash", "-s", "--", "--yes"), (sys.executable, "-")])
def test_a_program_that_comes_through_a_pipe_is_refused_whether_it_is_there_yet_or_not(run, pipe, words):
    reading, writing = pipe
    for _ in range(2):
        ran = run("--install", "--", *words, stdin=reading)
        assert (ran.code, ran.out) == (2, "")
        assert f"{words[0]} would read its program from standard input" in ran.err
        assert "save it to a file, then: pratique run FILE" in ran.err
        os.write(writing, EVIL.encode())


def test_a_file_that_a_shell_is_fed_is_refused(run, tmp_path):
    (tmp_path / "weather.sh").write_text(EVIL)
    with (tmp_path / "weather.sh").open() as script:
        ran = run("--install", "--", "sh", stdin=script)
    assert ran.code == 2
    assert "would read its program from standard input" in ran.err


def test_answers_that_wait_are_refused_before_anything_runs(run, pipe, tmp_path):
    reading, writing = pipe
    os.write(writing, b"yes\nyes\n")
    (tmp_path / "setup.sh").write_text("#!/bin/sh\necho it ran\n")
    ran = run("--refuse", "./setup.sh", stdin=reading)
    assert ran.code == 2
    assert "it ran" not in ran.out
    assert "run it at a terminal and give them there" in ran.err
    assert os.read(reading, 100) == b"yes\nyes\n", "it was not ours to read"


def test_what_comes_later_is_said_at_the_end(run, pipe):
    reading, _ = pipe
    ran = run("--refuse", "--", "env", "sh", stdin=reading)
    assert "standard input was not given to env" in ran.err


def test_an_empty_or_closed_input_is_no_matter(run, pipe, tmp_path):
    reading, writing = pipe
    os.close(writing)
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open() as empty:
        for nothing in (reading, empty, subprocess.DEVNULL):
            ran = run("--refuse", "--", "env", "true", stdin=nothing)
            assert (ran.code, ran.err.count("standard input")) == (11, 0)


@pytest.mark.parametrize(
    ("words", "reads"),
    [
        ("sh", True), ("/bin/dash -x", True), ("bash -es -- --yes", True), ("python3 -", True), ("python3.11", True),
        ("perl", True), ("sh -ec true", False), ("bash -e x.sh", False), ("python3 -m venv x", False),
        ("perl -e 1", False), ("node --eval 1", False), ("cat", False), ("bash --version", False),
    ],
)  # fmt: skip
def test_which_commands_read_their_program(words, reads):
    assert piped._reads_its_program(words.split()) is reads

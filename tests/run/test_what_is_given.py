"""What of the person's a session was given is in its report, and what could not be given is there as that."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import agent_of_gnupg
import pytest

pytestmark = pytest.mark.root


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a file system of its own in it, both short enough for names of sockets."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        inner = Path(made) / "in"
        inner.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "place", inner], check=True)
        yield Path(made)
        subprocess.run(["umount", inner], check=True)


def test_open_is_what_was_really_given(scene, place, tmp_path):
    policy = tmp_path / "ours.policy"
    policy.write_text(f'policy ours {{ version "1" }}\nsandbox {{ hide "{place}/**" }}\n')
    path = place / "in/one"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        given = scene.run("--give", path, "--refuse", "--json", scene.script("true"))
        lacking = scene.run("--give", path, "--policy", policy, "--refuse", "--json", scene.script("true"))
    assert (given.json["open"], given.json["notes"]) == ([str(path)], [])
    assert lacking.json["open"] == []
    assert f"{path} was to be given, and is not: it has no place in the quarantine" in lacking.json["notes"]


def test_an_ordinary_user_s_agent_of_gnupg_answers_though_their_home_s_is_hidden(ordinary_user):
    """The shipped policy hides it; no login of theirs has made a directory for it elsewhere."""
    home = ordinary_user.home / ".gnupg"
    home.mkdir(mode=0o700)
    ordinary_user.own(home)
    try:
        with agent_of_gnupg.running(ordinary_user) as answer:
            words = ("--give", "gpg-agent", "--refuse", "--json", "--", *agent_of_gnupg.ASK)
            ran = ordinary_user.pratique("run", *words)
    finally:
        shutil.rmtree(home)
    assert ran.json["installer_exit_status"] == 0, ran.err
    assert answer in ran.err
    assert ran.json["open"] == [f"gpg-agent: {home}/S.gpg-agent"]

"""What of the person's a session was given is in its report, and what could not be given is there as that."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

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

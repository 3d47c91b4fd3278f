"""Keys of accounts whose homes lie elsewhere than in /home are hidden, too, and reading them is told."""

from __future__ import annotations

import os
import subprocess

import pytest

from pratique.run.hiding import everywhere

pytestmark = [pytest.mark.root, pytest.mark.machine]


@pytest.fixture
def home_elsewhere(tmp_path):
    """The home of a real account, outside /home."""
    name, home = f"elsewhere-{os.getpid()}", tmp_path / "u [1]"
    subprocess.run(["useradd", "--create-home", "--home-dir", home, name], check=True, capture_output=True)
    try:
        (home / ".ssh").mkdir()
        (home / ".ssh/id_rsa").write_text("SECRET\n")
        yield home
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)


def test_a_key_in_a_home_elsewhere_is_hidden_and_its_reading_told(scene, home_elsewhere):
    ran = scene.run("--refuse", "--json", scene.script(f"cat '{home_elsewhere}/.ssh/id_rsa' >&2"))
    assert "SECRET" not in ran.out + ran.err
    (action,) = ran.json["actions"]
    assert (ran.code, action["name"]) == (10, "private-files")
    assert action["evidence"][0]["fields"]["path"] == f"{home_elsewhere}/.ssh/id_rsa"


def test_what_speaks_of_no_home_stays_as_it_is(home_elsewhere):
    assert everywhere(["~/.ssh/id_*", "/root/.netrc"]) == ("~/.ssh/id_*", "/root/.netrc")
    assert len(everywhere(["/home/*/.netrc"])) >= 2

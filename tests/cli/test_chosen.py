"""A policy named with `--policy` is found, and finds what it extends, in the same places by every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique import recording
from pratique.events import Event
from pratique.recording import Process, Recording
from pratique.subject import Subject


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy by which hardly anything counts; what it extends is in a directory of the role file."""
    place = tmp_path / "house"
    place.mkdir()
    (place / "house.policy").write_text('policy house { version "1"; extends baseline; override threshold 5000 }\n')
    (tmp_path / "host.yaml").write_text("policies: [house]\n")
    monkeypatch.setenv("PRATIQUE_HOST", str(tmp_path / "host.yaml"))
    file = tmp_path / "mine" / "ours.policy"
    file.parent.mkdir()
    file.write_text('policy ours { version "1"; extends house }\n')
    return file


def test_a_recording_is_judged_by_it(pratique, ours, tmp_path):
    kept = tmp_path / "player.rec"
    recording.write(
        Recording(
            id="1", subject=Subject(path="/tmp/player"), home="/home/ann", processes=(Process(id=0),),
            events=(Event("file.write", seq=1, time=1, path="/home/ann/.bashrc", added="evil"),),
        ),
        kept,
    )  # fmt: skip
    again = pratique("replay", kept, "--policy", ours, "--json")
    assert again.code == 0, again.err
    assert (again.json["policy"]["name"], again.json["verdict"]["total"]) == ("ours", 100)


@pytest.mark.root
def test_an_installer_is_judged_by_it(pratique, ours, tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\ntouch new\n")
    script.chmod(0o755)
    ran = pratique("run", "--refuse", "--policy", ours, "--json", script)
    assert ran.code == 11, ran.err
    assert ran.json["policy"]["name"] == "ours"

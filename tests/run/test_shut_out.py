"""An installer that failed is told of the network only where it looked for one, and of the one that is watched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CONNECT = "python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 2)'"
# A connection counts as open before it is outside; one that may not be is reset.
REFUSED = "python3 -c 'import socket; socket.create_connection((\"10.0.0.9\", 80), 2).recv(1)'"
LOOK_UP = "python3 -c 'import socket; socket.getaddrinfo(\"name.invalid\", 80)'"


@pytest.mark.parametrize("command", [CONNECT, LOOK_UP])
def test_who_looked_for_a_network_is_told_of_the_observed_one(scene, command):
    ran = scene.run("--install", scene.script("set -e", command))
    assert ran.code == 6, ran.err
    assert "it looked for a network and had none: `--network observed` opens one" in ran.err
    assert "--network host" not in ran.err


@pytest.mark.parametrize("command", [("false",), ("cat", "/nowhere"), ("sh", "-c", "echo >/proc/nothing")])
def test_who_failed_by_itself_is_told_of_no_network(scene, command):
    ran = scene.run("--install", "--", *command)
    assert ran.code == 6, ran.err
    assert "network" not in ran.err


@pytest.mark.root
def test_who_was_refused_a_destination_is_told_how_a_policy_names_it(scene):
    ran = scene.run("--install", "--network", "observed", scene.script("set -e", REFUSED))
    assert ran.code == 6, ran.err
    assert 'network observed to ["HOST", ...] for script' in ran.err
    assert "--network" not in ran.err


@pytest.mark.root
def test_what_only_root_can_do_is_said_in_a_sentence(ordinary_user):
    ran = ordinary_user.pratique("run", "--", "apt-get", "install", "hello")
    assert ran.code == 4
    assert "pratique: the command apt-get can only be run by root\n" in ran.err


@pytest.mark.root
def test_who_would_write_to_what_is_somebody_else_s_is_told_why_it_cannot(ordinary_user):
    place = Path("/srv/pratique-for-all")
    place.mkdir()
    try:
        place.chmod(0o777)
        ran = ordinary_user.pratique("run", "--install", "--", "sh", "-c", f"echo 2 > {place}/z")
        assert ran.code == 6, ran.err
        assert "a directory that is not yours, though you may write there: run it as root" in ran.err
        assert list(place.iterdir()) == []
    finally:
        shutil.rmtree(place)

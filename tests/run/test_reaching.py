"""Where a program wanted to go is told, without a network as with an observed one, and by root as by anybody."""

from __future__ import annotations

import pytest

from pratique import recording

pytestmark = pytest.mark.root

#: TCP by both families, UDP, and what leads nowhere: loopback, and the asking for a way (port 0).
WANTED = """
import socket
for family, kind, to in [
    (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
    (socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 443)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.2", 53)), (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 9)),
    (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.3", 0)),
]:
    try:
        socket.socket(family, kind).connect(to)
    except OSError:
        pass
"""
SAID = "not reached, for there was no network: 192.0.2.1:80, [2001:db8::1]:443, 192.0.2.2:53 (udp)"


def test_without_a_network_it_is_said_where_the_program_wanted_to_go(scene, tmp_path):
    ran = scene.run("--refuse", "--record", tmp_path / "x.rec", scene.python(WANTED))
    assert f" {SAID}\n" in ran.out
    wanted = [event for event in recording.read(tmp_path / "x.rec").events if event.kind == "net.connect"]
    assert {"192.0.2.1", "2001:db8::1", "192.0.2.2"} <= {event.fields["address"] for event in wanted}


def test_of_an_ordinary_users_program_it_is_said_too(ordinary_user):
    (ordinary_user.home / "setup.py").write_text(f"#!/usr/bin/python3\n{WANTED}")
    (ordinary_user.home / "setup.py").chmod(0o755)
    ran = ordinary_user.pratique("run", "--refuse", "--json", ordinary_user.home / "setup.py")
    assert SAID in ran.json["notes"], ran.err


def test_with_an_observed_network_it_is_said_once(scene):
    ran = scene.run("--network", "observed", "--refuse", "--json", scene.python(WANTED))
    (note,) = [note for note in ran.json["notes"] if "192.0.2.1" in note]
    assert note.startswith("not reached, by the network's rule: ")


def test_who_wants_nothing_of_the_network_is_told_of_nothing(scene):
    ran = scene.run("--refuse", "--json", scene.script("true"))
    assert not any("network" in note for note in ran.json["notes"])


def test_with_the_hosts_network_it_is_said_where_connections_went(scene):
    """192.0.2.0/24 is nobody's (RFC 5737); a datagram socket is connected without a packet being sent."""
    ask = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.9', 7))"
    ran = scene.run("--network", "host", "--refuse", "--json", scene.python(ask))
    assert "over the host's network: 192.0.2.9:7 (udp)" in ran.json["notes"]


def test_where_it_waited_to_be_reached_is_said_and_is_no_place_it_went_to(scene):
    listen = """
import socket
one = socket.socket(socket.AF_INET6)
one.bind(("::", 8081))
one.listen()
socket.create_connection(("0.0.0.0", 8081))
"""
    ran = scene.run("--refuse", "--json", scene.python(listen))
    assert ran.json["installer_exit_status"] == 0, ran.err
    assert [note for note in ran.json["notes"] if "8081" in note] == ["waited to be connected to, at [::]:8081"]

"""An observed network leads where it may and nowhere else, and everything that was asked of it is known."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.root  # the Internet of these tests is made by root

CURL = "curl -sS --max-time 20"


def test_what_is_allowed_is_reached_and_known_by_its_name(net):
    trial = net.run(f"{CURL} http://allowed.example/file", "allowed.example")
    assert (trial.said, trial.status) == ("allowed.example /file", 0)
    (asked,), (opened,), (closed,) = trial.of("resolve"), trial.of("connect"), trial.of("close")
    assert (asked["host"], asked["addresses"]) == ("allowed.example", ["93.184.216.34"])
    assert (opened["host"], opened["address"], opened["port"]) == ("allowed.example", "93.184.216.34", 80)
    assert "refused" not in opened
    assert closed["sent"] > 0
    assert closed["received"] > len(trial.said)
    assert trial.effects == []  # not even in /etc


@pytest.mark.alone
def test_what_is_not_allowed_is_refused_at_once_and_known(net):
    began = time.monotonic()
    trial = net.run(
        f"{CURL} http://other.example/; {CURL} http://93.184.216.35/; {CURL} http://93.184.216.34:81/; true",
        "allowed.example",
    )
    assert time.monotonic() - began < 15
    assert "Could not resolve host: other.example" in trial.said
    assert [one["host"] for one in trial.of("resolve") if one.get("refused")] == ["other.example"]
    refused = [(one["address"], one["port"]) for one in trial.of("connect") if one.get("refused")]
    assert refused == [("93.184.216.35", 80), ("93.184.216.34", 81)]
    assert trial.of("close") == []


def test_a_name_that_shares_an_allowed_address_is_not_reached_by_it(net):
    """One machine serves many names: what the request asks for counts, over HTTP and over TLS."""
    shake = (
        "import socket,ssl; c=ssl._create_unverified_context(); s=socket.create_connection(('allowed.example',443),9)\n"
        "try: c.wrap_socket(s,server_hostname='{}')\nexcept OSError as error: print(type(error).__name__)"
    )
    trial = net.run(
        f"{CURL} -H 'Host: second.example' http://allowed.example/; {CURL} -p -x http://allowed.example:80 http://second.example\n"
        f'python3 -c "{shake.format("second.example")}"; python3 -c "{shake.format("allowed.example")}"',
        "allowed.example",
    )
    assert [(one["host"], bool(one.get("refused"))) for one in trial.of("connect")] == [
        ("second.example", True), ("second.example", True), ("second.example", True), ("allowed.example", False),
    ]  # fmt: skip
    assert "second.example /" not in trial.said
    assert "ConnectionResetError" in trial.said
    assert b"second.example" not in net.heard()
    assert b"allowed.example" in net.heard()


def test_a_question_for_a_name_that_is_not_allowed_never_leaves(net):
    secret = f"736563726574{id(net)}"
    trial = net.run(
        f"getent hosts {secret}.tunnel.example; getent ahostsv6 {secret}.allowed.example", "allowed.example"
    )
    assert {one["host"] for one in trial.of("resolve") if one.get("refused")} == {
        f"{secret}.tunnel.example", f"{secret}.allowed.example",
    }  # fmt: skip
    assert not [name for name in net.asked() if secret in name]


def test_this_machine_and_its_neighbours_are_out_of_reach_even_where_anywhere_is_allowed(net):
    trial = net.run(
        "for host in 127.0.0.1 192.168.77.1 192.168.77.2 rebind.wide.example loop.wide.example "
        "'[::ffff:192.168.77.1]'\n"
        f"do {CURL} http://$host/; done; {CURL} http://mirror.wide.example/",
        "*.wide.example", "*",
    )  # fmt: skip
    assert trial.said.endswith("mirror.wide.example /")
    assert trial.said.count("curl: (") == 6
    opened = [one["address"] for one in trial.of("connect") if not one.get("refused")]
    assert opened == ["93.184.216.35"]
    assert {one["host"] for one in trial.of("resolve") if one.get("refused")} == {
        "rebind.wide.example",
        "loop.wide.example",
    }


def test_a_neighbour_that_is_named_is_reached(net):
    trial = net.run(f"{CURL} http://inside.example/; {CURL} http://192.168.77.2/", "inside.example")
    assert "inside.example /" in trial.said
    assert "192.168.77.2 /" in net.run(f"{CURL} http://192.168.77.2/", "192.168.77.0/28").said


@pytest.mark.alone
def test_datagrams_and_strange_name_servers_are_refused_at_once(net):
    program = (
        "import socket,time\n"
        "for to in (('93.184.216.34',443),('93.184.216.34',5353),('8.8.8.8',53)):\n"
        "  with socket.socket(socket.AF_INET,socket.SOCK_DGRAM) as s:\n"
        "    s.settimeout(9); began=time.monotonic()\n"
        "    try: s.connect(to); s.send(b'datagram'); s.recv(9); print('answered')\n"
        "    except OSError as error: print(type(error).__name__, time.monotonic()-began < 3)\n"
    )
    trial = net.run(f'getent hosts allowed.example >/dev/null; python3 -c "{program}"', "allowed.example")
    assert trial.said == "PermissionError True\n" * 3
    assert b"datagram" not in net.heard()


def test_no_packet_of_another_kind_gets_out(net):
    """No raw packets, no interface to be had, and the rules are not the program's to change."""
    trial = net.run(
        "ping -c1 -W2 93.184.216.34 && echo reached; ip link add x type dummy && echo made; "
        "nft flush ruleset && echo flushed; ip route add 93.184.216.0/24 dev lo && echo routed; true",
        "allowed.example",
    )
    assert not {"reached", "made", "flushed", "routed"} & set(trial.said.split("\n"))


def test_ipv6_is_carried_too(net):
    trial = net.run(f"{CURL} http://six.example/; {CURL} 'http://[2606:4700:99::1]:81/'; true", "six.example")
    assert trial.said.startswith("six.example /")
    assert [(one["address"], one["port"]) for one in trial.of("connect")] == [
        ("2606:4700:99::1", 80), ("2606:4700:99::1", 81),
    ]  # fmt: skip


def test_a_server_that_speaks_first_is_heard(net):
    program = "import socket; print(socket.create_connection(('allowed.example',25),9).recv(99))"
    assert "220 hello" in net.run(f'python3 -c "{program}"', "allowed.example").said


def test_a_server_that_does_not_answer_is_no_hang_and_is_told(net):
    trial = net.run(f"{CURL} http://allowed.example:4444/; true", "allowed.example")
    (opened,) = trial.of("connect")
    assert opened["failed"] == "connection refused"


def test_many_connections_at_a_time(internet):
    """Each whole, each counted."""
    trial = internet.run(
        "for i in $(seq 40); do curl -sS http://allowed.example/large | wc -c & done; wait", "allowed.example"
    )
    assert trial.said.split() == ["3000000"] * 40
    assert len(trial.of("connect")) == len(trial.of("close")) == 40
    assert sum(one["received"] for one in trial.of("close")) > 40 * 3_000_000


def test_a_connection_cut_off_harms_no_other(internet):
    trial = internet.run(
        f"{CURL} telnet://allowed.example:80 </dev/zero >/dev/null; {CURL} http://allowed.example/", "allowed.example"
    )
    assert trial.said.endswith("allowed.example /")
    assert len(trial.of("connect")) == len(trial.of("close")) == 2


def test_a_connection_open_at_the_session_s_end_is_ended_and_known(internet):
    trial = internet.run(f"{CURL} http://allowed.example/endless >/dev/null & sleep 1", "allowed.example")
    (closed,) = trial.of("close")
    assert closed["received"] > 1_000_000


def test_one_fast_connection_leaves_others_their_turn(internet):
    trial = internet.run(
        f"for i in 1 2 3; do {CURL} http://allowed.example/endless >/dev/null & done; sleep 1; "
        f"{CURL} http://second.example/",
        "allowed.example", "second.example",
    )  # fmt: skip
    assert "second.example /" in trial.said

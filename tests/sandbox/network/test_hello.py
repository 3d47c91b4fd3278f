"""What a connection's first bytes ask for is read out of real hellos, whole or in pieces, and of garbage nothing."""

from __future__ import annotations

import random
import ssl

import pytest

from pratique.sandbox.network.hello import LONGEST, Asked, asked


def hello(name: str | None) -> bytes:
    context = ssl._create_unverified_context()
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def test_the_server_name_of_a_tls_hello():
    assert asked(hello("Registry.Example")) == Asked("tls", "registry.example")
    assert asked(hello(None)) == Asked("tls", "")


def test_a_hello_in_pieces_is_waited_for():
    whole = hello("registry.example")
    assert [asked(whole[:length]) for length in range(1, len(whole))] == [None] * (len(whole) - 1)


def test_a_hello_cut_into_several_records_is_put_together():
    whole = hello("registry.example")[5:]
    records = b"".join(
        b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in (whole[:7], whole[7:60], whole[60:])
    )
    assert asked(records) == Asked("tls", "registry.example")


@pytest.mark.parametrize(
    ("request_", "host"),
    [
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: a.example:8080\r\n\r\n", "a.example"),
        (b"\r\nPOST /x HTTP/1.0\nHOST:A.example.\n\n", "a.example"),
        (b"CONNECT b.example:443 HTTP/1.1\r\n", "b.example"),
        (b"GET http://user@c.example:80/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "c.example"),
        (b"GET / HTTP/1.1\r\nHost: [2606::1]:80\r\n\r\n", "2606::1"),
        (b"GET / HTTP/1.0\r\n\r\n", ""),
    ],
)
def test_the_host_of_an_http_request(request_, host):
    assert asked(request_) == Asked("http", host)


def test_what_is_neither_tells_of_no_host_and_is_not_waited_for():
    for data in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 10, b"hello\n", b"EHLO me\r\n"):
        assert asked(data) == Asked("other")
    assert asked(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * LONGEST) == Asked("other")


def test_garbage_is_no_fault():
    chance = random.Random(7)
    whole = hello("registry.example")
    for _ in range(3000):
        garbled = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            garbled[chance.randrange(len(garbled))] = chance.randrange(256)
        found = asked(bytes(garbled))
        assert found is None or found.protocol in ("tls", "other", "http")

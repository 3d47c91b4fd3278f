"""What a connection's first bytes ask for: the server name of a TLS hello, or the host of an HTTP request.

An address says little where one machine serves thousands of names. The bytes are the program's own and may lie; but a
server that many share goes by them, so what they name is what is reached.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

#: Nobody's hello is longer; what is still unclear then is neither TLS nor HTTP.
LONGEST: Final = 32 * 1024

_TLS_HANDSHAKE: Final = 0x16  # RFC 8446, 5.1
_CLIENT_HELLO: Final = 1  # 4
_SERVER_NAME: Final = 0  # RFC 6066, 3
_REQUEST: Final = re.compile(rb"([A-Z]{3,20}) (\S+) HTTP/\d")
_HOST: Final = re.compile(rb"^host:[ \t]*(\S*)", re.IGNORECASE | re.MULTILINE)


class Asked(msgspec.Struct, frozen=True):
    """`host` is "" when it is not said. `protocol` "other": these bytes tell nothing of a host."""

    protocol: Literal["tls", "http", "other"]
    host: str = ""


def asked(data: bytes) -> Asked | None:
    """What the first bytes of a connection ask for; None when more of them must come to know."""
    if data[:1] == bytes([_TLS_HANDSHAKE]):
        found = _tls(data)
    elif data[:1].isalpha() or data[:1] in b"\r\n":
        found = _http(data.lstrip(b"\r\n"))
    else:
        return Asked("other")
    return Asked("other") if found is None and len(data) >= LONGEST else found


def _http(data: bytes) -> Asked | None:
    line, end, rest = data.partition(b"\n")
    if not end:
        return None if re.match(rb"[A-Z]{0,20}( |\Z)", line) else Asked("other")
    request = _REQUEST.match(line)
    if request is None:
        return Asked("other")
    method, target = request[1], request[2]
    if method == b"CONNECT":
        return Asked("http", _without_port(target))
    if b"://" in target:  # to a proxy
        return Asked("http", _without_port(target.partition(b"://")[2].partition(b"/")[0].rpartition(b"@")[2]))
    headers, ended, _ = rest.replace(b"\r", b"").partition(b"\n\n")
    if not ended and not rest.replace(b"\r", b"").startswith(b"\n"):
        return None
    host = _HOST.search(headers)
    return Asked("http", _without_port(host[1]) if host else "")


def _without_port(authority: bytes) -> str:
    text = authority.decode("ascii", "replace").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def _tls(data: bytes) -> Asked | None:
    message = b""
    at = 0
    while at + 5 <= len(data):  # a hello may be cut into several records
        if data[at] != _TLS_HANDSHAKE:
            return Asked("other")
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + 5 : at + 5 + length]
        at += 5 + length
    if len(message) < 4:
        return None
    if message[0] != _CLIENT_HELLO:
        return Asked("other")
    length = int.from_bytes(message[1:4], "big")
    if len(message) < 4 + length:
        return None
    try:
        return Asked("tls", _server_name(_Reader(message[4 : 4 + length])))
    except EOFError:
        return Asked("tls")


def _server_name(hello: _Reader) -> str:
    hello.take(34)  # version, random
    hello.block(1)  # session
    hello.block(2)  # cipher suites
    hello.block(1)  # compression
    extensions = _Reader(hello.block(2))
    while extensions.left:
        kind = extensions.number(2)
        content = _Reader(extensions.block(2))
        if kind == _SERVER_NAME:
            names = _Reader(content.block(2))
            names.take(1)  # always host_name
            return names.block(2).decode("ascii", "replace").lower().rstrip(".")
    return ""


class _Reader:
    """Numbers and blocks, one after the other. Raises `EOFError` where there is less than was said."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def left(self) -> int:
        return len(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data):
            raise EOFError
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> bytes:
        """What follows a length of `size` bytes."""
        return self.take(self.number(size))

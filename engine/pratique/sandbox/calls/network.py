"""Calls that reach out or listen: `net.*`, and sockets that are files."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final, NamedTuple

from pratique.sandbox.calls import threads
from pratique.sandbox.calls.context import Answered, Context, Decode
from pratique.sandbox.calls.listener import Notification
from pratique.sandbox.calls.memory import Unreadable

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD
_LONGEST: Final = 128  # struct sockaddr_storage
_PROTOCOLS: Final = {socket.SOCK_STREAM: "tcp", socket.SOCK_DGRAM: "udp"}
_MOST_MESSAGES: Final = 8  # of one sendmmsg


class _Address(NamedTuple):
    family: int
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.host.startswith("127.") or self.host == "::1" or self.host.startswith("::ffff:127.")

    @property
    def itself(self) -> bool:
        """Whether connecting there leads nowhere else: to no address in particular is to one's own (ip(7))."""
        return self.loopback or self.host in ("0.0.0.0", "::")  # noqa: S104  # nothing is bound


def _address(data: bytes) -> _Address | None:
    """struct sockaddr_in and sockaddr_in6; None for any other family."""
    family = int.from_bytes(data[:2], "little")
    if family == socket.AF_INET and len(data) >= 8:
        return _Address(family, socket.inet_ntop(family, data[4:8]), int.from_bytes(data[2:4], "big"))
    if family == socket.AF_INET6 and len(data) >= 24:
        return _Address(family, socket.inet_ntop(family, data[8:24]), int.from_bytes(data[2:4], "big"))
    return None


def _socket(ctx: Context, call: Notification, number: int) -> socket.socket | None:
    """A copy of the caller's socket, to ask it what it is. Raises `Unreadable` when that is not for us to see."""
    try:
        copy = threads.taken(ctx.proc, call.thread, number)
    except OSError as error:
        if error.errno in (errno.EBADF, errno.ESRCH):
            return None
        raise Unreadable from None
    try:
        return socket.socket(fileno=copy)
    except OSError:  # it is none
        os.close(copy)
        return None


def _protocol(ctx: Context, call: Notification, number: int) -> str:
    found = _socket(ctx, call, number)
    if found is None:
        return ""
    with found:
        return _PROTOCOLS.get(found.type, "")


def _reached(ctx: Context, call: Notification, number: int, address: int, length: int, protocol: str = "") -> Answered:
    data = ctx.memory.read(call.thread, address, min(length & 0xFFFFFFFF, _LONGEST))
    found = _address(data)
    if found is None:
        return _given(ctx, call, data) if ctx.given else None
    return ctx.tell(
        call, "net.connect", address=found.host, port=found.port, loopback=found.itself,
        protocol=protocol or _protocol(ctx, call, number),
    )  # fmt: skip


def _given(ctx: Context, call: Notification, data: bytes) -> Answered:
    """A socket with a path, if it is one that the session was given: any other there is leads to the session itself."""
    if int.from_bytes(data[:2], "little") != socket.AF_UNIX or data[2:3] in (b"", b"\0"):
        return None
    place = ctx.names.place(call.thread, _HERE, data[2:].split(b"\0", 1)[0], follow=True)
    if place is None or place.path not in ctx.given:
        return None
    return ctx.tell(call, "socket.connect", path=place.path)


def _connect(ctx: Context, call: Notification) -> Answered:
    return _reached(ctx, call, call.a, call.b, call.c)


def _sendto(ctx: Context, call: Notification) -> Answered:
    return _reached(ctx, call, call.a, call.e, call.f)


def _sendmsg(ctx: Context, call: Notification) -> Answered:
    return _messages(ctx, call, call.a, call.b, 1)


def _sendmmsg(ctx: Context, call: Notification) -> Answered:
    return _messages(ctx, call, call.a, call.b, min(call.c & 0xFFFFFFFF, _MOST_MESSAGES))


def _messages(ctx: Context, call: Notification, number: int, address: int, count: int) -> Answered:
    """struct msghdr begins with the address and its length; struct mmsghdr is one with four bytes more."""
    word = ctx.machine.word
    size = 56 if word == 8 else 28
    stride = size + (8 if word == 8 else 4)
    for at in range(count):
        head = ctx.memory.read(call.thread, address + at * stride, word + 4)
        if len(head) < word + 4:
            return None
        name, length = int.from_bytes(head[:word], "little"), int.from_bytes(head[word : word + 4], "little")
        if name and (answer := _reached(ctx, call, number, name, length)) is not None:
            return answer
    return None


def _bind(ctx: Context, call: Notification) -> Answered:
    return _bound(ctx, call, call.a, call.b, call.c)


def _bound(ctx: Context, call: Notification, number: int, address: int, length: int) -> Answered:
    data = ctx.memory.read(call.thread, address, min(length & 0xFFFFFFFF, _LONGEST))
    if int.from_bytes(data[:2], "little") == socket.AF_UNIX and data[2:3] not in (b"", b"\0"):
        place = ctx.names.place(call.thread, _HERE, data[2:].split(b"\0", 1)[0], follow=False)
        if place is None or place.mode:
            return None
        return ctx.tell(call, "file.create", path=place.path, type="socket", mode=0o777)
    found = _address(data)
    # A datagram socket has no listen(); one bound to no port in particular waits for answers only.
    if found is None or not found.port or _protocol(ctx, call, number) != "udp":
        return None
    return ctx.tell(call, "net.listen", address=found.host, port=found.port, loopback=found.loopback)


def _listen(ctx: Context, call: Notification) -> Answered:
    return _listening(ctx, call, call.a)


def _listening(ctx: Context, call: Notification, number: int) -> Answered:
    found = _socket(ctx, call, number)
    if found is None:
        return None
    with found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        try:
            host, port = found.getsockname()[:2]
        except OSError:
            return None
    address = _Address(0, host, port)
    return ctx.tell(call, "net.listen", address=host, port=port, loopback=address.loopback)


def _socketcall(ctx: Context, call: Notification) -> Answered:
    """i386's one call for all of them: which one, and where its arguments are (<linux/net.h>)."""
    data = ctx.memory.read(call.thread, call.b & 0xFFFFFFFF, 24)
    words = struct.unpack(f"={len(data) // 4}I", data[: len(data) // 4 * 4]) + (0,) * 6
    match call.a & 0xFFFFFFFF:
        case 3:  # SYS_CONNECT
            return _reached(ctx, call, words[0], words[1], words[2])
        case 2:  # SYS_BIND
            return _bound(ctx, call, words[0], words[1], words[2])
        case 4:  # SYS_LISTEN
            return _listening(ctx, call, words[0])
        case 11 if words[4]:  # SYS_SENDTO
            return _reached(ctx, call, words[0], words[4], words[5])
        case 16:  # SYS_SENDMSG
            return _messages(ctx, call, words[0], words[1], 1)
        case 20:  # SYS_SENDMMSG
            return _messages(ctx, call, words[0], words[1], min(words[2], _MOST_MESSAGES))
    return None


CALLS: Final[dict[str, Decode]] = {
    "connect": _connect, "bind": _bind, "listen": _listen, "sendto": _sendto, "sendmsg": _sendmsg,
    "sendmmsg": _sendmmsg, "socketcall": _socketcall,
}  # fmt: skip

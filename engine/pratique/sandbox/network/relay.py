"""Carries the session's connections out: each is accepted inside, weighed, opened anew outside, and written down."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from pratique.sandbox.network.destinations import Address, Destinations
from pratique.sandbox.network.hello import Asked, asked
from pratique.sandbox.network.log import Closed, Connected, Writer
from pratique.sandbox.network.names import Book

#: Connections at one time; more wait to be accepted.
AT_ONCE: Final = 1000
_CHUNK: Final = 256 * 1024
_PATIENCE: Final = 15.0  # s for the other side to answer
_BREATH: Final = 0.05  # s

_SO_ORIGINAL_DST: Final = 80  # <linux/netfilter_ipv4.h>, <linux/netfilter_ipv6/ip6_tables.h>


class _Flow:
    """One connection. `host` is the best that is known of it."""

    def __init__(self, address: Address, port: int, host: str) -> None:
        self.time = time.monotonic()
        self.address = address
        self.port = port
        self.host = host
        self.sent = self.received = 0
        self.told = False

    def add_sent(self, count: int) -> None:
        self.sent += count

    def add_received(self, count: int) -> None:
        self.received += count


class Relay:
    """All connections of one session."""

    def __init__(self, destinations: Destinations, book: Book, log: Writer) -> None:
        self._destinations = destinations
        self._book = book
        self._log = log
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._slots.acquire()
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # it gave up before its turn; or all descriptors are in use, and some come back
                self._slots.release()
                await asyncio.sleep(_BREATH)
                continue
            task = asyncio.create_task(self._carry(client))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: self._slots.release())

    async def close(self) -> None:
        """End what is under way, so that every connection has its record."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _carry(self, client: socket.socket) -> None:
        with client:
            try:
                address, port = _wanted(client)
            except OSError:
                _reset(client)  # it came to our own address and not on its way elsewhere
                return
            names = self._book.names(address)
            allowed = [name for name in names if self._destinations.allow_name(name)]
            flow = _Flow(address, port, (*allowed, *names, "")[0])
            if refused := self._destinations.refusal(address, names):
                self._tell(flow, refused=refused)
                _reset(client)
                return
            try:
                upstream = await self._open(address, port)
            except OSError as error:
                self._tell(flow, failed=os.strerror(error.errno).lower() if error.errno else "no answer")
                _reset(client)
                return
            with upstream:
                try:
                    await self._pass(flow, client, upstream)
                except* OSError:  # one side is gone, or is to be: so is the other
                    _reset(client)
                    _reset(upstream)
                finally:
                    self._tell(flow)
                    self._log.write(Closed(
                        time=time.monotonic(), address=str(address), port=port, host=flow.host,
                        sent=flow.sent, received=flow.received,
                    ))  # fmt: skip

    async def _open(self, address: Address, port: int) -> socket.socket:
        """The connection outside. The program believes to have it already, so what it would try next is tried here."""
        failure = OSError("no answer")
        for one in (address, *self._book.others(address)):
            if self._destinations.refusal(one, self._book.names(one)):
                continue
            upstream = socket.socket(socket.AF_INET if one.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
            upstream.setblocking(False)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.get_running_loop().sock_connect(upstream, (str(one), port))
            except (OSError, TimeoutError) as error:
                upstream.close()
                failure = error if isinstance(error, OSError) else failure
            except BaseException:
                upstream.close()
                raise
            else:
                upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return upstream
        raise failure

    async def _pass(self, flow: _Flow, client: socket.socket, upstream: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.TaskGroup() as both:
            both.create_task(_pour(upstream, client, flow.add_received))
            if not await self._opening(flow, client, upstream):
                raise ConnectionAbortedError
            await _pour(client, upstream, flow.add_sent)

    async def _opening(self, flow: _Flow, client: socket.socket, upstream: socket.socket) -> bool:
        """Read and weigh the program's first words before any of them goes out. Whether the rest may follow."""
        loop = asyncio.get_running_loop()
        data = b""
        said: Asked | None = None
        while said is None:
            chunk = await loop.sock_recv(client, _CHUNK)
            if not chunk:
                said = Asked("other")
            data += chunk
            said = said or asked(data)
        if said.host:
            flow.host = said.host
        if refused := self._lie(flow, said):
            self._tell(flow, refused=refused)
            return False
        self._tell(flow)
        await loop.sock_sendall(upstream, data)
        flow.add_sent(len(data))
        return True

    def _lie(self, flow: _Flow, said: Asked) -> str:
        """Why what a connection asks for may not be reached, though its address may; "" when it may."""
        if said.protocol == "other" or self._destinations.anywhere:
            return ""
        if any(flow.address in network for network in self._destinations.networks):
            return ""
        if not said.host:
            return "it does not say which host it is for"
        return "" if self._destinations.allow_name(said.host) else "the name may not be reached"

    def _tell(self, flow: _Flow, *, refused: str = "", failed: str = "") -> None:
        if not flow.told:
            flow.told = True
            self._log.write(Connected(
                time=flow.time, address=str(flow.address), port=flow.port, host=flow.host,
                refused=refused, failed=failed,
            ))  # fmt: skip


async def _pour(source: socket.socket, target: socket.socket, carried: Callable[[int], None]) -> None:
    """Everything that comes from one side, to the other, until there is no more."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(target, data)
        carried(len(data))
        await asyncio.sleep(0)  # two sides that are always ready would keep all others from their turn
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _wanted(client: socket.socket) -> tuple[Address, int]:
    """Where the program meant to go, before the kernel bent its connection to us.

    Raises `OSError` when it did mean us.
    """
    if client.family == socket.AF_INET:  # struct sockaddr_in, <netinet/in.h>
        _, port, raw = struct.unpack_from("!HH4s", client.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16))
    else:  # struct sockaddr_in6
        _, port, _, raw = struct.unpack_from("!HHI16s", client.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, 28))
    address = ipaddress.ip_address(raw)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        raise OSError("not on its way elsewhere")
    return address, port


def _reset(side: socket.socket) -> None:
    """Close so that the other side sees at once that this is no orderly end: <sys/socket.h>, struct linger."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

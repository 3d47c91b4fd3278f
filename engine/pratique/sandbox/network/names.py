"""Answers the session's questions for names: those it may reach, by whatever means the host resolves names itself."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from typing import Final

import dnslib

from pratique.sandbox.network.destinations import Address, Destinations, host_name
from pratique.sandbox.network.log import Resolved, Writer

#: Names and addresses remembered; the oldest are forgotten.
MOST_NAMES: Final = 20_000
#: Answers given for one name. They fit in the smallest datagram a resolver may send, so none is ever cut.
MOST_ADDRESSES: Final = 8
#: Questions looked up at one time; more wait.
AT_ONCE: Final = 64
KEPT: Final = 60  # s an answer is good for
_PATIENCE: Final = 20.0  # s
_ASKS_FOR: Final = {dnslib.QTYPE.A: 4, dnslib.QTYPE.AAAA: 6}


class Book:
    """Which name led to which address in this session."""

    def __init__(self) -> None:
        self._names: dict[Address, dict[str, None]] = {}
        self._addresses: dict[str, tuple[Address, ...]] = {}

    def enter(self, host: str, addresses: tuple[Address, ...]) -> None:
        self._addresses[host] = addresses
        for address in addresses:
            self._names.setdefault(address, {})[host] = None
        while len(self._addresses) > MOST_NAMES:
            oldest = next(iter(self._addresses))
            for address in self._addresses.pop(oldest):
                left = self._names.get(address, {})
                left.pop(oldest, None)
                if not left:
                    self._names.pop(address, None)

    def names(self, address: Address) -> tuple[str, ...]:
        return tuple(self._names.get(address, ()))

    def others(self, address: Address) -> list[Address]:
        """Further addresses of the names that lead to this one."""
        found = dict.fromkeys(one for name in self.names(address) for one in self._addresses.get(name, ()))
        return [one for one in found if one != address]


class _Known(Exception):  # an answer, not an error
    """There are no addresses, and why: a DNS answer code."""

    def __init__(self, code: int) -> None:
        self.code = code


class Resolver:
    """One socket's questions and their answers."""

    def __init__(self, destinations: Destinations, book: Book, log: Writer, *, ipv6: bool) -> None:
        self._destinations = destinations
        self._book = book
        self._log = log
        self._families = (4, 6) if ipv6 else (4,)
        self._asked: dict[str, tuple[float, asyncio.Task[tuple[Address, ...]]]] = {}
        self._told: set[tuple[str, tuple[str, ...], str]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def serve(self, questions: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        running: set[asyncio.Task[None]] = set()
        while True:
            data, client = await loop.sock_recvfrom(questions, 4096)
            await self._slots.acquire()
            task = asyncio.create_task(self._reply(questions, data, client))
            running.add(task)
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _: self._slots.release())

    async def _reply(self, questions: socket.socket, data: bytes, client: tuple[str, int]) -> None:
        try:
            query = dnslib.DNSRecord.parse(data)
            question = query.questions[0]
        except (dnslib.DNSError, LookupError, ValueError):
            return  # no question: no answer
        reply = query.reply()
        host = host_name(str(question.qname))
        try:
            addresses = await self._addresses(host)
            family = _ASKS_FOR.get(question.qtype)
            for address in (one for one in addresses if one.version == family):
                record = dnslib.A(str(address)) if family == 4 else dnslib.AAAA(str(address))
                reply.add_answer(dnslib.RR(question.qname, question.qtype, ttl=KEPT, rdata=record))
        except _Known as known:
            reply.header.rcode = known.code
        try:
            await asyncio.get_running_loop().sock_sendto(questions, reply.pack(), client)
        except OSError:
            pass  # it no longer waits

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        """What the session may know of a name. Raises `_Known`."""
        if not host or not self._destinations.allow_name(host):
            self._tell(host, (), "the name may not be reached")
            raise _Known(dnslib.RCODE.NXDOMAIN)
        at, task = self._asked.get(host, (0.0, None))
        if task is None or time.monotonic() - at > KEPT:
            while len(self._asked) >= MOST_NAMES:
                del self._asked[next(iter(self._asked))]
            task = asyncio.create_task(self._look_up(host))
            self._asked[host] = (time.monotonic(), task)
        try:
            return await asyncio.shield(task)
        except _Known:
            self._asked.pop(host, None)  # it may be there next time
            raise

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_PATIENCE):
                # As bytes: for text, Python would have to load a codec, from files this process may not read.
                found = await loop.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            self._tell(host, (), "")
            absent = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
            raise _Known(dnslib.RCODE.NXDOMAIN if absent else dnslib.RCODE.SERVFAIL) from None
        except (TimeoutError, UnicodeError):
            self._tell(host, (), "")
            raise _Known(dnslib.RCODE.SERVFAIL) from None
        all_of_them = dict.fromkeys(ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found)
        refusals = {address: self._destinations.refusal(address, (host,)) for address in all_of_them}
        kept = [one for one, refused in refusals.items() if not refused and one.version in self._families]
        addresses = tuple(
            one for version in (4, 6) for one in [a for a in kept if a.version == version][:MOST_ADDRESSES]
        )
        refused = "" if addresses else next((why for why in refusals.values() if why), "")
        self._tell(host, addresses, refused)
        self._book.enter(host, addresses)
        if refused:
            raise _Known(dnslib.RCODE.NXDOMAIN)
        return addresses

    def _tell(self, host: str, addresses: tuple[Address, ...], refused: str) -> None:
        """Once each: programs ask for the same name for every connection."""
        told = (host, tuple(map(str, addresses)), refused)
        if told not in self._told and len(self._told) <= MOST_NAMES:
            self._told.add(told)
            self._log.write(Resolved(time=time.monotonic(), host=host, addresses=told[1], refused=refused))

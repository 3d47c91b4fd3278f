"""The life of the process between the session and the host's network: names answered, connections carried.

It reads what a hostile program sends, so it gives up every privilege first.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pratique.sandbox import linux
from pratique.sandbox.network import destinations, log
from pratique.sandbox.network.names import Book, Resolver
from pratique.sandbox.network.relay import Relay
from pratique.sandbox.network.wiring import Sockets
from pratique.sandbox.spec import Spec

#: Who the process is when root started it: nobody, by the number every Linux gives them.
NOBODY: Final = 65534
_LOOKUPS: Final = 16  # names looked up at one time


def serve(spec: Spec, channel: socket.socket, written: int, *, ipv6: bool) -> None:
    """Until the keeper closes its end of `channel`, over which the session's sockets come first."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a connection that goes away is no reason to
    reachable = destinations.parse(spec.destinations)
    _give_up_privileges()
    asyncio.run(_work(reachable, channel, log.Writer(written), ipv6=ipv6))


def _give_up_privileges() -> None:
    if os.geteuid() == 0:
        linux.drop_from_bounding_set(frozenset())
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # forgotten with the change
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.set_capabilities(frozenset())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _work(
    reachable: destinations.Destinations, channel: socket.socket, record: log.Writer, *, ipv6: bool
) -> None:
    """Until the keeper closes its end of the channel."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_LOOKUPS))
    channel.setblocking(False)
    sockets = await _receive(channel)
    if sockets is None:
        return
    book = Book()
    relay = Relay(reachable, book, record)
    resolver = Resolver(reachable, book, record, ipv6=ipv6)
    working = [
        asyncio.create_task(resolver.serve(sockets.names)),
        *(asyncio.create_task(relay.serve(listener)) for listener in sockets.listeners),
    ]
    over = asyncio.create_task(loop.sock_recv(channel, 1))
    await asyncio.wait([over, *working], return_when=asyncio.FIRST_COMPLETED)
    for task in working:
        task.cancel()
    await relay.close()
    os._exit(0)  # not waiting for look-ups that nobody will hear the answers of


async def _receive(channel: socket.socket) -> Sockets | None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(channel, readable.set_result, None)
    await readable
    loop.remove_reader(channel)
    _, descriptors, _, _ = socket.recv_fds(channel, 16, 3, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:
        return None
    names, *listeners = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    return Sockets(names, tuple(listeners))

"""The process that stands between a session with an observed network and the host's network.

It is forked before the name spaces are made, and so stays in the host's network; what it is handed later are sockets
that live in the session's (see `service`).
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import NoReturn

from pratique.sandbox import linux
from pratique.sandbox.descriptors import close_all_but
from pratique.sandbox.network import log, wiring
from pratique.sandbox.spec import Spec

_LAST_WORDS = 2.0  # s to write down what was under way when the session ended


class Uplink:
    """As the keeper sees it: started before the name spaces are made, joined after, ended with the session."""

    def __init__(self, pid: int, channel: socket.socket, *, ipv6: bool) -> None:
        self._ended = os.pidfd_open(pid)
        self._pid = pid
        self._channel = channel
        self._ipv6 = ipv6

    def join(self) -> None:
        """Make the network of the caller's new name space and hand its ends over. Raises `OSError`."""
        sockets = wiring.lay(ipv6=self._ipv6)
        ends = [sockets.names, *sockets.listeners]
        socket.send_fds(self._channel, [b"ends"], [end.fileno() for end in ends])
        for end in ends:
            end.close()

    def end(self) -> None:
        """Wait until all is written down, but not for long."""
        self._channel.close()
        if not select.select([self._ended], [], [], _LAST_WORDS)[0]:
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._ended)


def start(spec: Spec) -> Uplink | None:
    """For the keeper, in the host's name spaces; None when the session has no observed network."""
    if spec.network != "observed":
        return None
    ipv6 = has_ipv6()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    written = os.open(spec.place / log.NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _live(spec, theirs, written, keeper, ipv6=ipv6)
    theirs.close()
    os.close(written)
    return Uplink(pid, ours, ipv6=ipv6)


def has_ipv6() -> bool:
    """Whether this machine has a way to the IPv6 Internet: asks the routing table, sends nothing."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 53))
    except OSError:
        return False
    return True


def _live(spec: Spec, channel: socket.socket, written: int, keeper: int, *, ipv6: bool) -> NoReturn:
    try:
        close_all_but(channel.fileno(), written)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:
            # Here, while the keeper goes on: only this process needs what that brings with it.
            from pratique.sandbox.network import service

            service.serve(spec, channel, written, ipv6=ipv6)
    finally:
        os._exit(0)  # whatever happened, the session is without a network now, and safe

"""The session's network name space: it looks like a network with a way out, and every way leads to our sockets.

Nothing is attached to it. Its only interface is loopback, which carries packets to anywhere; the kernel's packet filter
bends each TCP connection to the relay's port and refuses everything else at once. Were the filter to fail, packets
would go round in the loopback and not out.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from pratique.sandbox import linux

#: The session's own addresses: of networks made for documentation and for one site alone (RFC 5737, RFC 4193).
OWN: Final = "198.51.100.2"
OWN_6: Final = "fd6f:7072:6174::2"
#: Where its names are answered: the address systemd-resolved uses, which programs know.
NAME_SERVER: Final = "127.0.0.53"

PACKAGE: Final = "nftables"

# <linux/sockios.h>, <linux/route.h>, <linux/ipv6.h>, <linux/ipv6_route.h>
_SIOCADDRT: Final = 0x890B
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_RTF_UP: Final = 0x1

#: The port after `bend` is the relay's. Replies to the program go to the session's own addresses.
_RULES: Final = """
table inet pratique {{
  chain bend {{
    type nat hook output priority -100; policy accept;
    ip daddr {{ 127.0.0.0/8, {own} }} accept
    ip6 daddr {{ ::1, {own_6} }} accept
    meta l4proto tcp redirect to :{port}
  }}
  chain hold {{
    type filter hook output priority 0; policy drop;
    ip daddr {{ 127.0.0.0/8, {own} }} accept
    ip6 daddr {{ ::1, {own_6} }} accept
    reject with icmpx admin-prohibited
  }}
}}
"""


class Sockets(msgspec.Struct, frozen=True):
    """Of the session's name space, for the relay: who has them can accept what happens in it."""

    names: socket.socket
    listeners: tuple[socket.socket, ...]


def nft() -> str | None:
    """The program that sets the kernel's packet filter."""
    return shutil.which("nft", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def lay(*, ipv6: bool) -> Sockets:
    """Make the network of the calling process's (new) name space. Raises `OSError`."""
    linux.raise_loopback()
    _give_way_out()
    if ipv6:
        _give_way_out_6()
    relay = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listeners = [relay]
    port = relay.getsockname()[1]
    if ipv6:
        listeners.append(socket.create_server(("::1", port), family=socket.AF_INET6, backlog=1024))
    _bend(port)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((NAME_SERVER, 53))
    for one in (names, *listeners):
        one.setblocking(False)
    return Sockets(names, tuple(listeners))


def write_name_server(root: Path) -> None:
    """Let /etc/resolv.conf below `root` name the session's own server, whatever the host's names; nothing is changed.

    `root`/run is the session's own already.
    """
    wanted = "".join(
        line for line in _lines("/etc/resolv.conf") if line.split()[:1] in (["search"], ["domain"], ["options"])
    )
    own = root / "run/pratique/resolv.conf"
    own.parent.mkdir(mode=0o755, exist_ok=True)
    own.write_text(f"nameserver {NAME_SERVER}\n{wanted}")
    own.chmod(0o644)
    real = os.path.realpath("/etc/resolv.conf")
    target = root / real[1:]
    if real.startswith("/run/"):
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to("/run/pratique/resolv.conf")
    elif target.exists():
        linux.bind(str(own), str(target), read_only=True)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8", "replace").splitlines(keepends=True)
    except OSError:
        return []


def _give_way_out() -> None:
    """An address, and a route to everywhere, on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:  # struct ifreq, struct rtentry
        fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16s16s8x", b"lo:1", _sockaddr(OWN)))
        fcntl.ioctl(control, _SIOCSIFNETMASK, struct.pack("16s16s8x", b"lo:1", _sockaddr("255.255.255.255")))
        device = ctypes.create_string_buffer(b"lo")
        to = _sockaddr("0.0.0.0")  # noqa: S104  # anywhere, by any gateway and mask
        route = struct.pack(
            "@L16s16s16sHhLPhPLLH", 0, to, to, to, _RTF_UP, 0, 0, 0, 0, ctypes.addressof(device), 0, 0, 0
        )
        fcntl.ioctl(control, _SIOCADDRT, route + bytes(8))


def _give_way_out_6() -> None:
    loopback = socket.if_nametoindex("lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:  # struct in6_ifreq, struct in6_rtmsg
        own = socket.inet_pton(socket.AF_INET6, OWN_6)
        fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16sIi", own, 128, loopback))
        nothing = bytes(16)
        route = struct.pack("@16s16s16sIHHILIi", nothing, nothing, nothing, 0, 0, 0, 1, 0, _RTF_UP, loopback)
        fcntl.ioctl(control, _SIOCADDRT, route)


def _sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _bend(port: int) -> None:
    program = nft()
    if program is None:
        raise FileNotFoundError(2, f"no nft; the package is called {PACKAGE}", "nft")
    done = subprocess.run(
        [program, "-f", "-"], input=_RULES.format(own=OWN, own_6=OWN_6, port=port), text=True, errors="replace",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=20, preexec_fn=_keep_net_admin,
    )  # fmt: skip
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise OSError(95, f"nft: {said[0]}", "packet filter")  # EOPNOTSUPP


def _keep_net_admin() -> None:
    """A user's program loses what the name space gives its maker, unless it is handed on."""
    linux.keep_over_exec(linux.CAP_NET_ADMIN)

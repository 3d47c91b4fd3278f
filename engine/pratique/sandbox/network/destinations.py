"""What a session with an observed network may reach: names, addresses, and never by accident the host's own network."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

import msgspec
import psutil

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

#: Addresses that are somebody's own network and not the Internet: RFC 6890 and its successors, as far as services
#: listen there; last, IPv6 spellings of IPv4 addresses, which would lead around the others.
_OWN: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/3", "::/96", "fc00::/7", "fe80::/10", "ff00::/8",
        "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
    )
)  # fmt: skip
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


class Destinations(msgspec.Struct, frozen=True):
    """Where a session may go. `names` and `networks` are as written; `local` is what only an exact name may lead to."""

    names: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    local: tuple[Network, ...] = _OWN

    @property
    def anywhere(self) -> bool:
        return "*" in self.globs

    def allow_name(self, host: str) -> bool:
        return host in self.names or any(fnmatch.fnmatchcase(host, glob) for glob in self.globs)

    def refusal(self, address: Address, names: Iterable[str]) -> str:
        """Why this address, to which these names lead, is out of reach; "" when it is not.

        A pattern never opens the host's own network: whoever owns a name decides what address it leads to. A name
        written out does, for a registry within the house.
        """
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if any(address in network for network in self.networks):
            return ""
        allowed = [name for name in names if self.allow_name(name)]
        if not allowed and not self.anywhere:
            return "no name that may be reached leads there"
        if any(address in network for network in self.local) and self.names.isdisjoint(allowed):
            return "it is on this machine's own network"
        return ""


def parse(written: Iterable[str]) -> Destinations:
    """From the policy's spelling: host names, patterns like `*.example.org`, addresses, networks. None: anywhere."""
    names, globs, networks = set(), [], []
    for text in written:
        try:
            networks.append(ipaddress.ip_network(text.strip("[]"), strict=False))
        except ValueError:
            name = _ascii(text)
            if "*" in name or "?" in name:
                globs.append(name)
            else:
                names.add(name)
    if not (names or globs or networks):
        globs = ["*"]
    return Destinations(frozenset(names), tuple(globs), tuple(networks), (*_OWN, *_attached()))


def host_name(text: str) -> str:
    """A name as it is compared; "" when it is none."""
    name = text.rstrip(".").lower()
    return name if _NAME.fullmatch(name) else ""


def _ascii(text: str) -> str:
    name = text.strip().rstrip(".").lower()
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _attached() -> list[Network]:
    """The networks this machine is itself on, whatever their addresses: its own services listen there."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.netmask is None:
                continue
            try:
                bits = int(ipaddress.ip_address(one.netmask)).bit_count()
                found.append(ipaddress.ip_network(f"{one.address.partition('%')[0]}/{bits}", strict=False))
            except ValueError:
                continue  # a hardware address
    return found

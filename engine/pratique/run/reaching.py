"""Where a program wanted to go, and where it waited to be reached, in a few words for the report."""

from __future__ import annotations

from collections.abc import Iterable

from pratique.abridged import abridged
from pratique.events import Event


def notes(events: Iterable[Event], network: str) -> tuple[str, ...]:
    """Connections, without a network as with the host's (to try is evidence, too), and ports it listened on.

    Of an observed network its own summary says more. A connection that only seemed to work is told as such. A plugin's
    event need not have the fields of its kind: without an address there is no place to tell of.
    """
    wanted: dict[str, None] = {}
    listened: dict[str, None] = {}
    for event in events:
        fields = event.fields
        address, port = str(fields.get("address") or ""), fields.get("port")
        if not address or fields.get("loopback") or fields.get("outcome"):
            continue
        # To port 0 nothing is sent: it is how programs ask which way there would be.
        if event.kind == "net.connect" and port:
            wanted[_place(address, port, fields.get("protocol"))] = None
        elif event.kind == "net.listen":
            listened[_place(address, port, fields.get("protocol"))] = None
    out = []
    if wanted and network == "none":
        out.append(f"not reached, for there was no network: {abridged(wanted)}")
    if wanted and network == "host":
        out.append(f"over the host's network: {abridged(wanted)}")
    if listened:
        out.append(f"waited to be connected to, at {abridged(listened)}")
    return tuple(out)


def _place(address: str, port: object, protocol: object) -> str:
    """
    >>> _place("192.0.2.1", 80, "tcp"), _place("2001:db8::1", 53, "udp"), _place("2001:db8::1", None, "tcp")
    ('192.0.2.1:80', '[2001:db8::1]:53 (udp)', '2001:db8::1')
    """
    host = f"[{address}]" if ":" in address and port is not None else address
    return (host if port is None else f"{host}:{port}") + (" (udp)" if protocol == "udp" else "")

"""Where a program without a network wanted to go, in a few words for the report: to try is evidence, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pratique.events import Event

#: Destinations named one by one.
MOST_NAMED: Final = 5


def notes(events: Iterable[Event], network: str) -> tuple[str, ...]:
    """() with a network, whose own summary says it. A connection that only seemed to work is told as such."""
    if network != "none":
        return ()
    wanted: dict[str, None] = {}
    for event in events:
        fields = event.fields
        # To port 0 nothing is sent: it is how programs ask which way there would be.
        if event.kind == "net.connect" and fields.get("port") and not (fields.get("loopback") or fields.get("outcome")):
            wanted[_destination(str(fields["address"]), fields["port"], fields.get("protocol"))] = None
    if not wanted:
        return ()
    more = f" and {len(wanted) - MOST_NAMED} others" if len(wanted) > MOST_NAMED else ""
    return (f"not reached, for there was no network: {', '.join(list(wanted)[:MOST_NAMED])}{more}",)


def _destination(address: str, port: object, protocol: object) -> str:
    """
    >>> _destination("192.0.2.1", 80, "tcp"), _destination("2001:db8::1", 53, "udp")
    ('192.0.2.1:80', '[2001:db8::1]:53 (udp)')
    """
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" + (" (udp)" if protocol == "udp" else "")

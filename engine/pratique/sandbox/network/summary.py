"""What went over a session's network, in a few words for the report."""

from __future__ import annotations

from pathlib import Path

from pratique.abridged import abridged
from pratique.sandbox.network import log


def opened_to(destinations: tuple[str, ...]) -> str:
    """
    >>> opened_to(("pypi.org", "*.pythonhosted.org")), opened_to(("*", "pypi.example"))
    ('network: observed, to pypi.org, *.pythonhosted.org', 'network: observed, to anywhere')
    """
    anywhere = not destinations or "*" in destinations
    return f"network: observed, to {'anywhere' if anywhere else ', '.join(destinations)}"


def notes(path: Path) -> tuple[str, ...]:
    """For a session that has ended; () when nothing was asked of the network."""
    opened = sent = received = 0
    hosts: dict[str, None] = {}
    refused: dict[str, None] = {}
    asked: dict[str, bool] = {}  # by both kinds of address: one of them may be lacking
    full = False
    for record in log.read(path):
        match record:
            case log.Resolved(refused=why) if why:
                refused[record.host or "an impossible name"] = None
            case log.Resolved():
                asked[record.host] = asked.get(record.host, False) or bool(record.addresses)
            case log.Connected(refused=why) if why:
                refused[record.host or f"{record.address}:{record.port}"] = None
            case log.Connected():
                opened += 1
                hosts[record.host or record.address] = None
            case log.Closed():
                sent += record.sent
                received += record.received
            case log.Full():
                full = True
    said = []
    if opened:
        connections = f"{opened} connection{'s' if opened > 1 else ''} to {abridged(hosts)}"
        said.append(f"over the network: {connections}; {_size(sent)} sent, {_size(received)} received")
    if refused:
        said.append(f"not reached, by the network's rule: {abridged(refused)}")
    if unknown := dict.fromkeys(name for name, found in asked.items() if not found):
        said.append(f"asked for, and not found: {abridged(unknown)}")
    if full:
        said.append(f"of the network only the first {log.MOST} names and connections are recorded")
    return tuple(said)


def _size(count: int) -> str:
    """
    >>> _size(999), _size(2048), _size(5_000_000)
    ('999 B', '2 KiB', '4.8 MiB')
    """
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.0f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"

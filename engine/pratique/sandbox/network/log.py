"""What went over the observed network, a line each in a file of the session: written at once, read as it grows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from pratique.events import Event
from pratique.sandbox import growing

NAME: Final = "network.jsonl"
#: Records kept of one session. More than that is somebody trying to fill the disk.
MOST: Final = 200_000


class Resolved(msgspec.Struct, frozen=True, kw_only=True, tag="resolve", omit_defaults=True):
    """A name was asked for. `refused` says why it was not answered; without `addresses` and refusal there are none."""

    time: float  # CLOCK_MONOTONIC
    host: str
    addresses: tuple[str, ...] = ()
    refused: str = ""


class Connected(msgspec.Struct, frozen=True, kw_only=True, tag="connect", omit_defaults=True):
    """A connection was asked for. `host` is what it asked for itself, else the name that led to the address."""

    time: float
    address: str
    port: int
    host: str = ""
    refused: str = ""
    failed: str = ""  # let through, and the other side did not answer


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="close"):
    """A connection that was let through ended."""

    time: float
    address: str
    port: int
    host: str
    sent: int  # bytes, by the program
    received: int


class Full(msgspec.Struct, frozen=True, kw_only=True, tag="full"):
    """No more records are kept."""

    time: float


Record: TypeAlias = Resolved | Connected | Closed | Full

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Record).decode


class Writer:
    """Appends to an open file, each record at once: what is written is known, whatever happens next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = MOST

    def write(self, record: Record) -> None:
        self._left -= 1
        if self._left == 0:
            record = Full(time=record.time)
        if self._left >= 0:
            os.write(self._descriptor, _encode(record) + b"\n")


def follow(path: Path, over: Callable[[], bool]) -> Iterator[Record]:
    """Every record, as it comes, until `over` says that nobody writes any more."""
    return map(_decode, growing.lines(path, over))


def read(path: Path) -> Iterator[Record]:
    """Every record of a session that has ended; none when there is no log."""
    yield from follow(path, lambda: True)


def event(record: Record, *, began: float) -> Event | None:
    """What the policy is told of it; `began` is when the session did, by the same clock. None: nothing."""
    at = max(0.0, record.time - began)
    match record:
        case Resolved(host=host, addresses=addresses, refused=refused):
            return Event("net.resolve", time=at, host=host, address=next(iter(addresses), None), refused=bool(refused))
        case Connected(address=address, port=port, host=host, refused=refused):
            return Event(
                "net.connect", time=at, address=address, port=port, host=host, protocol="tcp", loopback=False,
                refused=bool(refused),
            )  # fmt: skip
    return None

"""Parsing many files: here, or some half of them in a copy of this process when there is much to parse.

The copy shares the texts, which are in memory already, and gives back records, as MessagePack.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

import msgspec

from pratique.policy.parser import Parsed, parse
from pratique.policy.scope import Source

#: Characters from which a second process is worth its while (one parses some 2 to 4 million a second).
MUCH: Final = 300_000
#: The share that is parsed here: the copy has to write its records down besides.
_OURS: Final = 0.55


class Text(msgspec.Struct, frozen=True, array_like=True):
    """A file's name, as shown, and what stands in it."""

    name: str
    text: str


def parse_all(texts: Sequence[Text]) -> list[Source]:
    """Parse these files, in order."""
    total = sum(len(one.text) for one in texts)
    if total >= MUCH and len(os.sched_getaffinity(0)) > 1:
        with contextlib.suppress(OSError, msgspec.MsgspecError):  # no room for a copy, or it was killed: do it alone
            return _by_two(texts, total)
    return [_source(one, parse(one.text, one.name)) for one in texts]


def _by_two(texts: Sequence[Text], total: int) -> list[Source]:
    """Raises `OSError` where there can be no copy, `msgspec.MsgspecError` where it was ended."""
    split, ours_of_it = 0, 0
    while ours_of_it < total * _OURS:
        ours_of_it += len(texts[split].text)
        split += 1
    copy, answer = _in_a_copy(texts[split:])
    try:
        ours = [_source(one, parse(one.text, one.name)) for one in texts[:split]]
        theirs = msgspec.msgpack.decode(answer.read(), type=list[Parsed])
    finally:
        answer.close()  # a copy that still writes ends by that
        os.waitpid(copy, 0)
    return ours + [_source(one, parsed) for one, parsed in zip(texts[split:], theirs, strict=True)]


def _source(one: Text, parsed: Parsed) -> Source:
    return Source(one.name, one.text, parsed)


def _in_a_copy(texts: Sequence[Text]) -> tuple[int, BinaryIO]:
    """The process that parses these, and where its records come from. Raises `OSError`."""
    reading, writing = os.pipe()
    try:
        copy = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if copy:
        os.close(writing)
        return copy, os.fdopen(reading, "rb")
    # Nothing of the caller's may go on here: no handler, no cleaning up, whatever happens.
    try:
        gc.disable()
        os.close(reading)
        with os.fdopen(writing, "wb") as out:
            out.write(msgspec.msgpack.encode([parse(one.text, one.name) for one in texts]))
    finally:
        os._exit(0)

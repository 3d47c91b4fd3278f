"""Parsing many files: here, or half of them in a copy of this process when there is much to parse.

The copy shares the texts, which are in memory already, and gives back records, as MessagePack.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from typing import BinaryIO, Final

import msgspec

from pratique.policy.parser import Parsed, parse
from pratique.policy.scope import Source

#: Characters from which a second process is worth its while (one parses some 2 to 4 million a second).
MUCH: Final = 300_000


class Text(msgspec.Struct, frozen=True, array_like=True):
    """A file's name, as shown, and what stands in it."""

    name: str
    text: str


def parse_all(texts: Sequence[Text]) -> list[Source]:
    """Parse these files, in order."""
    total = sum(len(one.text) for one in texts)
    if total < MUCH or len(os.sched_getaffinity(0)) < 2:
        return [_source(one, parse(one.text, one.name)) for one in texts]
    split, half = 0, 0
    while half < total // 2:
        half += len(texts[split].text)
        split += 1
    copy, answer = _in_a_copy(texts[split:])
    try:
        ours = [_source(one, parse(one.text, one.name)) for one in texts[:split]]
        with answer:
            theirs = msgspec.msgpack.decode(answer.read(), type=list[Parsed])
    except msgspec.MsgspecError:  # it was killed, perhaps for want of memory: do it alone
        return [_source(one, parse(one.text, one.name)) for one in texts]
    finally:
        answer.close()  # a copy that still writes ends by that
        os.waitpid(copy, 0)
    return ours + [_source(one, parsed) for one, parsed in zip(texts[split:], theirs, strict=True)]


def _source(one: Text, parsed: Parsed) -> Source:
    return Source(one.name, one.text, parsed)


def _in_a_copy(texts: Sequence[Text]) -> tuple[int, BinaryIO]:
    """The process that parses these, and where its records come from."""
    reading, writing = os.pipe()
    copy = os.fork()
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

"""Parsing many files: here, or half of them in a second process when there is much to parse.

The helper process is this module itself: it gets texts and gives back records, both as MessagePack.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from pratique.policy.parser import Parsed, parse
from pratique.policy.scope import Source

#: Characters from which a second process is worth its start (it parses some 4 million a second).
MUCH: Final = 600_000


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
    helper = _helper()
    assert helper.stdin is not None and helper.stdout is not None
    try:
        helper.stdin.write(msgspec.msgpack.encode(texts[split:]))
        helper.stdin.close()
        ours = [_source(one, parse(one.text, one.name)) for one in texts[:split]]
        theirs = msgspec.msgpack.decode(helper.stdout.read(), type=list[Parsed])
    except (OSError, msgspec.MsgspecError):  # it was killed, perhaps for want of memory: do it alone
        return [_source(one, parse(one.text, one.name)) for one in texts]
    finally:
        helper.stdout.close()
        helper.wait()
    return ours + [_source(one, parsed) for one, parsed in zip(texts[split:], theirs, strict=True)]


def _source(one: Text, parsed: Parsed) -> Source:
    return Source(one.name, one.text, parsed)


def _helper() -> subprocess.Popen[bytes]:
    search = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "pratique.policies.parsing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": search},
    )


def main() -> None:
    """The helper: texts from standard input, records to standard output."""
    gc.disable()
    texts = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=list[Text])
    sys.stdout.buffer.write(msgspec.msgpack.encode([parse(one.text, one.name) for one in texts]))


if __name__ == "__main__":
    main()

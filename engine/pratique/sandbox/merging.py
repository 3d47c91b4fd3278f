"""Takes one change of a text file out again, and leaves the changes others made to it since: a three-way merge."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final, NamedTuple

#: Larger files are not merged.
LARGEST: Final = 4 * 1024 * 1024


class _Hunk(NamedTuple):
    """Lines `start` to `end` of the common base become `lines`."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def without(before: bytes, installed: bytes, now: bytes) -> bytes | None:
    """`now`, without what turned `before` into `installed`; None where the two cannot be told apart.

    Changes next to each other are told apart: a line that somebody added below ours stays.

    >>> without(b"a\\n", b"a\\nours\\n", b"a\\nours\\ntheirs\\n")
    b'a\\ntheirs\\n'
    >>> without(b"a\\n", b"ours\\n", b"ours, changed\\n") is None
    True
    """
    if max(len(before), len(installed), len(now)) > LARGEST or any(b"\0" in text for text in (before, installed, now)):
        return None
    base = installed.splitlines(keepends=True)
    ours = _hunks(base, before.splitlines(keepends=True))
    theirs = _hunks(base, now.splitlines(keepends=True))
    out: list[bytes] = []
    at = 0
    last: _Hunk | None = None
    for hunk in sorted({*ours, *theirs}):
        if last is not None and (hunk.start < last.end or (hunk.start, hunk.end) == (last.start, last.end)):
            return None
        out += base[at : hunk.start]
        out += hunk.lines
        at, last = hunk.end, hunk
    out += base[at:]
    # A last line without its newline must not run into what follows it now.
    return None if any(not line.endswith(b"\n") for line in out[:-1]) else b"".join(out)


def _hunks(base: Sequence[bytes], other: Sequence[bytes]) -> list[_Hunk]:
    head = 0
    while head < min(len(base), len(other)) and base[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(base), len(other)) - head and base[-1 - tail] == other[-1 - tail]:
        tail += 1
    matcher = difflib.SequenceMatcher(None, base[head : len(base) - tail], other[head : len(other) - tail])
    return [
        _Hunk(head + start, head + end, tuple(other[head + first : head + last]))
        for kind, start, end, first, last in matcher.get_opcodes()
        if kind != "equal"
    ]

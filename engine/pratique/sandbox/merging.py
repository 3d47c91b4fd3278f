"""Takes one change of a text file out again, and leaves the changes others made to it since: a three-way merge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pratique.meaning import shared_files
from pratique.meaning.stretches import stretches

_LARGEST: Final = 4 * 1024 * 1024


def largest(path: str) -> int:
    """Bytes of the longest file of this name that is merged."""
    return shared_files.LARGEST if shared_files.is_record(path) else _LARGEST


class _Hunk(NamedTuple):
    """Parts `start` to `end` of the common base become `parts`."""

    start: int
    end: int
    parts: tuple[bytes, ...]

    @property
    def is_new(self) -> bool:
        return self.start == self.end


def without(before: bytes, installed: bytes, now: bytes, path: str = "") -> bytes | None:
    """`now`, without what turned `before` into `installed`; None where the two cannot be told apart.

    Changes next to each other are told apart: a line that somebody added below ours stays. In files of records, by
    their `path`, records are what is compared: those of two packages have most lines in common, and which of two that
    came to one place stands first makes no difference. Comparing is bounded: two texts of which it would take too long
    are told apart nowhere.

    >>> without(b"a\\n", b"a\\nours\\n", b"a\\nours\\ntheirs\\n")
    b'a\\ntheirs\\n'
    >>> without(b"a\\n", b"ours\\n", b"ours, changed\\n") is None
    True
    """
    texts = (before, installed, now)
    if max(map(len, texts)) > largest(path) or any(b"\0" in text for text in texts):
        return None
    old, base, new = (shared_files.parts(path, text) for text in texts)
    records = shared_files.is_record(path)
    out: list[bytes] = []
    at = 0
    last: _Hunk | None = None
    for hunk in sorted({*_hunks(base, old), *_hunks(base, new)}):
        if last is not None and (hunk.start < last.end or (hunk[:2] == last[:2] and not (records and hunk.is_new))):
            return None
        out += base[at : hunk.start]
        out += hunk.parts
        at, last = hunk.end, hunk
    out += base[at:]
    merged = b"".join(out)
    # A last line without its newline must not run into what follows it now.
    return merged if shared_files.parts(path, merged) == tuple(out) else None


def _hunks(base: Sequence[bytes], other: Sequence[bytes]) -> list[_Hunk]:
    return [
        _Hunk(*where, tuple(other[first:last])) for same, where, (first, last) in stretches(base, other) if not same
    ]

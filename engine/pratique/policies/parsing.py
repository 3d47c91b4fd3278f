"""Parsing many files: here, or some half of them beside this process when there is much to parse."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import msgspec

from pratique.policies.copies import aside
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
    parsed = _by_two(texts) or _parsed(texts)
    return [Source(one.name, one.text, file) for one, file in zip(texts, parsed, strict=True)]


def _by_two(texts: Sequence[Text]) -> list[Parsed]:
    """[]: it is too little."""
    lengths = list(accumulate(len(one.text) for one in texts))
    if not lengths or lengths[-1] < MUCH:
        return []
    split = next(count for count, length in enumerate(lengths, 1) if length >= lengths[-1] * _OURS)
    with aside(lambda: _parsed(texts[split:]), list[Parsed]) as wait:
        ours = _parsed(texts[:split])
        theirs = wait()
    return ours + (_parsed(texts[split:]) if theirs is None else theirs)


def _parsed(texts: Sequence[Text]) -> list[Parsed]:
    return [parse(one.text, one.name) for one in texts]

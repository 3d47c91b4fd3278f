"""A changed file as pieces, each of which can be taken or left by itself.

Both contents are told as tokens: lines, records, members of a list. Where they differ are the pieces, each a run of
tokens that was there before and the run that is there now. Any choice among the pieces is a content of its own: all of
them taken is what the program left, none is what the host had, and the order of choosing makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain, groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import msgspec

from pratique.meaning.stretches import stretches


class Token(NamedTuple):
    """The least that comes or goes. Tokens of one `key` belong to one thing: a user, a package."""

    text: bytes
    key: str = ""
    #: A member of a list: neighbours of this kind are joined by a comma, and the last has none.
    member: bool = False


class Tokens(NamedTuple):
    """A content in tokens. `cut`: its last line has no end, though the token has one."""

    tokens: tuple[Token, ...]
    cut: bool = False

    def content(self) -> bytes:
        out = bytearray()
        after_member = False
        for token in self.tokens:
            if token.member and after_member:
                out += b","
            out += token.text
            after_member = token.member
        return bytes(out[:-1] if self.cut else out)


class Piece(msgspec.Struct, frozen=True):
    before: tuple[Token, ...]
    after: tuple[Token, ...]

    @property
    def key(self) -> str:
        return (self.after or self.before)[0].key


Run: TypeAlias = tuple[Token, ...]

#: Takes one place where the contents differ apart, in order: the pieces' befores joined are the first run, the afters
#: the second.
Splitter: TypeAlias = Callable[[Run, Run], Iterator[Piece]]


class Change(msgspec.Struct, frozen=True):
    """What happened to one file: what stayed and the pieces, in the order of the file."""

    order: tuple[Run | Piece, ...]
    cut_before: bool
    cut_after: bool

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Their places in this sequence are their numbers."""
        return tuple(part for part in self.order if isinstance(part, Piece))

    def without(self, refused: Collection[int]) -> bytes:
        """The content with these pieces not done."""
        kept: list[Run] = []
        number = 0
        last_from = "both"
        for part in self.order:
            if isinstance(part, Piece):
                refuse = number in refused
                run = part.before if refuse else part.after
                number += 1
                if run:
                    last_from = "before" if refuse else "after"
            else:
                run = part
                if run:
                    last_from = "both"
            kept.append(run)
        if last_from == "both":
            last_from = "before" if number and all(one in refused for one in range(number)) else "after"
        tokens = tuple(chain.from_iterable(kept))
        return Tokens(tokens, self._is_cut(tokens, last_from)).content()

    def _is_cut(self, tokens: Run, last_from: str) -> bool:
        """Whether the last line is to have no end: only where it is the one that had none."""
        whole = tuple(chain.from_iterable(_run(part, last_from) for part in self.order))
        cut = self.cut_before if last_from == "before" else self.cut_after
        return cut and bool(tokens) and bool(whole) and whole[-1] == tokens[-1]


def _run(part: Run | Piece, side: str) -> Run:
    if not isinstance(part, Piece):
        return part
    return part.before if side == "before" else part.after


def compare(before: Tokens, after: Tokens, split: Splitter) -> Change:
    """The pieces in which two contents differ."""
    order: list[Run | Piece] = []
    old, new = before.tokens, after.tokens
    for same, (b0, b1), (a0, a1) in stretches(old, new):
        if same:
            order.append(new[a0:a1])
        else:
            order.extend(split(old[b0:b1], new[a0:a1]))
    return Change(tuple(order), before.cut, after.cut)


def by_key(before: Run, after: Run) -> Iterator[Piece]:
    """Splits into what belongs to one thing each; what a thing had is paired with what it has."""
    old = [tuple(run) for _, run in groupby(before, key=attrgetter("key"))]
    new = [tuple(run) for _, run in groupby(after, key=attrgetter("key"))]
    for same, (b0, b1), (a0, a1) in stretches([run[0].key for run in old], [run[0].key for run in new]):
        if same:
            yield from (Piece(was, now) for was, now in zip(old[b0:b1], new[a0:a1], strict=True))
        else:
            yield from (Piece(was, ()) for was in old[b0:b1])
            yield from (Piece((), now) for now in new[a0:a1])

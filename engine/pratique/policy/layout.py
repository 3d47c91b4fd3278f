"""The shape of a policy file for the formatter: blocks of statements, with the comments where they belong.

Made from the tokens, not from the records: so every word is kept as it was written, and a construct that is new to the
grammar needs nothing here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pratique.policy.lexer import Tokens, lex

_ENDS: Final = frozenset({"_SEP", "RBRACE", "$END"})
#: Statements whose braces hold an event's fields, separated by commas.
_EVENTS: Final = frozenset({"MATCH", "NO", "GIVEN"})


class Word(msgspec.Struct):
    """A token other than a separator or a brace."""

    kind: str
    text: str


class Comment(msgspec.Struct):
    """`blank`: an empty line stands before it."""

    text: str
    blank: bool = False


class Statement(msgspec.Struct):
    """`trailing`: the comment behind it on its last line."""

    parts: list[Word | Comment | Block]
    blank: bool = False
    trailing: str = ""


class Block(msgspec.Struct):
    """`{ ... }`. `short`: written on one line. `opening`: the comment behind `{`."""

    items: list[Statement | Comment]
    short: bool = False
    fields: bool = False
    opening: list[str] = []


def layout(text: str) -> Block:
    """The whole file as one block without braces. The text must be one that parses."""
    return _Reader(text, lex(text)).read()


class _Reader:
    def __init__(self, text: str, tokens: Tokens) -> None:
        self.text = text
        self.tokens = tokens
        self.blocks = [Block([])]
        self.outer: list[Statement] = []  # the statement each open block stands in
        self.statement: Statement | None = None
        self.end = 0  # of what was read last
        self.lists = 0
        self.held: list[str] = []  # comments before a `{`

    def read(self) -> Block:
        tokens = self.tokens
        comments = iter([*tokens.comments, (len(self.text) + 1, "")])
        at, comment = next(comments)
        for kind, word, start in zip(tokens.kinds, tokens.words, tokens.starts, strict=True):
            while at < start:
                self._comment(comment, at, kind)
                at, comment = next(comments)
            self._token(kind, word, start)
        while at <= len(self.text):
            self._comment(comment, at, "$END")
            at, comment = next(comments)
        return self.blocks[0]

    def _blank_before(self, at: int) -> bool:
        return bool(self.blocks[-1].items) and self.text.count("\n", self.end, at) > 1

    def _token(self, kind: str, word: str, start: int) -> None:
        block = self.blocks[-1]
        if kind == "LBRACE":
            assert self.statement is not None
            first = self.statement.parts[0]
            rest = self.text[start + 1 :].lstrip(" \t\r")
            fields = isinstance(first, Word) and first.kind in _EVENTS
            inner = Block([], short=rest[:1] not in ("\n", "#"), fields=fields, opening=self.held)
            self.held = []
            self.statement.parts.append(inner)
            self.outer.append(self.statement)
            self.blocks.append(inner)
            self.statement = None
        elif kind == "RBRACE":
            self.blocks.pop()
            self.statement = self.outer.pop()
        elif kind == "_SEP" or (kind == "COMMA" and block.fields and not self.lists):
            self.statement = None
        elif kind != "$END":
            if self.statement is None:
                self.statement = Statement([], blank=self._blank_before(start))
                block.items.append(self.statement)
            self.lists += (kind == "LSQB") - (kind == "RSQB")
            self.statement.parts.append(Word(kind, word))
        if kind != "_SEP":
            self.end = start + len(word)

    def _comment(self, comment: str, at: int, before: str) -> None:
        block = self.blocks[-1]
        own_line = not self.text[self.text.rfind("\n", 0, at) + 1 : at].strip()
        if self.statement is not None and before not in _ENDS:
            if before == "LBRACE":
                self.held.append(comment)
            else:
                self.statement.parts.append(Comment(comment))
        elif own_line:
            self.statement = None
            block.items.append(Comment(comment, self._blank_before(at)))
        elif block.items:
            last = block.items[-1]
            if isinstance(last, Statement) and not last.trailing:
                last.trailing = comment
            else:
                block.items.append(Comment(comment))
        elif len(self.blocks) > 1:
            block.opening.append(comment)
        else:
            block.items.append(Comment(comment))
        self.end = at + len(comment)

"""From text to `syntax.File`: the LALR(1) automaton of grammar/policy.lark, run over the tokens.

When a token fits nowhere, the error is noted, the statement it stands in is dropped, and parsing goes on behind it: a
file with ten mistakes yields ten diagnostics.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache, cached_property
from itertools import accumulate
from typing import Any, Final

import msgspec

from pratique.policy import syntax
from pratique.policy.building import rules
from pratique.policy.diagnostics import Diagnostic, Note
from pratique.policy.expected import acceptable, found, habit, in_words, near_keyword, of_the_header
from pratique.policy.lexer import Tokens, lex
from pratique.policy.limits import ENOUGH, LARGEST
from pratique.policy.model import Location
from pratique.policy.tables import Tables, load

#: What an item of a file begins with.
_BEGINNINGS: Final = frozenset(
    {"POLICY", "PART", "LET", "ACTION", "DISCLOSURE", "UNTICK", "SANDBOX", "TRUST", "REPUTATION", "SIGNATURES"}
    | {"DECIDE", "DISTRIBUTE", "SAMPLES", "SPOOL", "CHANNEL", "ALERT", "OVERRIDE", "DISABLE", "TEST"}
)
#: Mistakes from which on a file that nothing could be read of is looked at again: it may be no policy at all.
_MANY: Final = 5


class Parsed(msgspec.Struct, frozen=True):
    """A file as far as it could be read, and what was wrong with it."""

    file: syntax.File
    diagnostics: tuple[Diagnostic, ...]


class Places:
    """Turns offsets into lines and columns."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins; most files are never asked about."""
        return [0, *accumulate(len(line) + 1 for line in self._text.split("\n")[:-1])]

    def __call__(self, at: int) -> Location:
        lines = self._lines
        line = bisect_right(lines, at)
        return Location(self.file, line, at - lines[line - 1] + 1)


def parse(text: str, file: str = "") -> Parsed:
    """Read one file. Never raises for what the text holds: everything wrong is a diagnostic."""
    nothing = syntax.File(0, (), ())
    if (fault := _unreadable(text)) is not None:
        code, message = fault
        return Parsed(nothing, (Diagnostic(code=code, message=message, where=Location(file, 0, 0)),))
    tokens = lex(text)
    run = _Run(tokens, Places(file, text), load())
    items = run.items()
    if not items and (text.startswith("#!") or _something_else(tokens, len(run.diagnostics))):
        help = 'a policy file begins with: policy NAME "..." { version "1.0.0" }; or with: part of NAME'
        message = "this is no policy file: it does not begin as one, and nothing in it could be read"
        return Parsed(nothing, (Diagnostic(code="P0301", message=message, where=Location(file, 0, 0), help=help),))
    comments = tuple(syntax.Comment(at, word) for at, word in tokens.comments)
    return Parsed(syntax.File(0, items, comments), tuple(run.diagnostics))


def _unreadable(text: str) -> tuple[str, str] | None:
    if "\0" in text:
        return "P0112", "this is not a text file: it holds a NUL byte"
    if len(text) > LARGEST or (len(text) > LARGEST // 4 and len(text.encode("utf-8", "replace")) > LARGEST):
        return "P0113", f"a policy file may have {LARGEST >> 20} MiB; split this one into parts"
    return None


def _something_else(tokens: Tokens, mistakes: int) -> bool:
    """Whether a file of which nothing could be read was never meant to be a policy, and its mistakes say nothing."""
    first = next((at for at, kind in enumerate(tokens.kinds) if kind != "_SEP"), 0)
    if mistakes < _MANY or tokens.kinds[first] in _BEGINNINGS:
        return False
    return not near_keyword(tokens, first, sorted(_BEGINNINGS))


class _Run:
    """One pass over the tokens. The three stacks grow and shrink together."""

    def __init__(self, tokens: Tokens, places: Places, tables: Tables) -> None:
        self.tokens = tokens
        self.places = places
        self.tables = tables
        self.states = [tables.start]
        self.values: list[Any] = []
        self.starts: list[int] = []  # the first token of each symbol on the stack
        self.diagnostics = [
            Diagnostic(code=p.code, message=p.message, where=places(p.at), length=p.length, help=p.help)
            for p in tokens.problems
        ]
        self._failed_at = -1

    def items(self) -> tuple[syntax.Item, ...]:
        """The items of the file, those with errors left out."""
        index = 0
        while True:
            index = self._advance(index)
            if index < 0:
                return self.values[0] if self.values and isinstance(self.values[0], tuple) else ()
            if len(self.diagnostics) >= ENOUGH:
                return ()
            if (index := self._recover(index)) < 0:
                return ()

    def _advance(self, index: int) -> int:
        """Parse from this token; the index of the token that fits nowhere, -1 when all is read."""
        tokens, states, values, starts = self.tokens, self.states, self.values, self.starts
        kinds, at = tokens.kinds, tokens.starts
        moves, gotos = _moves(), self.tables.gotos
        reductions = rules()
        kind = kinds[index]
        while True:
            move = moves[states[-1]].get(kind)
            if move is None:
                return index
            if move >= 0:
                states.append(move)
                values.append(index)
                starts.append(index)
                index += 1
                kind = kinds[index]
                continue
            size, name, build = reductions[~move]
            if size == 1:
                if build is not None:
                    values[-1] = build(values[-1:], at[starts[-1]], tokens)
                if name == "start":
                    return -1
                states[-1] = gotos[states[-2]][name]
                continue
            if size:
                first = starts[-size]
                parts = values[-size:]
                del values[-size:], states[-size:], starts[-size:]
                starts.append(first)
                values.append(build(parts, at[first], tokens))  # type: ignore[misc]
            else:
                starts.append(index)
                values.append(build([], 0, tokens))  # type: ignore[misc]
            if name == "start":
                return -1
            states.append(gotos[states[-1]][name])

    def _recover(self, index: int) -> int:
        """Note the error at this token and drop its statement; the token to go on with, -1 for none."""
        kinds = self.tokens.kinds
        if index == self._failed_at:  # it still fits nowhere: leave it out
            return index + 1 if kinds[index] != "$END" else -1
        self._failed_at = index
        if any(problem.code == "P0111" for problem in self.tokens.problems):
            return -1  # the rest was not read, so what is missing says nothing
        if kinds[index] == "$END":
            self._note_unclosed(index)
            return -1
        begins = index == 0 or kinds[index - 1] in ("_SEP", "LBRACE")
        if begins and kinds[index] in _BEGINNINGS and self.places(self.tokens.starts[index]).column == 1:
            opening = self._outermost_brace()
            if opening is not None:  # a new item at the margin: the block before it was not closed
                self._note_unclosed(index)
                self._drop_from(self._statement(opening))
                return index
        first = self._statement(index)
        if not any(self.tokens.starts[first] <= p.at <= self.tokens.starts[index] for p in self.tokens.problems):
            self._note_unexpected(index, begins)
        self._drop_from(first)
        if self._outermost_brace() is None:
            return self._next_item(index)
        depth = 0
        while (kind := kinds[index]) != "$END":
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0:
                    return index
                depth -= 1
            elif kind == "_SEP" and depth == 0:
                return index + 1
            index += 1
        return index

    def _next_item(self, index: int) -> int:
        """The next token that begins an item of the file: at the margin, or behind a separator."""
        kinds, depth = self.tokens.kinds, 0
        while kinds[index] != "$END":
            depth = max(0, depth + (kinds[index] == "LBRACE") - (kinds[index] == "RBRACE"))
            index += 1
            begins = kinds[index] in _BEGINNINGS and kinds[index - 1] in ("_SEP", "RBRACE")
            if begins and (depth == 0 or self.places(self.tokens.starts[index]).column == 1):
                return index
        return index

    def _statement(self, index: int) -> int:
        """The first token of the statement that this token stands in."""
        kinds, depth = self.tokens.kinds, 0
        while index > 0:
            kind = kinds[index - 1]
            if kind == "RBRACE":
                depth += 1
            elif kind == "LBRACE":
                if depth == 0:
                    break
                depth -= 1
            elif kind == "_SEP" and depth == 0:
                break
            index -= 1
        return index

    def _drop_from(self, first: int) -> None:
        while self.starts and self.starts[-1] >= first:
            self.starts.pop()
            self.values.pop()
            self.states.pop()

    def _outermost_brace(self) -> int | None:
        return next((v for v in self.values if type(v) is int and self.tokens.kinds[v] == "LBRACE"), None)

    def _innermost_brace(self) -> int | None:
        return next((v for v in self.values[::-1] if type(v) is int and self.tokens.kinds[v] == "LBRACE"), None)

    def _note_unclosed(self, index: int) -> None:
        opening = self._innermost_brace()
        if opening is None:
            self._note_unexpected(index, False)
            return
        at = self.tokens.starts
        message = "this block is not closed"
        if self.tokens.kinds[index] == "$END":
            self._note("P0101", message, at[opening], 1, help='it ends with "}"')
        else:
            related = (Note(self.places(at[index]), f"expected }} before this {self.tokens.words[index]}"),)
            self._note("P0101", message, at[opening], 1, related=related)

    def _note_unexpected(self, index: int, begins: bool) -> None:
        tokens, states = self.tokens, self.states
        expected = acceptable(self.tables, states, self.tables.moves[states[-1]])
        what, words = found(tokens, index), in_words(expected)
        message = f"no statement here begins with {what}" if begins and "_SEP" not in expected else ""
        if what == '"}"' and self._outermost_brace() is None:
            message, words = "this } closes nothing", ""
        at = index
        if tokens.kinds[index] == "$END" and index:  # nobody sees an empty line: show what should go on
            at = index - 1
        self._note(
            "P0100",
            message or f"expected {words}; found {what}",
            tokens.starts[at],
            len(tokens.words[at].rstrip("\n")) or 1,
            note=f"expected {words}" if message and words else "",
            help=self._help(index, expected, begins),
        )

    def _help(self, index: int, expected: list[str], begins: bool) -> str:
        word = self.tokens.words[index]
        if not word[:1].isalpha():
            return habit(self.tokens, index)
        near = near_keyword(self.tokens, index, expected)
        at_the_top = begins and self._outermost_brace() is None
        return near or (of_the_header(word) if at_the_top else "")

    def _note(
        self,
        code: str,
        message: str,
        at: int,
        length: int,
        note: str = "",
        help: str = "",
        related: tuple[Note, ...] = (),
    ) -> None:
        self.diagnostics.append(
            Diagnostic(
                code=code, message=message, where=self.places(at), length=length, note=note, help=help, related=related
            )
        )


@cache
def _moves() -> list[dict[str, int]]:
    """The moves of the tables, where a keyword that is none in a state stands for a name."""
    keywords = [kind for word, kind in load().keywords.items() if word[0].isalpha()]
    return [{**dict.fromkeys(keywords, row["NAME"]), **row} if "NAME" in row else row for row in load().moves]

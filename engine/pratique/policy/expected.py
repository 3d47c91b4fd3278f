"""What the parser expected, in the words of a person."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from pratique.policy.lexer import Tokens
from pratique.policy.nearest import did_you_mean, listed, nearest
from pratique.policy.tables import Tables, load

_WORDS: Final = {
    "NAME": "a name",
    "TEXT": "a text in quotes",
    "REGEX": 'a regular expression like re"..."',
    "NUMBER": "a number",
    "DURATION": "a time like 60s or 180d",
    "SIZE": "a size like 50MiB",
    "SHARE": "a share like 5%",
    "_SEP": "a new line",
    "$END": "the end of the file",
}
#: Terminals that together are "a value"; naming them all would bury the rest.
_VALUE: Final = frozenset({"TEXT", "REGEX", "NUMBER", "DURATION", "SIZE", "SHARE", "NAME", "LSQB"})
_COMPARING: Final = frozenset({"EQUAL", "LESSTHAN", "MORETHAN", "IN", "MATCHES", "CONTAINS", "BEGINS", "ENDS"})

#: What begins the statements of a policy's header, and of nothing else.
HEADER: Final = ("extends", "score", "threshold", "unattended", "undesirable", "version")


@cache
def _spelling() -> dict[str, str]:
    return {terminal: word for word, terminal in load().keywords.items()}


def acceptable(tables: Tables, states: list[int], kinds: Iterable[str]) -> list[str]:
    """Those terminals that could really be read next: LALR rows also hold some that end in an error later."""
    return [kind for kind in kinds if _can_shift(tables, states, kind)]


def _can_shift(tables: Tables, states: list[int], kind: str) -> bool:
    stack = list(states)
    while True:
        move = tables.moves[stack[-1]].get(kind)
        if move is None:
            return kind == "$END" and "$END" in tables.moves[stack[-1]]
        if move >= 0:
            return True
        rule = tables.rules[~move]
        if rule.parts:
            del stack[-len(rule.parts) :]
        goto = tables.gotos[stack[-1]].get(rule.name)
        if goto is None:
            return kind == "$END"
        stack.append(goto)
        if kind == "$END" and rule.name == "start":
            return True


def in_words(expected: list[str]) -> str:
    """`a name, "where" or a new line`; words only, when nothing else is expected: `one of: action, let`."""
    spelling = _spelling()
    kinds = set(expected)
    words = []
    if kinds >= _VALUE:
        words.append("a value")
        kinds -= _VALUE
    if kinds >= _COMPARING:
        words.append("a comparison (=, !=, <, <=, >, >=, in, matches, contains, begins with, ends with)")
        kinds -= {kind for kind in kinds if kind in _COMPARING or kind.startswith("__ANON_")}
    if len(kinds) > 1:
        kinds.discard("$END")
    if len(kinds) > 3 and kinds <= spelling.keys() - {"EQUAL", "COMMA"}:
        return f"one of: {', '.join(sorted(spelling[kind] for kind in kinds))}"
    plain = [_WORDS[kind] for kind in _WORDS if kind in kinds]
    quoted = sorted(f'"{spelling[kind]}"' for kind in kinds if kind in spelling)
    return listed([*words, *plain, *quoted], most=30)


def habit(tokens: Tokens, index: int) -> str:
    """A hint for what is written so elsewhere, and otherwise here."""
    kinds, words = tokens.kinds, tokens.words
    if kinds[index] == "EQUAL" and kinds[index - 1] == "EQUAL" and tokens.starts[index] == tokens.starts[index - 1] + 1:
        return "equality is written with one sign: ="
    if kinds[index] == "COMMA" and kinds[index - 1] in _VALUE and kinds[index - 2] in _COMPARING:
        following = words[index + 1] if kinds[index + 1] in _VALUE else "..."
        return f"several values are a list: {words[index - 2]} [{words[index - 1]}, {following}]"
    return ""


def near_keyword(tokens: Tokens, index: int, expected: list[str]) -> str:
    """A hint when the word found is nearly one of those expected."""
    spelling = _spelling()
    return did_you_mean(tokens.words[index], [spelling[kind] for kind in expected if kind in spelling])


def of_the_header(word: str) -> str:
    """A hint when a word that begins a statement at the top of a file begins, or nearly so, one of the header's."""
    near = nearest(word, HEADER)
    return f'"{near}" stands in the header: policy NAME {{ {near} ... }}' if near else ""


def found(tokens: Tokens, index: int) -> str:
    """What stands at this token, for `found ...`."""
    kind, word = tokens.kinds[index], tokens.words[index]
    if kind == "$END":
        return "the end of the file"
    if kind == "_SEP":
        return "the end of the statement"
    if kind in ("TEXT", "REGEX"):
        return (
            f"the text {word if len(word) <= 40 else word[:37] + '...'}" if kind == "TEXT" else "a regular expression"
        )
    return f'"{word if len(word) <= 60 else word[:57] + "..."}"'

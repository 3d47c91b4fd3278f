"""From text to tokens: one regular expression for all of them, made from the patterns the grammar names.

A word that is a keyword somewhere gets that keyword's terminal; the parser takes it for a plain name wherever the
grammar expects no such keyword. Separators that separate nothing are left out here, so that the grammar need not
speak of empty lines.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

import msgspec

from pratique.policy.limits import ENOUGH, NESTING
from pratique.policy.tables import load

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"\\": "\\", '"': '"', "n": "\n", "t": "\t"}
_NO_SEPARATOR_AFTER: Final = frozenset({"LBRACE", "COMMA", "AND", "OR", "NOT", "EQUAL", "_SEP"})
_NO_SEPARATOR_BEFORE: Final = frozenset({"LBRACE", "RBRACE", "AND", "OR", "$END"})
_CLOSES: Final = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}


class Problem(NamedTuple):
    """Something in the text that is no token. `length` characters from `at`."""

    code: str
    at: int
    length: int
    message: str
    help: str = ""


class Tokens(msgspec.Struct):
    """The tokens of a text as three lists of equal length, the last token being `$END`."""

    kinds: list[str]
    words: list[str]
    starts: list[int]
    comments: list[tuple[int, str]]
    problems: list[Problem]


@cache
def _scanner() -> re.Pattern[str]:
    tables = load()
    patterns = tables.patterns
    signs = sorted((word for word in tables.keywords if not word[0].isalpha()), key=len, reverse=True)
    groups = {
        "REGEX": patterns["REGEX"],
        "NAME": patterns["NAME"],
        "_SEP": patterns["_SEP"],
        "sign": "|".join(map(re.escape, signs)),
        "TEXT": patterns["TEXT"],
        **{name: patterns[name] for name in ("DURATION", "SIZE", "SHARE", "NUMBER")},
        "comment": r"\#[^\n]*",
        "end": r"\Z",
        "curly": r"[“”„‟‘’‚‛][^\n“”„‟‘’‚‛]*+[“”„‟‘’‚‛]?",
        "open_text": r"""["'][^\n]*""",
        "quantity": r"-?[0-9][\w.%]*",
        "stray": r"[^ \t\r]",
    }
    # Every blank is followed by one of these, so that no place in the text is tried twice.
    return re.compile(rf"[ \t\r]*+(?:{'|'.join(f'(?P<{name}>{p})' for name, p in groups.items())})", re.ASCII)


def length_of_token(text: str, at: int) -> int:
    """How many characters the token at this offset has (1 when there is none)."""
    match = _scanner().match(text, at)
    if match is None or match.lastgroup is None or match.start(match.lastgroup) != at:
        return 1
    if match.lastgroup == "_SEP":
        return 1
    return max(1, match.end() - at)


def lex(text: str) -> Tokens:
    """All tokens of the text. What is none goes to `problems`; the tokens around it stand."""
    keywords = load().keywords
    kinds: list[str] = []
    words: list[str] = []
    starts: list[int] = []
    tokens = Tokens(kinds, words, starts, [], [])
    opened: list[str] = []
    separator = -1
    in_list = False
    for match in _scanner().finditer(text):
        group = match.lastgroup
        word = match[group]  # type: ignore[index]  # every alternative is a named group
        start = match.end() - len(word)
        if group == "NAME":
            kind = keywords.get(word, "NAME")
        elif group == "_SEP":
            if separator < 0 and not in_list and kinds and kinds[-1] not in _NO_SEPARATOR_AFTER:
                separator = start
            continue
        elif group == "sign":
            kind = keywords[word]
            if kind in ("LBRACE", "RBRACE"):
                while opened and opened[-1] != "LBRACE":  # an unclosed list ends with its block
                    opened.pop()
            if kind in ("LBRACE", "LSQB", "LPAR"):
                opened.append(kind)
                if len(opened) > NESTING:
                    tokens.problems.append(
                        Problem("P0111", start, 1, f"nested more than {NESTING} deep; the rest of the file is not read")
                    )
                    break
            elif kind in _CLOSES and opened and opened[-1] == _CLOSES[kind]:
                opened.pop()
            in_list = bool(opened) and opened[-1] != "LBRACE"
        elif group == "comment":
            tokens.comments.append((start, word.rstrip()))
            continue
        elif group == "end":
            break
        elif group == "TEXT" or group == "REGEX":
            kind = group
            if group == "TEXT" and word[0] == '"' and "\\" in word:
                _check_escapes(word, start, tokens.problems)
        elif group in ("curly", "open_text", "quantity", "stray"):
            tokens.problems.append(_problem(group, word, start))
            if len(tokens.problems) >= ENOUGH:
                break
            if group == "stray":
                continue
            kind = "NUMBER" if group == "quantity" else "TEXT"
        else:
            kind = group  # type: ignore[assignment]
        if separator >= 0:
            if kind not in _NO_SEPARATOR_BEFORE:
                kinds.append("_SEP")
                words.append("\n")
                starts.append(separator)
            separator = -1
        kinds.append(kind)
        words.append(word)
        starts.append(start)
        if group == "open_text" and word.rstrip().endswith("{"):  # most likely the block still opens here
            kinds.append("LBRACE")
            words.append("{")
            starts.append(start + len(word.rstrip()) - 1)
            opened = [*(sign for sign in opened if sign == "LBRACE"), "LBRACE"]
            in_list = False
    kinds.append("$END")
    words.append("")
    starts.append(len(text))
    return tokens


def unquote(word: str) -> str:
    """The text a TEXT token stands for."""
    inner = word[1:-1]
    if word[0] == "'" or "\\" not in inner:
        return inner
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), inner)


def _check_escapes(word: str, start: int, problems: list[Problem]) -> None:
    for escape in _ESCAPE.finditer(word):
        if escape[1] not in _ESCAPES:
            help = f"within double quotes a backslash is written \\\\; or write it in single quotes: '{word[1:-1]}'"
            problems.append(Problem("P0108", start + escape.start(), 2, f"no escape is called {escape[0]}", help))
            return


def _problem(group: str, word: str, start: int) -> Problem:
    if group == "curly":
        message = f"the quotes of policies are straight; this one is {word[0]}"
        return Problem("P0107", start, len(word), message, "write \" or '")
    if group == "open_text":
        return Problem("P0107", start, len(word), "this text is not closed", f"end it with {word[0]} on the same line")
    if group == "quantity":
        return Problem(
            "P0109",
            start,
            len(word),
            f"{word} is neither a number nor a number with a unit",
            "units are ms s m h d for time, B KiB MiB GiB TiB for sizes, % for shares",
        )
    shown = word if word.isprintable() else f"U+{ord(word):04X}"
    return Problem("P0110", start, 1, f"the character {shown} means nothing here")

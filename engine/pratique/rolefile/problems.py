"""What is wrong with a role file, said as a compiler would: the line, a caret under the place, and what to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Line and column count from 1; `width` is how many characters to underline."""

    line: int
    column: int
    width: int = 1


class Problem(NamedTuple):
    place: Place
    message: str
    help: str = ""


class Problems:
    """Problems collected from a document that remembers where its keys and values stood."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def key(self, part: Any, key: Any, message: str, help_text: str = "") -> None:
        """At a key of a mapping."""
        line, column = part.lc.key(key)
        self.found.append(Problem(Place(line + 1, column + 1, len(str(key))), message, help_text))

    def value(self, part: Any, key: Any, message: str, help_text: str = "") -> None:
        """At the value of a key."""
        line, column = part.lc.value(key)
        value = part[key]
        width = len(str(value)) if isinstance(value, str | int | float) else 1
        self.found.append(Problem(Place(line + 1, column + 1, width), message, help_text))

    def item(self, part: Any, number: int, message: str, help_text: str = "") -> None:
        """At an item of a list."""
        line, column = part.lc.item(number)
        value = part[number]
        width = len(str(value)) if isinstance(value, str | int | float) else 1
        self.found.append(Problem(Place(line + 1, column + 1, width), message, help_text))

    def at(self, part: Any, key: Any, message: str, help_text: str = "") -> None:
        """At whatever that key or number is."""
        (self.item if isinstance(part, list) else self.value)(part, key, message, help_text)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean "..."?`, or "" when nothing is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f'did you mean "{near[0]}"?' if near else ""


def render(problems: Sequence[Problem], name: str, text: str) -> str:
    """All problems with their source lines, in the order of the file, and how many they are."""
    lines = text.splitlines()
    out = []
    for problem in sorted(problems, key=lambda problem: problem.place):
        line, column, width = problem.place
        margin = len(str(line))
        out += [f"error: {problem.message}", f"{' ' * margin}--> {name}:{line}:{column}"]
        if line <= len(lines):
            source = lines[line - 1].replace("\t", " ")[:200]
            carets = "^" * max(1, min(width, len(source) - column + 1))
            out += [f"{' ' * margin} |", f"{line} | {source}", f"{' ' * margin} | {' ' * (column - 1)}{carets}"]
        if problem.help:
            out.append(f"{' ' * margin} = help: {problem.help}")
        out.append("")
    total = f"{len(problems)} error{'s' if len(problems) > 1 else ''} in {name}"
    return "\n".join([f"{name} is not a valid role file", "", *out, total])

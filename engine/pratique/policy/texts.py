"""Many conditions on one text, answered together: equal, begins, ends, contains, matches.

Each sort has the cheapest table that can hold it: a dictionary of whole texts, dictionaries of beginnings and endings
by length, and one set automaton for all that is left. Ten thousand entries cost about what a hundred do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar

import re2

from pratique.policy.model import Regex
from pratique.policy.paths import readable

T = TypeVar("T")

#: Answers with the entries whose condition holds; an entry with several conditions may come several times.
Find: TypeAlias = "Callable[[str], Sequence[T]]"

#: Memory for an automaton's states, in bytes: a share for each expression, and enough for the smallest set. RE2 makes
#: states as it meets text and starts over when they fill this, so less memory costs time, never a match.
_BASE_MEMORY: Final = 32 << 20
_MEMORY_EACH: Final = 16 << 10


def options(memory: int = 8 << 20) -> Any:
    """How every expression is read: RE2's own syntax, UTF-8, and silent, for the checker reports mistakes itself."""
    chosen = re2.Options()
    chosen.log_errors = False
    chosen.never_capture = True
    chosen.max_mem = memory
    return chosen


def pattern(regex: Regex) -> str:
    """The expression with its flags written in front."""
    return f"(?{regex.flags}){regex.pattern}" if regex.flags else regex.pattern


def searcher(regexes: Sequence[Regex]) -> Callable[[str], bool]:
    """Whether any of the expressions is found in a text."""
    search = re2.compile("|".join(f"(?:{pattern(regex)})" for regex in regexes), options()).search

    def found(text: str) -> bool:
        return search(readable(text)) is not None

    return found


class TextTable(Generic[T]):
    """Conditions and what each stands for. Fill it, then ask `find()` for the function that answers."""

    def __init__(self) -> None:
        self._exact: dict[str, list[T]] = {}
        self._begins: dict[int, dict[str, list[T]]] = {}
        self._ends: dict[int, dict[str, list[T]]] = {}
        self._searched: dict[str, list[T]] = {}

    def equals(self, text: str, entry: T) -> None:
        self._exact.setdefault(text, []).append(entry)

    def begins(self, text: str, entry: T) -> None:
        self._begins.setdefault(len(text), {}).setdefault(text, []).append(entry)

    def ends(self, text: str, entry: T) -> None:
        self._ends.setdefault(len(text), {}).setdefault(text, []).append(entry)

    def contains(self, text: str, entry: T) -> None:
        self.searched(re2.escape(readable(text)), entry)

    def searched(self, expression: str, entry: T) -> None:
        """An expression found anywhere in the text."""
        self._searched.setdefault(expression, []).append(entry)

    def find(self) -> Find[T]:
        """The function that answers, made of only the tables that hold something. Do not fill the table afterwards."""
        finders: list[Find[T]] = []
        if self._exact:
            exact = {text: tuple(entries) for text, entries in self._exact.items()}
            finders.append(lambda text, get=exact.get: get(text, ()))  # type: ignore[misc]
        if self._begins:
            finders.append(_by_beginning(dict(sorted(self._begins.items()))))
        if self._ends:
            finders.append(_by_ending(dict(sorted(self._ends.items()))))
        if self._searched:
            finders.append(_by_search(self._searched))
        return finders[0] if len(finders) == 1 else _together(tuple(finders))


def _together(finders: tuple[Find[T], ...]) -> Find[T]:
    def find(text: str) -> Sequence[T]:
        out: list[T] = []
        for one in finders:
            out += one(text)
        return out

    return find


def _by_beginning(tables: dict[int, dict[str, list[T]]]) -> Find[T]:
    sized = tuple((size, table.get) for size, table in tables.items())

    def find(text: str) -> Sequence[T]:
        out: list[T] = []
        for size, get in sized:
            found = get(text[:size])
            if found is not None:
                out += found
        return out

    return find


def _by_ending(tables: dict[int, dict[str, list[T]]]) -> Find[T]:
    sized = tuple((-size, table.get) for size, table in tables.items() if size)
    every = tuple(tables.get(0, {}).get("", ()))

    def find(text: str) -> Sequence[T]:
        out: list[T] = [*every]
        for size, get in sized:
            found = get(text[size:])
            if found is not None:
                out += found
        return out

    return find


def _by_search(expressions: dict[str, list[T]]) -> Find[T]:
    automaton = re2.Set.SearchSet(options(_BASE_MEMORY + _MEMORY_EACH * len(expressions)))
    entries: list[tuple[T, ...]] = []
    for expression, own in expressions.items():
        automaton.Add(expression)
        entries.append(tuple(own))
    automaton.Compile()
    # The wrapper's Match encodes and looks for bytes each time; what it wraps takes bytes at once.
    match = automaton._set.Match

    def find(text: str) -> Sequence[T]:
        try:
            numbers = match(text.encode())
        except UnicodeEncodeError:
            numbers = match(readable(text).encode())
        if not numbers:
            return ()
        return [entry for number in sorted(numbers) for entry in entries[number]]

    return find

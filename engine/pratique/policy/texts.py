"""Many conditions on one text, answered together: equal, begins, ends, contains, matches.

Each sort has the cheapest table that can hold it: a dictionary of whole texts, dictionaries of beginnings and endings
by length, and one set automaton for all that is left. Ten thousand entries cost about what a hundred do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import re2

from pratique.policy.paths import readable
from pratique.policy.searches import Find, SearchTable

T = TypeVar("T")


class TextTable(Generic[T]):
    """Conditions and what each stands for. Fill it, then ask `find()` for the function that answers."""

    def __init__(self) -> None:
        self._exact: dict[str, list[T]] = {}
        self._begins: dict[int, dict[str, list[T]]] = {}
        self._ends: dict[int, dict[str, list[T]]] = {}
        self._extensions: dict[str, list[T]] = {}
        self._searches: SearchTable[T] = SearchTable()

    def equals(self, text: str, entry: T) -> None:
        self._exact.setdefault(text, []).append(entry)

    def begins(self, text: str, entry: T) -> None:
        self._begins.setdefault(len(text), {}).setdefault(text, []).append(entry)

    def ends(self, text: str, entry: T) -> None:
        if text.rfind(".") == 0:  # an extension: one look, whatever its length
            self._extensions.setdefault(text[1:], []).append(entry)
        else:
            self._ends.setdefault(len(text), {}).setdefault(text, []).append(entry)

    def contains(self, text: str, entry: T) -> None:
        self.searched(re2.escape(readable(text)), entry)

    def searched(self, expression: str, entry: T) -> None:
        """An expression found anywhere in the text."""
        self._searches.add(expression, entry)

    def find(self) -> Find[T] | None:
        """The function that answers, of only the tables that hold something; None: none does. Then fill no more."""
        finders: list[Find[T]] = []
        if self._exact:
            finders.append(_exactly(self._exact))
        if self._extensions:
            finders.append(_by_extension(self._extensions))
        if self._begins:
            finders.append(_by_beginning(self._begins))
        if self._ends:
            finders.append(_by_ending(self._ends))
        if self._searches:
            finders.append(self._searches.find())
        if not finders:
            return None
        return finders[0] if len(finders) == 1 else _together(tuple(finders))


def _together(finders: tuple[Find[T], ...]) -> Find[T]:
    def find(text: str) -> Sequence[T]:
        out: list[T] = []
        for one in finders:
            out += one(text)
        return out

    return find


def _exactly(table: dict[str, list[T]]) -> Find[T]:
    get = table.get
    return lambda text: get(text, ())


def _by_extension(table: dict[str, list[T]]) -> Find[T]:
    get = table.get

    def find(text: str) -> Sequence[T]:
        _, dot, extension = text.rpartition(".")
        return get(extension, ()) if dot else ()

    return find


def _by_beginning(tables: dict[int, dict[str, list[T]]]) -> Find[T]:
    sized = tuple((size, tables[size].get) for size in sorted(tables))

    def find(text: str) -> Sequence[T]:
        out: list[T] = []
        for size, get in sized:
            found = get(text[:size])
            if found is not None:
                out += found
        return out

    return find


def _by_ending(tables: dict[int, dict[str, list[T]]]) -> Find[T]:
    sized = tuple((size, tables[size].get) for size in sorted(tables))

    def find(text: str) -> Sequence[T]:
        out: list[T] = []
        length = len(text)
        for size, get in sized:
            if size > length:
                break
            found = get(text[length - size :])
            if found is not None:
                out += found
        return out

    return find

"""Which conditions an event can meet at all, found by looking up its fields instead of asking every condition.

A condition is split into branches; each branch has one *key*, the part of it that is cheapest to look up, and the
rest, which is asked only when the key is found. A branch without a key (`not loopback`, `path = target`) is asked for
every event of the kind, but once for all the conditions that say the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar

import re2

from pratique.policy.globs import GlobTable
from pratique.policy.match import Predicate, address, is_number, network, predicate
from pratique.policy.model import (
    Always,
    And,
    Condition,
    Contains,
    Equals,
    Flag,
    Globs,
    Matches,
    OneOf,
    Or,
    Order,
    Within,
)
from pratique.policy.paths import escape, expand, readable
from pratique.policy.searches import SearchTable, pattern
from pratique.policy.texts import TextTable

T = TypeVar("T")

#: What a key leads to: somebody who waits for it, and the rest of the condition (None: nothing more is asked).
Entry: TypeAlias = "tuple[T, Predicate | None]"
Look: TypeAlias = "Callable[[Any], Sequence[Entry[T]]]"
#: A function from many values to (index of the value, entries) for those that are keys; a value may come twice.
LookAmong: TypeAlias = "Callable[[Sequence[Any]], Iterable[tuple[int, Sequence[Entry[T]]]]]"

Key: TypeAlias = Equals | OneOf | Globs | Contains | Matches | Within | Flag | Order

#: The cheaper to look up and the rarer to be found, the earlier.
_RANKS: Final[dict[type, int]] = {Equals: 0, OneOf: 0, Globs: 1, Within: 3, Matches: 4, Flag: 6, Order: 7}
_NO_KEY: Final = 9


def rank(condition: Condition) -> int:
    """How good a key the condition has: 0 the best, 9 none."""
    match condition:
        case And(terms=terms):
            return min(map(rank, terms), default=_NO_KEY)
        case Or(terms=terms):
            return max(map(rank, terms), default=_NO_KEY)
        case Equals(value=bool()):
            return 6
        case Contains(how=how):
            return 5 if how == "contains" else 2
        case _:
            return _RANKS.get(type(condition), _NO_KEY)


def branches(condition: Condition) -> Iterator[tuple[Key | None, Condition | None]]:
    """The (key, rest) pairs of which one must hold; rest None: nothing more is asked."""
    match condition:
        case Or(terms=terms):
            for term in terms:
                yield from branches(term)
        case And(terms=terms) if rank(condition) < _NO_KEY:
            best = min(range(len(terms)), key=lambda at: rank(terms[at]))
            others = (*terms[:best], *terms[best + 1 :])
            for key, rest in branches(terms[best]):
                yield key, _joined((*others, rest) if rest is not None else others)
        case Always():
            yield None, None
        case _ if rank(condition) < _NO_KEY:
            yield condition, None  # type: ignore[misc]  # what has a rank, and is no And or Or, is a key
        case _:
            yield None, condition


def _joined(terms: tuple[Condition, ...]) -> Condition | None:
    return None if not terms else terms[0] if len(terms) == 1 else And(terms=terms)


class FieldIndex(Generic[T]):
    """Every key on one field."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._globs: dict[bool, GlobTable[Entry[T]]] = {}
        self._texts: dict[bool, TextTable[Entry[T]]] = {}
        self._searches: SearchTable[Entry[T]] = SearchTable()
        self._values: dict[float, list[Entry[T]]] = {}
        self._flags: dict[bool, list[Entry[T]]] = {}
        self._bounds: dict[str, list[tuple[float, Entry[T]]]] = {}
        self._networks: dict[tuple[int, int], dict[int, list[Entry[T]]]] = {}

    def add(self, key: Key, entry: Entry[T]) -> None:
        match key:
            case Equals(value=value, fold=fold):
                self._add_value(value, fold, entry)
            case OneOf(values=values, fold=fold):
                for value in values:
                    self._add_value(value, fold, entry)
            case Globs(globs=globs, fold=fold):
                if fold not in self._globs:
                    self._globs[fold] = GlobTable(fold)
                for glob in globs:
                    for alternative in expand(glob, self._home):
                        self._globs[fold].add(alternative, entry)
            case Contains(how="contains", value=value, fold=False):
                self._searches.add(re2.escape(readable(value)), entry)
            case Contains(how=how, value=value, fold=fold):
                table = self._text(fold)
                add = {"begins": table.begins, "ends": table.ends, "contains": table.contains}[how]
                add(value.lower() if fold else value, entry)
            case Matches(regexes=regexes):
                for regex in regexes:
                    self._searches.add(pattern(regex), entry)
            case Within(networks=networks):
                for text in networks:
                    net = network(text)
                    table_of = self._networks.setdefault((net.version, net.max_prefixlen - net.prefixlen), {})
                    table_of.setdefault(int(net.network_address) >> (net.max_prefixlen - net.prefixlen), []).append(
                        entry
                    )
            case Flag():
                self._flags.setdefault(True, []).append(entry)
            case Order(op=op, value=value):
                self._bounds.setdefault(op, []).append((value, entry))

    def _text(self, fold: bool) -> TextTable[Entry[T]]:
        if fold not in self._texts:
            self._texts[fold] = TextTable()
        return self._texts[fold]

    def _add_value(self, value: str | float | bool, fold: bool, entry: Entry[T]) -> None:
        if isinstance(value, str) and value.startswith("/") and not fold:  # most likely of a field that has globs too
            self.add(Globs("", (escape(value),)), entry)
        elif isinstance(value, str):
            self._text(fold).equals(value.lower() if fold else value, entry)
        elif isinstance(value, bool):
            self._flags.setdefault(value, []).append(entry)
        else:
            self._values.setdefault(value, []).append(entry)

    def tables(self) -> Iterator[tuple[type, LookAmong[T]]]:
        """The functions that look values up, each with the type of values it can be given."""
        for globs in self._globs.values():
            yield str, globs.find_among()
        for fold, texts in self._texts.items():
            find = texts.find()
            if find is not None:
                yield str, _each(_folded(find) if fold else find)
        if self._searches:
            yield str, self._searches.find_among()
        if self._networks:
            yield str, _each(_networks(self._networks))
        if self._flags:
            yield bool, _each(lambda value: self._flags.get(value, ()))
        if self._values or self._bounds:
            look = _each(_numbers(self._values, self._bounds))
            yield int, look
            yield float, look


def _each(look: Look[T]) -> LookAmong[T]:
    """Look up one value after another."""

    def among(values: Sequence[Any]) -> Iterator[tuple[int, Sequence[Entry[T]]]]:
        for at, value in enumerate(values):
            found = look(value)
            if found:
                yield at, found

    return among


def _folded(find: Look[T]) -> Look[T]:
    return lambda text: find(text.lower())


def _networks(tables: dict[tuple[int, int], dict[int, list[Entry[T]]]]) -> Look[T]:
    def look(text: str) -> Sequence[Entry[T]]:
        found = address(text)
        if found is None:
            return ()
        number = int(found)
        return [
            entry
            for (version, shift), table in tables.items()
            if version == found.version
            for entry in table.get(number >> shift, ())
        ]

    return look


def _numbers(values: dict[float, list[Entry[T]]], bounds: dict[str, list[tuple[float, Entry[T]]]]) -> Look[T]:
    ordered = {op: sorted(pairs, key=lambda pair: pair[0]) for op, pairs in bounds.items()}
    tables = [(op, [bound for bound, _ in pairs], [entry for _, entry in pairs]) for op, pairs in ordered.items()]

    def look(value: float) -> Sequence[Entry[T]]:
        out = list(values.get(value, ()))
        for op, limits, entries in tables:
            match op:
                case ">":  # value > bound: the bounds below it
                    out += entries[: bisect_left(limits, value)]
                case ">=":
                    out += entries[: bisect_right(limits, value)]
                case "<":
                    out += entries[bisect_right(limits, value) :]
                case _:
                    out += entries[bisect_left(limits, value) :]
        return out if is_number(value) else ()

    return look


class KindIndex(Generic[T]):
    """Every condition on events of one kind."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._predicates: dict[Condition, Predicate] = {}  # the same condition becomes one function
        self._fields: dict[str, FieldIndex[T]] = {}
        self._always: list[T] = []
        self._asked: dict[Condition, list[T]] = {}

    def add(self, condition: Condition, waiting: T) -> None:
        """Let `waiting` be found by events for which the condition holds."""
        for key, rest in branches(condition):
            if key is not None:
                test = None if rest is None else self._predicate(rest)
                if key.field not in self._fields:
                    self._fields[key.field] = FieldIndex(self._home)
                self._fields[key.field].add(key, (waiting, test))
            elif rest is None:
                self._always.append(waiting)
            else:
                self._asked.setdefault(rest, []).append(waiting)

    def _predicate(self, condition: Condition) -> Predicate:
        known = self._predicates.get(condition)
        if known is None:
            known = self._predicates[condition] = predicate(condition, self._home)
        return known

    def columns(self) -> tuple[tuple[str, tuple[tuple[type, LookAmong[T]], ...]], ...]:
        """For each field, its tables: (type of value, function that looks many up)."""
        return tuple((field, tuple(index.tables())) for field, index in self._fields.items())

    def asked(self) -> tuple[tuple[Predicate | None, tuple[T, ...]], ...]:
        """What must be asked of every event, and who waits for it; None: nothing is asked."""
        always: Iterable[tuple[Predicate | None, tuple[T, ...]]] = [(None, tuple(self._always))] if self._always else []
        return (*always, *((self._predicate(condition), tuple(who)) for condition, who in self._asked.items()))

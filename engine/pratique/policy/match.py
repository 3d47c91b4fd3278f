"""One condition as a function of an event's fields.

A comparison with a field the event does not carry (absent, or None) is false, and so `not` of it is true: an observer
that cannot know who owns a file says nothing, and `not by_package_manager` then holds. A value of the wrong type is
treated as absent. Nothing here is generated or evaluated from text: a condition becomes plain nested functions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

from pratique.events import COMMON_FIELDS, FieldValue
from pratique.policy.globs import GlobTable
from pratique.policy.model import (
    Always,
    And,
    Condition,
    Contains,
    Equals,
    Flag,
    Globs,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    SameAs,
    Within,
)
from pratique.policy.paths import expand
from pratique.policy.searches import searcher

Fields: TypeAlias = Mapping[str, FieldValue]
Predicate: TypeAlias = Callable[[Fields], bool]

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def predicate(condition: Condition, home: str) -> Predicate:
    """The function that says whether the condition holds. Raises `GlobError` for a glob that cannot be."""
    match condition:
        case And(terms=terms):
            return _all([predicate(term, home) for term in terms])
        case Or(terms=terms):
            return _any([predicate(term, home) for term in terms])
        case Not(term=term):
            return _not(predicate(term, home))
        case Always():
            return lambda fields: True
        case Flag(field=field):
            return lambda fields: fields.get(field) is True
        case Equals(field=field, value=value, fold=fold):
            return _equals(field, (value,), fold)
        case OneOf(field=field, values=values, fold=fold):
            return _equals(field, values, fold)
        case Order(field=field, op=op, value=value):
            return _order(field, _ORDER[op], value)
        case Globs(field=field, globs=globs, fold=fold):
            return _globs(field, globs, fold, home)
        case Matches(field=field, regexes=regexes):
            return _on_text(field, searcher(regexes))
        case Contains(field=field, how=how, value=value, fold=fold):
            return _contains(field, how, value, fold)
        case Within(field=field, networks=networks):
            return _on_text(field, within(networks))
        case SameAs(field=field, other=other):
            return lambda fields: fields.get(field) is not None and fields.get(field) == fields.get(other)


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(part(fields) for part in parts)


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    return lambda fields: any(part(fields) for part in parts)


def _not(part: Predicate) -> Predicate:
    return lambda fields: not part(fields)


def _on_text(field: str, test: Callable[[str], bool]) -> Predicate:
    def holds(fields: Fields) -> bool:
        value = fields.get(field)
        return isinstance(value, str) and test(value)

    return holds


def _equals(field: str, values: tuple[str | float | bool, ...], fold: bool) -> Predicate:
    texts = frozenset(value.lower() if fold else value for value in values if isinstance(value, str))
    flags = frozenset(value for value in values if isinstance(value, bool))
    numbers = frozenset(value for value in values if is_number(value))

    def holds(fields: Fields) -> bool:
        value = fields.get(field)
        if isinstance(value, str):
            return (value.lower() if fold else value) in texts
        if isinstance(value, bool):
            return value in flags
        return value is not None and value in numbers

    return holds


def is_number(value: FieldValue) -> bool:
    """A number, and not a flag, which Python counts among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(field: str, compare: Callable[[Any, Any], bool], bound: float) -> Predicate:
    def holds(fields: Fields) -> bool:
        value = fields.get(field)
        return is_number(value) and compare(value, bound)

    return holds


def _globs(field: str, globs: tuple[str, ...], fold: bool, home: str) -> Predicate:
    table: GlobTable[bool] = GlobTable(fold)
    for glob in globs:
        for alternative in expand(glob, home):
            table.add(alternative, True)
    find = table.find(kept=1000)
    return _on_text(field, lambda path: bool(find(path)))


def _contains(field: str, how: str, text: str, fold: bool) -> Predicate:
    sought = text.lower() if fold else text

    def test(value: str) -> bool:
        text = value.lower() if fold else value
        if how == "contains":
            return sought in text
        return text.startswith(sought) if how == "begins" else text.endswith(sought)

    return _on_text(field, test)


Network: TypeAlias = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """An address or a network; bits beyond the mask are let pass. Raises `ValueError`."""
    return ip_network(text, strict=False)


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one also when it is written within IPv6; None when the text is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def within(networks: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether an address lies within any of the networks."""
    known = tuple(network(text) for text in networks)

    def test(text: str) -> bool:
        found = address(text)
        return found is not None and any(found in one for one in known)

    return test


def fields_of(condition: Condition) -> Iterator[str]:
    """The names of the fields a condition looks at."""
    match condition:
        case And(terms=terms) | Or(terms=terms):
            for term in terms:
                yield from fields_of(term)
        case Not(term=term):
            yield from fields_of(term)
        case SameAs(field=field, other=other):
            yield field
            yield other
        case Always():
            return
        case _:
            yield condition.field


def needs_common(condition: Condition) -> bool:
    """Whether a condition asks who did it: fields every event has besides its own."""
    return any(field in COMMON_FIELDS for field in fields_of(condition))

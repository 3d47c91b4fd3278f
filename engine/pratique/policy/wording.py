"""Conditions, triggers and events in the words of the language, for explanations."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.events import FieldValue, is_mode
from pratique.policy import modes
from pratique.policy.model import (
    Always,
    And,
    Condition,
    Contains,
    Count,
    Equals,
    Flag,
    Globs,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    Regex,
    SameAs,
    Sequence,
    Single,
    Step,
    Trigger,
    Within,
)

#: Items of a list that are written out; the rest is counted.
_SHOWN = 4


def condition(given: Condition) -> str:
    """A condition as one would write it.

    >>> condition(And((Globs("path", ("~/.bashrc",)), Not(Flag("by_package_manager")))))
    'path matches "~/.bashrc" and not by_package_manager'
    """
    match given:
        case And(terms=terms):
            return " and ".join(_inner(term) for term in terms)
        case Or(terms=terms):
            return " or ".join(_inner(term) for term in terms)
        case Not(term=term):
            return f"not {_inner(term)}"
        case Always():
            return "always"
        case Flag(field=field):
            return field
        case Equals(field=field, value=value, octal=octal):
            return f"{field} = {constant(value, octal=octal)}"
        case Order(field=field, op=op, value=value, octal=octal):
            return f"{field} {op} {constant(value, octal=octal)}"
        case OneOf(field=field, values=values, octal=octal):
            return f"{field} in {_list([constant(value, octal=octal) for value in values])}"
        case Globs(field=field, globs=globs):
            quoted = [constant(glob) for glob in globs]
            return f"{field} matches {quoted[0]}" if len(quoted) == 1 else f"{field} in {_list(quoted)}"
        case Matches(field=field, regexes=regexes):
            return f"{field} matches {', '.join(regex(one) for one in regexes)}"
        case Contains(field=field, how=how, value=value):
            return f"{field} {how if how == 'contains' else f'{how} with'} {constant(value)}"
        case Within(field=field, networks=networks):
            return f"{field} in {_list([constant(one) for one in networks])}"
        case SameAs(field=field, other=other):
            return f"{field} = {other}"


def _inner(term: Condition) -> str:
    text = condition(term)
    return f"({text})" if isinstance(term, And | Or) else text


def _list(items: list[str]) -> str:
    more = len(items) - _SHOWN
    shown = items if more <= 1 else [*items[:_SHOWN], f"... {more} more"]
    return f"[{', '.join(shown)}]"


def constant(value: FieldValue, *, octal: bool = False) -> str:
    """A value as it is written: texts in quotes, whole numbers without a point, modes of files in octal."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if octal and value == value // 1:
        return modes.shown(value)
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}" if value == int(value) else repr(value)


def regex(given: Regex) -> str:
    """An expression as it is written."""
    return f're"{given.pattern}"{given.flags}'


def step(given: Step) -> str:
    """`file.write where path matches "..."`"""
    kinds = ", ".join(given.kinds)
    return kinds if isinstance(given.where, Always) else f"{kinds} where {condition(given.where)}"


def trigger(given: Trigger) -> str:
    """`on ...`, in one line."""
    match given:
        case Single(step=one):
            return f"on {step(one)}"
        case Count(at_least=at_least, step=one, by=by, within=within):
            return f"on {at_least} or more {step(one)} by {by}{_within(within)}"
        case Sequence(steps=steps, by=by, within=within):
            return f"on sequence by {by}{_within(within)}: {'; then '.join(step(one) for one in steps)}"


def _within(seconds: float | None) -> str:
    return "" if seconds is None else f" within {seconds:g}s"


def event(kind: str, fields: Mapping[str, FieldValue]) -> str:
    """`file.write path "/x", size 3`: an event in a line; long texts are cut, paths hardly; empty ones left out."""
    parts = (
        f"{name} {_cut(constant(value, octal=is_mode(kind, name)), 400 if str(value).startswith('/') else 80)}"
        for name, value in fields.items()
        if value not in (None, "")
    )
    return f"{kind} {', '.join(parts)}".rstrip()


def _cut(text: str, longest: int) -> str:
    line = text.replace("\n", " | ")
    return line if len(line) <= longest else f'{line[: longest - 4]}..."'

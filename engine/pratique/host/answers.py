"""What each hook may answer, read from its declaration in `hookspecs`: a wrong answer is noticed here, once.

msgspec's records do not check their fields when they are made, so a record is checked in depth.
"""

from __future__ import annotations

import collections.abc
import math
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from pratique import hookspecs
from pratique.events import EventKind, Field
from pratique.policy import paths

#: Seconds each hook may take, as its docstring says; None: as long as it likes, in the caller's own thread.
BUDGETS: Final[dict[str, float | None]] = {
    "event_kinds": 1, "identify": 10, "launch": 5, "reputation": 0.2, "scan": 30, "observe": 30, "agents": 5,
    "companions": 5, "surface": 5, "ask": None, "remedies": 1, "after_commit": 5, "may_stay": 1, "transport": 10,
    "services": 5, "commands": 1, "pages": 1, "alert_channels": 1,
}  # fmt: skip


class Shape(typing.NamedTuple):
    """`item` is one value's class; `how` it comes: one value, a list of them, or an iterator that is run elsewhere."""

    item: type[Any]
    how: typing.Literal["one", "many", "iterator"]

    def __str__(self) -> str:
        return {
            "one": self.item.__name__,
            "many": f"a list of {self.item.__name__}",
            "iterator": f"an iterator of {self.item.__name__} (use yield)",
        }[self.how]


@cache
def shape(hook: str) -> Shape:
    """What the hook declares to return. Raises `KeyError` for a hook that does not exist."""
    declared = typing.get_type_hints(vars(hookspecs.Hooks)[hook])["return"]
    if typing.get_origin(declared) in (typing.Union, type(int | None)):
        declared = next(one for one in typing.get_args(declared) if one is not type(None))
    origin = typing.get_origin(declared)
    if origin is collections.abc.Sequence:
        return Shape(typing.get_args(declared)[0], "many")
    if origin is collections.abc.Iterator:
        return Shape(typing.get_args(declared)[0], "iterator")
    return Shape(declared, "one")


def fault(hook: str, value: object) -> str:
    """Why this is no answer to the hook, in words; "" when it is one. None ("nothing to say") is not asked about."""
    expected = shape(hook)
    if expected.how == "iterator":
        return "" if isinstance(value, Iterator) else f"expected {expected}, found {_called(value)}"
    if expected.how == "one":
        return _item_fault(expected.item, value)
    if not isinstance(value, list | tuple):
        return f"expected {expected}, found {_called(value)}"
    for number, item in enumerate(value, 1):
        if problem := _item_fault(expected.item, item):
            return f"{problem} (number {number} of the list)"
    return ""


def _called(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _item_fault(expected: type[Any], value: object) -> str:
    name = expected.__name__
    if expected is EventKind:
        return _kind_fault(value)
    if not issubclass(expected, msgspec.Struct):  # a protocol: it has what the protocol has
        missing = sorted(
            member for member in _members(typing.cast(typing.Hashable, expected)) if not hasattr(value, member)
        )
        return f"expected {name}, found {_called(value)} without {', '.join(missing)}" if missing else ""
    if not isinstance(value, expected):
        return f"expected {name}, found {_called(value)}"
    notes = expected.__annotations__
    if any(note.startswith("Callable") for note in notes.values()):
        for field, note in notes.items():
            found = getattr(value, field)
            right, what = (callable(found), "a function") if note.startswith("Callable") else (_is_text(found), "text")
            if not right:
                return f"expected {name} whose {field} is {what}, found {_called(found)}"
        return ""
    try:
        plain = msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))
        msgspec.convert(plain, expected)
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError, OverflowError) as error:
        return f"expected {name}, found one that is wrong inside: {error}"
    return _sense_fault(value)


def _sense_fault(value: object) -> str:
    """Numbers of the right type that still make no sense would spoil a comparison or a total."""
    if isinstance(value, hookspecs.Facts) and not 0 <= value.certainty <= 1:
        return f"expected Facts whose certainty is from 0 to 1, found {value.certainty}"
    if isinstance(value, hookspecs.Opinion) and not math.isfinite(value.weight):
        return f"expected Opinion whose weight is a number, found {value.weight}"
    if isinstance(value, hookspecs.Launch) and not value.command:
        return "expected Launch whose command names a program, found an empty one"
    if isinstance(value, hookspecs.MayStay):
        return "".join([problem for glob in value.paths if (problem := _glob_fault(glob))][:1])
    return ""


def _glob_fault(glob: str) -> str:
    try:
        for one in paths.expand(glob, "/"):
            paths.names(one, False)
    except paths.GlobError as error:
        return f"expected MayStay whose paths are globs: {error}"
    return "" if glob.startswith("/") else f"expected MayStay whose paths are globs from the root, found {glob!r}"


def _kind_fault(value: object) -> str:
    if not isinstance(value, EventKind):
        return f"expected EventKind, found {_called(value)}"
    for field, kind in value.fields.items():
        if not isinstance(kind, Field):
            return f"expected EventKind whose fields are of a Field type, found {value.name}'s {field}={kind!r}"
    return "" if _is_text(value.doc) else f"expected EventKind with a sentence, found {value.name} with {value.doc!r}"


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@cache
def _members(protocol: Any) -> frozenset[str]:
    return frozenset(name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_"))

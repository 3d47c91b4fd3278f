"""From the parts of a rule to its record: what the parser calls when it has read all of a rule.

The plan of every rule is made once, from the tables; it says which parts are kept, which optional ones are lacking, and
which list is put in place of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from pratique.policy import syntax
from pratique.policy.lexer import Tokens, lex, unquote
from pratique.policy.tables import Rule, load

_UNITS: Final = {
    "": 1.0,
    "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0,
    "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
_QUANTITIES: Final = ("NUMBER", "DURATION", "SIZE", "SHARE")
#: Rules whose words together are one word of the record ("begins with").
_WORDS: Final = frozenset({"operator", "bound", "standing"})
#: Rules whose parts, however many, are one field of the record.
_BUNDLES: Final = frozenset({"array", "any_of", "all_of", "any_criterion", "all_criteria"})

Builder: TypeAlias = "Callable[[list[Any], int, Tokens], Any] | None"


@cache
def rules() -> list[tuple[int, str, Builder]]:
    return [(len(rule.parts), rule.name, _builder(rule)) for rule in load().rules]


def _leaf(index: int, tokens: Tokens) -> Any:
    """The record of one token."""
    make = _LEAVES.get(tokens.kinds[index], syntax.Name)
    return make(tokens.starts[index], tokens.words[index])


def _text(at: int, word: str) -> syntax.Text:
    return syntax.Text(at, unquote(word))


def _pattern(at: int, word: str) -> syntax.Pattern:
    quote = word[2]
    end = word.rindex(quote)
    value = word[3:end]
    return syntax.Pattern(at, value.replace('\\"', '"') if quote == '"' else value, word[end + 1 :])


def _quantity(at: int, word: str) -> syntax.Quantity:
    digits = word.rstrip("%mshdBKiMGT")
    unit = word[len(digits) :]
    try:
        return syntax.Quantity(at, float(digits) / 100 if unit == "%" else float(digits) * _UNITS[unit], unit)
    except (ValueError, KeyError):  # noted by the lexer
        return syntax.Quantity(at, 0.0, "")


#: What is made of a token; of all others, a name.
_LEAVES: Final[Mapping[str, Callable[[int, str], syntax.Node]]] = {
    "TEXT": _text,
    "REGEX": _pattern,
    **dict.fromkeys(_QUANTITIES, _quantity),
}


def quantity(text: str) -> syntax.Quantity | None:
    """A number or a number with a unit, as it is written in policies; None when this is none."""
    tokens = lex(text)
    if len(tokens.kinds) != 2 or tokens.problems or tokens.kinds[0] not in _QUANTITIES:
        return None
    return _quantity(0, tokens.words[0])


def _builder(rule: Rule) -> Builder:
    """How the values of a rule's parts become its own value; None: the only value is handed on."""
    gaps = any(gap for _, _, gap in rule.parts) or rule.after
    kept = [(place, terminal) for place, (terminal, keep, _) in enumerate(rule.parts) if keep]
    name = rule.name.partition("{")[0]
    if name.startswith("_") and not name.startswith("__"):
        place, terminal = kept[0]
        if not terminal and len(rule.parts) == 1:
            return None
        if terminal:
            return lambda parts, at, tokens: _leaf(parts[place], tokens)
        return lambda parts, at, tokens: parts[place]
    if rule.grows:
        return _growing(kept)
    gather = _gathering(rule, kept) if gaps else _plain(kept)
    if name.startswith("__"):
        return lambda parts, at, tokens: gather(parts, tokens)
    if name in _WORDS:
        return lambda parts, at, tokens: syntax.Name(at, " ".join(leaf.value for leaf in gather(parts, tokens)))
    record = syntax.RECORDS.get(name)
    if record is None:
        return lambda parts, at, tokens: tuple(gather(parts, tokens))
    if name in _BUNDLES:
        return lambda parts, at, tokens: record(at, tuple(gather(parts, tokens)))  # type: ignore[call-arg]
    lacking = [None] * (len(record.__struct_fields__) - 1 - len(kept) - sum(g for _, _, g in rule.parts) - rule.after)
    if lacking:
        return lambda parts, at, tokens: record(at, *gather(parts, tokens), *lacking)
    return lambda parts, at, tokens: record(at, *gather(parts, tokens))


Gather: TypeAlias = "Callable[[list[Any], Tokens], list[Any]]"


def _plain(kept: list[tuple[int, bool]]) -> Gather:
    """The values of the kept parts; the list of an inner list rule (`__x_star`) is put in place of itself."""
    if len(kept) == 1:
        place, terminal = kept[0]
        if terminal:
            return lambda parts, tokens: [_leaf(parts[place], tokens)]

        def only(parts: list[Any], tokens: Tokens) -> list[Any]:
            value = parts[place]
            return value if type(value) is list else [value]

        return only

    def several(parts: list[Any], tokens: Tokens) -> list[Any]:
        out: list[Any] = []
        for place, terminal in kept:
            value = parts[place]
            if terminal:
                out.append(_leaf(value, tokens))
            elif type(value) is list:
                out += value
            else:
                out.append(value)
        return out

    return several


def _gathering(rule: Rule, kept: list[tuple[int, bool]]) -> Gather:
    """As `_plain`, with None in the place of each optional part that is not there."""
    plan: list[tuple[int, bool] | None] = []
    for place, (terminal, keep, gap) in enumerate(rule.parts):
        plan += [None] * gap
        if keep:
            plan.append((place, terminal))
    plan += [None] * rule.after

    def gather(parts: list[Any], tokens: Tokens) -> list[Any]:
        return [None if one is None else _leaf(parts[one[0]], tokens) if one[1] else parts[one[0]] for one in plan]

    return gather


def _growing(kept: list[tuple[int, bool]]) -> Builder:
    """`__x_star: __x_star "," x`: the list so far takes one more."""
    if len(kept) == 1:
        return lambda parts, at, tokens: parts[0]
    place, terminal = kept[1]

    def grow(parts: list[Any], at: int, tokens: Tokens) -> list[Any]:
        parts[0].append(_leaf(parts[place], tokens) if terminal else parts[place])
        return parts[0]  # type: ignore[no-any-return]

    return grow

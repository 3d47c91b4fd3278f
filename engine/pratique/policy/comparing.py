"""`field operator value`: which comparisons each type of field allows, and the condition that each becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pratique.events import Field
from pratique.policy import model, syntax
from pratique.policy.patterns import address, glob_fault, is_magic, is_windows, network
from pratique.policy.scope import Leaf, Scope, spoken
from pratique.policy.sound import glob, regex, stands_in

STRINGS: Final = frozenset({Field.text, Field.path, Field.key})
_NUMBERS: Final = frozenset({Field.number, Field.size, Field.duration, Field.mode})
#: The units that numbers of these types may have; "" is none.
UNITS: Final[Mapping[Field, frozenset[str]]] = {
    Field.number: frozenset({""}),
    Field.mode: frozenset({""}),
    Field.size: frozenset({"", "B", "KiB", "MiB", "GiB", "TiB"}),
    Field.duration: frozenset({"ms", "s", "m", "h", "d"}),
}
_ORDER: Final = ("<", "<=", ">", ">=")
_PART: Final[Mapping[str, str]] = {"contains": "contains", "begins with": "begins", "ends with": "ends"}


def article(field: Field) -> str:
    return f"an {field}" if field[0] in "aeiou" else f"a {field}"


def sample(name: str, field: Field) -> str:
    samples = {
        Field.text: f'{name} = "..."',
        Field.path: f'{name} matches "/etc/**"',
        Field.key: f"{name} matches 'HKCU\\Software\\**'",
        Field.number: f"{name} > 10",
        Field.size: f"{name} > 10MiB",
        Field.duration: f"{name} > 60s",
        Field.mode: f"{name} = 4755",
        Field.address: f'{name} in "10.0.0.0/8"',
    }
    return samples.get(field, name)


def mismatch(scope: Scope, node: syntax.Comparison, field: Field, leaf: Leaf, help: str = "") -> None:
    name = node.field.value
    message = f'"{name}" is {article(field)}; it cannot be compared with {spoken(leaf)}'
    if help:  # the value would do, behind another operator
        message = f"{node.operator.value} looks for texts; found {spoken(leaf)}"
    at: syntax.Node = node.value
    if isinstance(at, syntax.Array) and leaf in at.items:
        at = leaf
    scope.report("P0207", at, message, help=help or f"for example: {sample(name, field)}")


def empty(scope: Scope, node: syntax.Comparison) -> bool:
    """Whether a field is compared with a list of nothing; reported."""
    value = node.value
    if type(value) is syntax.Name and value.value in scope.context.lets:
        value = scope.context.lets[value.value][0].value
    if type(value) is not syntax.Array or value.items:
        return False
    operator = node.operator.value
    if operator in ("=", "!=", *_ORDER):
        scope.report("P0201", node.value, f"{operator} compares with one value; here is none")
    else:
        scope.warn("P0407", node.value, "this list is empty: nothing is ever in it")
    return True


def compare(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name, operator = node.field.value, node.operator.value
    if operator == "!=":
        return model.Not(_equals(scope, node, field, leaves))
    if operator == "=":
        return _equals(scope, node, field, leaves)
    if operator in _ORDER:
        return _order(scope, node, field, leaves)
    if field in STRINGS:
        if operator in _PART:
            return _parts(scope, node, field, leaves)
        return _any_string(scope, node, field, leaves)
    if operator == "in" and field in _NUMBERS:
        numbers = [number for leaf in leaves if (number := _number(scope, node, field, leaf)) is not None]
        return model.OneOf(name, tuple(dict.fromkeys(numbers)), octal=field == Field.mode)
    if operator == "in" and field == Field.address:
        return model.Within(name, tuple(dict.fromkeys(_networks(scope, node, field, leaves))))
    scope.report(
        "P0201",
        node.operator,
        f'"{name}" is {article(field)}; {operator} does not apply to it',
        help=f"for example: {sample(name, field)}",
    )
    return model.Flag(name)


def _one(scope: Scope, node: syntax.Comparison, leaves: list[Leaf]) -> Leaf | None:
    """The only value, for the operators that take one."""
    if len(leaves) == 1:
        return leaves[0]
    if leaves:
        operator = node.operator.value
        message = f"{operator} compares with one value; here are {len(leaves)}"
        scope.report("P0201", node.operator, message, help="for any of several, write: in")
    return None


def _equals(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name = node.field.value
    leaf = _one(scope, node, leaves)
    if leaf is None:
        return model.Flag(name)
    if field in _NUMBERS:
        number = _number(scope, node, field, leaf)
        return model.Flag(name) if number is None else model.Equals(name, number, octal=field == Field.mode)
    if not isinstance(leaf, syntax.Text):
        mismatch(scope, node, field, leaf)
        return model.Flag(name)
    if field == Field.address:
        known = address(leaf.value)
        if known is None:
            scope.report("P0204", node.value, f'"{leaf.value}" is not an address', help="for a network, write: in")
        return model.Equals(name, known or leaf.value)
    if field == Field.path:
        if is_magic(leaf.value):
            message = "= compares with one exact path; this is a pattern"
            scope.report("P0201", node.operator, message, help=f'write: {name} matches "{leaf.value}"')
        elif fault := glob_fault(leaf.value, rooted=True, fold=is_windows(leaf.value)):
            scope.report("P0203", node.value, fault)
        elif leaf.value.startswith("~"):
            return model.Globs(name, (leaf.value,))
    return model.Equals(name, leaf.value, fold=field == Field.key or (field == Field.path and is_windows(leaf.value)))


def _order(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name, operator = node.field.value, node.operator.value
    if field not in _NUMBERS:
        message = f'"{name}" is {article(field)}; it is neither greater nor less than anything'
        scope.report("P0201", node.operator, message, help=f"for example: {sample(name, field)}")
        return model.Flag(name)
    leaf = _one(scope, node, leaves)
    number = None if leaf is None else _number(scope, node, field, leaf)
    if number is None:
        return model.Flag(name)
    return model.Order(name, operator, number, octal=field == Field.mode)  # type: ignore[arg-type]


def _number(scope: Scope, node: syntax.Comparison, field: Field, leaf: Leaf) -> float | None:
    if isinstance(leaf, syntax.Quantity) and leaf.unit in UNITS[field]:
        at = leaf if stands_in(node.value, leaf) else node.value
        if field == Field.mode:
            return scope.mode(leaf, at)
        if field == Field.size and not leaf.unit and leaf.value:
            spelled = f"{leaf.value:.15g}"
            message = f'"{node.field.value}" is compared with {spelled} bytes'
            scope.warn("P0410", at, message, help=f"say the unit: {spelled}B, {spelled}KiB, {spelled}MiB ...")
        return leaf.value if abs(leaf.value) <= 1e15 else scope.number(leaf, "a number")
    mismatch(scope, node, field, leaf)
    return None


def _networks(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> list[str]:
    out = []
    for leaf in leaves:
        if not isinstance(leaf, syntax.Text):
            mismatch(scope, node, field, leaf)
        elif (known := network(leaf.value)) is None:
            scope.report("P0204", node.value, f'"{leaf.value}" is neither an address nor a network like "10.0.0.0/8"')
        else:
            out.append(known)
    return out


def _parts(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name, how = node.field.value, _PART[node.operator.value]
    terms: list[model.Condition] = []
    for leaf in leaves:
        if isinstance(leaf, syntax.Pattern):
            mismatch(scope, node, field, leaf, help=f'write: {name} matches re"..."')
            continue
        if not isinstance(leaf, syntax.Text):
            mismatch(scope, node, field, leaf)
            continue
        fold = field == Field.key or (field == Field.path and is_windows(leaf.value))
        terms.append(model.Contains(name, how, leaf.value, fold))  # type: ignore[arg-type]
    return _any(terms, name)


def _any(terms: list[model.Condition], name: str) -> model.Condition:
    return terms[0] if len(terms) == 1 else model.Or(tuple(terms)) if terms else model.OneOf(name, ())


def _any_string(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    """`in` and `matches`: exact texts or globs, and regular expressions."""
    name = node.field.value
    plain: list[str] = []
    folded: list[str] = []
    regexes: list[model.Regex] = []
    for leaf in leaves:
        if type(leaf) is syntax.Pattern:
            found = regex(scope, leaf, None if stands_in(node.value, leaf) else node.value)
            if found is not None:
                regexes.append(found)
        elif type(leaf) is not syntax.Text:
            mismatch(scope, node, field, leaf)
        elif field == Field.text:
            if node.operator.value == "matches":
                help = f'write: {name} matches re"..."; or for the exact text: {name} = "{leaf.value}"'
                scope.report("P0207", node.value, f'"{name}" is a text; it matches regular expressions', help=help)
            plain.append(leaf.value)
        elif glob(scope, leaf.value, node.value, leaf, rooted=field == Field.path):
            (folded if field == Field.key or is_windows(leaf.value) else plain).append(leaf.value)
    terms: list[model.Condition] = []
    if field == Field.text:
        if plain or not regexes:
            terms.append(model.OneOf(name, tuple(dict.fromkeys(plain))))
    else:
        if plain:
            terms.append(model.Globs(name, tuple(dict.fromkeys(plain))))
        if folded:
            terms.append(model.Globs(name, tuple(dict.fromkeys(folded)), fold=True))
    if regexes:
        terms.append(model.Matches(name, tuple(dict.fromkeys(regexes))))
    return _any(terms, name)

"""`where ...` and triggers: names resolved, types checked, made into the conditions of `policy.model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pratique.events import COMMON_FIELDS, Field
from pratique.policy import model, syntax
from pratique.policy.limits import MOST_STEPS
from pratique.policy.nearest import did_you_mean
from pratique.policy.patterns import (
    address,
    glob_fault,
    is_magic,
    is_windows,
    network,
    regex_fault,
)
from pratique.policy.scope import Leaf, Scope, spoken

_STRINGS: Final = frozenset({Field.text, Field.path, Field.key})
_NUMBERS: Final = frozenset({Field.number, Field.size, Field.duration})
_SIZES: Final = frozenset({"", "B", "KiB", "MiB", "GiB", "TiB"})
_TIMES: Final = frozenset({"ms", "s", "m", "h", "d"})
_ORDER: Final = ("<", "<=", ">", ">=")
_PART: Final[Mapping[str, str]] = {"contains": "contains", "begins with": "begins", "ends with": "ends"}
GROUPS: Final = ("process", "tree", "component", "session")


def article(field: Field) -> str:
    return f"an {field}" if field[0] in "aeiou" else f"a {field}"


class Fields:
    """The fields that every kind of a step has, by name."""

    def __init__(self, scope: Scope, kinds: tuple[syntax.Name, ...]) -> None:
        self.scope = scope
        self.kinds = [kind.value for kind in kinds if known_kind(scope, kind)]

    def find(self, name: syntax.Name) -> Field | None:
        """The type of a field; None (reported) when a kind lacks it or the kinds disagree."""
        if not self.kinds:
            return None  # the kind is unknown, and reported
        common = COMMON_FIELDS.get(name.value)
        if common is not None:
            return common
        types = {}
        for kind in self.kinds:
            fields = self.scope.context.vocabulary[kind].fields
            field = fields.get(name.value)
            if field is None:
                self.scope.report(
                    "P0103",
                    name,
                    f'"{kind}" has no field "{name.value}"',
                    note=f"its fields: {', '.join(fields)}",
                    help=did_you_mean(name.value, [*fields, *COMMON_FIELDS]),
                )
                return None
            types[field] = kind
        if len(types) > 1:
            (one, first), (two, second), *_ = types.items()
            message = f'"{name.value}" is {article(one)} of "{first}" but {article(two)} of "{second}"'
            self.scope.report("P0103", name, message, help="write a clause of its own for each")
            return None
        return next(iter(types))

    def has(self, name: str) -> bool:
        vocabulary = self.scope.context.vocabulary
        return name in COMMON_FIELDS or all(name in vocabulary[kind].fields for kind in self.kinds)


def known_kind(scope: Scope, kind: syntax.Name) -> bool:
    """Whether there is such a kind; reported when not, or when nobody would ever see it."""
    context, name = scope.context, kind.value
    if name in context.vocabulary:
        if context.observed is not None and name not in context.observed and name not in context.unobserved:
            context.unobserved.add(name)
            scope.warn("P0402", kind, f'no enabled detector observes "{name}"; this will never be found')
        return True
    family = name.partition(".")[0] + "."
    siblings = sorted(one.removeprefix(family) for one in context.vocabulary if one.startswith(family))
    if siblings:
        note = f'the kinds that begin with "{family}": {", ".join(siblings)}'
    else:
        note = f"the kinds begin with {', '.join(sorted({one.partition('.')[0] for one in context.vocabulary}))}"
    help = did_you_mean(name, list(context.vocabulary))
    scope.report("P0102", kind, f'no event kind "{name}"', note=note, help=help)
    return False


# -- steps and triggers -----------------------------------------------------------------------------------------------


def step(scope: Scope, node: syntax.Step) -> model.Step:
    fields = Fields(scope, node.kinds)
    where = model.Always() if node.where is None else condition(fields, node.where)
    return model.Step(kinds=tuple(dict.fromkeys(kind.value for kind in node.kinds)), where=where)


def trigger(scope: Scope, node: syntax.Step | syntax.Count | syntax.Sequence) -> model.Trigger:
    match node:
        case syntax.Step():
            return model.Single(step(scope, node))
        case syntax.Count():
            return model.Count(
                at_least=scope.count(node.at_least, "how many events are needed"),
                step=step(scope, node.step),
                by=scope.choice(node.by, GROUPS, "a way to group events"),  # type: ignore[arg-type]
                within=scope.seconds(node.within),
            )
        case syntax.Sequence():
            if not 2 <= len(node.steps) <= MOST_STEPS and not scope.damaged:
                scope.report("P0310", node, f"a sequence has 2 to {MOST_STEPS} steps; this one has {len(node.steps)}")
            return model.Sequence(
                steps=tuple(step(scope, one) for one in node.steps),
                by=scope.choice(node.by, GROUPS, "a way to group events"),  # type: ignore[arg-type]
                within=scope.seconds(node.within),
            )


# -- conditions -------------------------------------------------------------------------------------------------------


def condition(fields: Fields, node: syntax.Condition) -> model.Condition:
    match node:
        case syntax.Comparison():
            return _comparison(fields, node)
        case syntax.Flag():
            return _flag(fields, node)
        case syntax.Negation(term=term):
            return model.Not(condition(fields, term))
        case syntax.AllOf(terms=terms):
            return model.And(tuple(condition(fields, term) for term in terms))
        case syntax.AnyOf(terms=terms):
            return model.Or(tuple(condition(fields, term) for term in terms))


def _flag(fields: Fields, node: syntax.Flag) -> model.Condition:
    field = fields.find(node.field)
    if field is not None and field != Field.flag:
        name = node.field.value
        message = f'"{name}" is {article(field)}, not a flag; it must be compared with something'
        fields.scope.report("P0205", node.field, message, help=f"for example: {_sample(name, field)}")
    return model.Flag(node.field.value)


def _sample(name: str, field: Field) -> str:
    samples = {
        Field.text: f'{name} = "..."',
        Field.path: f'{name} matches "/etc/**"',
        Field.key: f"{name} matches 'HKCU\\Software\\**'",
        Field.number: f"{name} > 10",
        Field.size: f"{name} > 10MiB",
        Field.duration: f"{name} > 60s",
        Field.address: f'{name} in "10.0.0.0/8"',
    }
    return samples.get(field, name)


def _comparison(fields: Fields, node: syntax.Comparison) -> model.Condition:
    scope = fields.scope
    field = fields.find(node.field)
    name, operator = node.field.value, node.operator.value
    if field is None:
        scope.values(_lets_only(scope, node.value))  # what it names is used, and checked
        return model.Flag(name)
    if field == Field.flag:
        return _flag_comparison(fields, node)
    if isinstance(node.value, syntax.Name) and node.value.value not in scope.context.lets:
        if node.value.value in ("true", "false"):
            _mismatch(scope, node, field, node.value)
            return model.Flag(name)
        if operator in ("=", "!=") and fields.has(node.value.value):
            return _same_as(fields, node, field)
    context = scope.context
    made: model.Condition | None = None
    key = None
    if isinstance(node.value, syntax.Name):  # a let, perhaps used a thousand times
        key = (name, field, operator, node.value.value)
        made = context.compared.get(key)
    if made is None:
        before = len(context.diagnostics)
        made = _compare(scope, node, field, scope.values(node.value))
        if key is not None and len(context.diagnostics) == before:
            context.compared[key] = made
    return made


def _lets_only(scope: Scope, value: syntax.Value) -> list[syntax.Value]:
    named = isinstance(value, syntax.Name) and value.value not in scope.context.lets
    return [] if named else [value]


def _flag_comparison(fields: Fields, node: syntax.Comparison) -> model.Condition:
    scope, name, operator = fields.scope, node.field.value, node.operator.value
    value = node.value
    if operator in ("=", "!=") and isinstance(value, syntax.Name) and value.value in ("true", "false"):
        flag = model.Flag(name)
        return flag if (value.value == "true") == (operator == "=") else model.Not(flag)
    help = f"write {name}, or not {name}"
    scope.report("P0205", node.operator, f'"{name}" is a flag; it holds or does not', help=help)
    return model.Flag(name)


def _same_as(fields: Fields, node: syntax.Comparison, field: Field) -> model.Condition:
    assert isinstance(node.value, syntax.Name)
    other = fields.find(node.value)
    if other is not None and other != field and not {field, other} <= _STRINGS:
        message = f'"{node.field.value}" is {article(field)}; it cannot be compared with "{node.value.value}"'
        fields.scope.report("P0207", node.value, message, note=f"this is {article(other)}")
    same = model.SameAs(node.field.value, node.value.value)
    return same if node.operator.value == "=" else model.Not(same)


def _mismatch(scope: Scope, node: syntax.Comparison, field: Field, leaf: Leaf) -> None:
    name = node.field.value
    message = f'"{name}" is {article(field)}; it cannot be compared with {spoken(leaf)}'
    at: syntax.Node = node.value
    if isinstance(at, syntax.Array) and leaf in at.items:
        at = leaf
    scope.report("P0207", at, message, help=f"for example: {_sample(name, field)}")


def _compare(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name, operator = node.field.value, node.operator.value
    if operator == "!=":
        return model.Not(_equals(scope, node, field, leaves))
    if operator == "=":
        return _equals(scope, node, field, leaves)
    if operator in _ORDER:
        return _order(scope, node, field, leaves)
    if field in _STRINGS:
        if operator in _PART:
            return _parts(scope, node, field, leaves)
        return _any_string(scope, node, field, leaves)
    if operator == "in" and field in _NUMBERS:
        numbers = [number for leaf in leaves if (number := _number(scope, node, field, leaf)) is not None]
        return model.OneOf(name, tuple(dict.fromkeys(numbers)))
    if operator == "in" and field == Field.address:
        return model.Within(name, tuple(dict.fromkeys(_networks(scope, node, field, leaves))))
    scope.report(
        "P0201",
        node.operator,
        f'"{name}" is {article(field)}; {operator} does not apply to it',
        help=f"for example: {_sample(name, field)}",
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
        return model.Flag(name) if number is None else model.Equals(name, number)
    if not isinstance(leaf, syntax.Text):
        _mismatch(scope, node, field, leaf)
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
        scope.report("P0201", node.operator, message, help=f"for example: {_sample(name, field)}")
        return model.Flag(name)
    leaf = _one(scope, node, leaves)
    number = None if leaf is None else _number(scope, node, field, leaf)
    return model.Flag(name) if number is None else model.Order(name, operator, number)  # type: ignore[arg-type]


def _number(scope: Scope, node: syntax.Comparison, field: Field, leaf: Leaf) -> float | None:
    units = {Field.number: frozenset({""}), Field.size: _SIZES, Field.duration: _TIMES}[field]
    if isinstance(leaf, syntax.Quantity) and leaf.unit in units:
        return leaf.value if abs(leaf.value) <= 1e15 else scope.number(leaf, "a number")
    _mismatch(scope, node, field, leaf)
    return None


def _networks(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> list[str]:
    out = []
    for leaf in leaves:
        if not isinstance(leaf, syntax.Text):
            _mismatch(scope, node, field, leaf)
        elif (known := network(leaf.value)) is None:
            scope.report("P0204", node.value, f'"{leaf.value}" is neither an address nor a network like "10.0.0.0/8"')
        else:
            out.append(known)
    return out


def _parts(scope: Scope, node: syntax.Comparison, field: Field, leaves: list[Leaf]) -> model.Condition:
    name, how = node.field.value, _PART[node.operator.value]
    terms: list[model.Condition] = []
    for leaf in leaves:
        if not isinstance(leaf, syntax.Text):
            _mismatch(scope, node, field, leaf)
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
        if isinstance(leaf, syntax.Pattern):
            found = regex(scope, leaf, None if _within(node.value, leaf) else node.value)
            if found is not None:
                regexes.append(found)
        elif not isinstance(leaf, syntax.Text):
            _mismatch(scope, node, field, leaf)
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


def _within(value: syntax.Value, leaf: Leaf) -> bool:
    return value is leaf or (isinstance(value, syntax.Array) and any(_within(item, leaf) for item in value.items))


# -- patterns ---------------------------------------------------------------------------------------------------------


def regex(scope: Scope, leaf: syntax.Pattern, at: syntax.Node | None = None) -> model.Regex | None:
    """A regular expression, when RE2 takes it. `at`: where to report instead, for one that stands in a let."""
    memory = scope.context.regexes
    key = (leaf.value, leaf.flags)
    if key not in memory:
        memory[key] = regex_fault(leaf.value, leaf.flags)
    message, place = memory[key]
    if not message:
        return model.Regex(leaf.value, "".join(sorted(leaf.flags)))
    if at is not None:
        scope.report("P0202", at, f'{message}, in re"{leaf.value[:60]}"')
    else:
        scope.report("P0202", leaf, message, skip=3 + place if place >= 0 else 0)
    return None


def regexes(scope: Scope, given: tuple[syntax.Value, ...]) -> tuple[model.Regex, ...]:
    """The values as regular expressions; anything else is reported."""
    out = []
    for leaf in scope.values(given):
        if isinstance(leaf, syntax.Pattern):
            found = regex(scope, leaf, None if any(_within(value, leaf) for value in given) else given[0])
            if found is not None:
                out.append(found)
        else:
            scope.report("P0208", given[0], f'expected a regular expression like re"..."; found {spoken(leaf)}')
    return tuple(dict.fromkeys(out))


def glob(scope: Scope, text: str, at: syntax.Value, leaf: Leaf, *, rooted: bool) -> bool:
    """Whether a glob is sound; reported when not."""
    memory = scope.context.globs
    key = (text, rooted)
    fault = memory.get(key)
    if fault is None:
        memory[key] = fault = glob_fault(text, rooted=rooted, fold=not rooted or is_windows(text))
    if not fault:
        return True
    if _within(at, leaf):
        scope.report("P0203", leaf, fault)
    else:
        scope.report("P0203", at, f'{fault}, in "{text[:60]}"')
    return False


def globs(scope: Scope, given: tuple[syntax.Value, ...]) -> tuple[str, ...]:
    """The values as path patterns; anything else is reported."""
    out = []
    for value in given:
        for leaf in scope.values(value):
            if not isinstance(leaf, syntax.Text):
                scope.report("P0208", value, f"expected paths in quotes; found {spoken(leaf)}")
            elif glob(scope, leaf.value, value, leaf, rooted=True):
                out.append(leaf.value)
    return tuple(dict.fromkeys(out))

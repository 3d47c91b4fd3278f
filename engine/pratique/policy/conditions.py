"""Triggers and `where ...`: kinds and fields resolved, made into the conditions of `policy.model`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pratique.events import COMMON_FIELDS, Field
from pratique.policy import model, syntax
from pratique.policy.comparing import STRINGS, article, compare, empty, mismatch, sample
from pratique.policy.limits import MOST_STEPS
from pratique.policy.nearest import did_you_mean
from pratique.policy.scope import Scope

GROUPS: Final = ("process", "tree", "component", "session")


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
    return _MAKERS[type(node)](fields, node)


def _negation(fields: Fields, node: syntax.Negation) -> model.Condition:
    return model.Not(condition(fields, node.term))


def _all_of(fields: Fields, node: syntax.AllOf) -> model.Condition:
    return model.And(tuple([condition(fields, term) for term in node.terms]))


def _any_of(fields: Fields, node: syntax.AnyOf) -> model.Condition:
    return model.Or(tuple([condition(fields, term) for term in node.terms]))


def _flag(fields: Fields, node: syntax.Flag) -> model.Condition:
    field = fields.find(node.field)
    if field is not None and field != Field.flag:
        name = node.field.value
        message = f'"{name}" is {article(field)}, not a flag; it must be compared with something'
        fields.scope.report("P0205", node.field, message, help=f"for example: {sample(name, field)}")
    return model.Flag(node.field.value)


def _comparison(fields: Fields, node: syntax.Comparison) -> model.Condition:
    scope = fields.scope
    field = fields.find(node.field)
    name, operator = node.field.value, node.operator.value
    if field is None:
        scope.values(_lets_only(scope, node.value))  # what it names is used, and checked
        return model.Flag(name)
    if field == Field.flag:
        return _flag_comparison(fields, node)
    if type(node.value) is syntax.Name and node.value.value not in scope.context.lets:
        if node.value.value in ("true", "false"):
            mismatch(scope, node, field, node.value)
            return model.Flag(name)
        if operator in ("=", "!=") and fields.has(node.value.value):
            return _same_as(fields, node, field)
    context = scope.context
    made: model.Condition | None = None
    key = None
    if type(node.value) is syntax.Name:  # a let, perhaps used a thousand times
        key = (name, field, operator, node.value.value)
        made = context.compared.get(key)
        if made is not None:
            scope.put_in(node.value)
    if made is None:
        before = len(context.diagnostics)
        empty(scope, node)
        made = compare(scope, node, field, scope.values(node.value))
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
    if other is not None and other != field and not {field, other} <= STRINGS:
        message = f'"{node.field.value}" is {article(field)}; it cannot be compared with "{node.value.value}"'
        fields.scope.report("P0207", node.value, message, note=f"this is {article(other)}")
    same = model.SameAs(node.field.value, node.value.value)
    return same if node.operator.value == "=" else model.Not(same)


#: Looked up by type: asking a record of each class in turn whether it is one of it is slow (its metaclass answers).
_MAKERS: Final[Mapping[type[syntax.Node], Callable[[Fields, Any], model.Condition]]] = {
    syntax.Comparison: _comparison,
    syntax.Flag: _flag,
    syntax.Negation: _negation,
    syntax.AllOf: _all_of,
    syntax.AnyOf: _any_of,
}

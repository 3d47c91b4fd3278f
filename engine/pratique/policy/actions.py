"""Actions: their clauses checked and put together, with what other policies override of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pratique.events import COMMON_FIELDS, Field
from pratique.policy import model, syntax
from pratique.policy.comparing import UNITS, article
from pratique.policy.compose import Placed
from pratique.policy.conditions import known_kind, trigger
from pratique.policy.diagnostics import Note
from pratique.policy.limits import MOST_TIMES
from pratique.policy.nearest import did_you_mean
from pratique.policy.scope import Leaf, Scope, spoken

_SINGLE: Final = {syntax.Category: "category", syntax.Weight: "weight", syntax.Remedy: "remedy"}


def action(placed: Sequence[Placed], policy: str) -> model.Action | None:
    """The action as it is in force: the definition first, then its overrides, each replacing clauses of the same sort.

    None (reported) when it lacks something without which it means nothing.
    """
    clauses: dict[type[syntax.Node], list[tuple[syntax.Clause, Scope]]] = {}
    for node, scope, _ in placed:
        assert isinstance(node, syntax.Action)
        own: dict[type[syntax.Node], list[tuple[syntax.Clause, Scope]]] = {}
        for clause in node.clauses:
            kind = type(clause)
            if kind is syntax.NoMatch:
                kind = syntax.Match
            same = own.setdefault(kind, [])
            if same and kind in _SINGLE:
                related = (Note(scope.place(same[0][0]), "first set here"),)
                scope.report("P0304", clause, f"the {_SINGLE[kind]} is set twice", related=related)
            same.append((clause, scope))
        clauses |= own
    definition = placed[0].node
    assert isinstance(definition, syntax.Action)
    scope = placed[0].scope
    for kind, word, example in (
        (syntax.On, "trigger", "on file.write where ..."),
        (syntax.Weight, "weight", "weight 100"),
    ):
        if kind not in clauses and not scope.damaged:
            message = f'the action "{definition.name.value}" has no {word}'
            scope.report("P0310", definition.name, message, help=f"add a line like: {example}")
    title = next(
        (node.title.value for node, _, _ in reversed(placed) if isinstance(node, syntax.Action) and node.title), ""
    )
    out: dict[str, object] = {}
    triggers: list[model.Trigger] = []
    because: list[str] = []
    examples: list[model.Example] = []
    for clause, where in (pair for pairs in clauses.values() for pair in pairs):
        match clause:
            case syntax.On(trigger=node):
                triggers.append(trigger(where, node))
            case syntax.Weight():
                out |= _weight(where, clause)
            case syntax.Category(name=name):
                out["category"] = name.value
            case syntax.Remedy(name=name):
                out["remedy"] = where.choice(name, model.REMEDIES, "a remedy")
            case syntax.Because(text=text):
                because.append(text.value)
            case syntax.Match(events=written) | syntax.NoMatch(events=written):
                matches = isinstance(clause, syntax.Match)
                examples.append(
                    model.Example(events=events(where, written), expect_match=matches, where=where.place(clause))
                )
    if not triggers or "weight" not in out:
        return None
    return model.Action(
        name=definition.name.value,
        title=title or definition.name.value,
        triggers=tuple(triggers),
        because=tuple(because),
        examples=tuple(examples),
        policy=policy,
        where=scope.place(definition),
        **{"category": definition.name.value, **out},  # type: ignore[arg-type]
    )


def _weight(scope: Scope, clause: syntax.Weight) -> dict[str, object]:
    weight = scope.number(clause.weight, "a weight", most=1e6)
    disclosed = None if clause.disclosed is None else scope.number(clause.disclosed, "a weight", most=1e6)
    if disclosed is not None and clause.disclosed is not None and disclosed > weight:
        message = f"being told makes this worse: {disclosed:g} disclosed, {weight:g} otherwise"
        scope.warn("P0403", clause.disclosed, message)
    each = 1 if clause.up_to is None else scope.count(clause.up_to, "how often an action counts", most=10_000)
    return {"weight": weight, "disclosed_weight": disclosed, "each_up_to": each}


# -- events written out -----------------------------------------------------------------------------------------------


def events(scope: Scope, written: Sequence[syntax.Event]) -> tuple[model.ExampleEvent, ...]:
    """The events of an example or a test, each as often as it is said to happen."""
    out: list[model.ExampleEvent] = []
    for event in written:
        times = 1 if event.times is None else scope.count(event.times, "how often an event happens", most=MOST_TIMES)
        out += [_event(scope, event)] * times
    return tuple(out)


def _event(scope: Scope, event: syntax.Event) -> model.ExampleEvent:
    kind = event.kind.value
    values: dict[str, str | float | bool] = {}
    if not known_kind(scope, event.kind):
        return model.ExampleEvent(kind=kind, fields=values)
    fields = scope.context.vocabulary[kind].fields
    for one in event.fields or ():
        name = one.name.value
        field = fields.get(name) or COMMON_FIELDS.get(name)
        if field is None:
            help = did_you_mean(name, [*fields, *COMMON_FIELDS])
            note = f"its fields: {', '.join(fields)}"
            scope.report("P0103", one.name, f'"{kind}" has no field "{name}"', note=note, help=help)
        elif name in values:
            scope.report("P0304", one.name, f'"{name}" is set twice')
        elif (value := _value(scope, one, field)) is not None:
            values[name] = value
    return model.ExampleEvent(kind=kind, fields=values)


def _value(scope: Scope, written: syntax.Field, field: Field) -> str | float | bool | None:
    leaves: list[Leaf] = scope.values(written.value)
    if len(leaves) != 1:
        if leaves:
            scope.report("P0208", written.value, f"an event has one value here; found {len(leaves)}")
        return None
    leaf = leaves[0]
    match leaf:
        case syntax.Name(value=word) if field == Field.flag:
            return word == "true"
        case syntax.Text(value=text) if field in (Field.text, Field.path, Field.key, Field.address):
            return text
        case syntax.Quantity(unit=unit) if unit in UNITS.get(field, ()):
            if field == Field.mode:
                return scope.mode(leaf, written.value)
            return scope.number(leaf, "a number", least=-1e15)
    help = "write true or false" if field == Field.flag else ""
    message = f'"{written.name.value}" is {article(field)}; it cannot hold {spoken(leaf)}'
    scope.report("P0207", written.value, message, help=help)
    return None

"""The checker: files in, a `Policy` or diagnostics out. Pure: it reads no file and knows no clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate

import msgspec

from pratique.events import Vocabulary
from pratique.policy import blocks, fleetblocks, model, syntax, unheeded
from pratique.policy.compose import Composed, Find, Unit, chain, compose
from pratique.policy.conditions import Fields, condition
from pratique.policy.diagnostics import Diagnostic, errors, in_order
from pratique.policy.halves import Aside, actions, nobody
from pratique.policy.limits import LARGEST_PROGRAM, MOST_ACTIONS
from pratique.policy.parser import parse
from pratique.policy.programs import cost
from pratique.policy.scope import Context, Scope, Source
from pratique.policy.score import asked_for
from pratique.policy.sessionplan import session_plan, steps_of, watched_paths
from pratique.policy.sound import regex

__all__ = ["Checked", "check", "check_text", "read"]


class Checked(msgspec.Struct, frozen=True):
    """What came of checking: `policy` is None when anything is an error."""

    policy: model.Policy | None
    diagnostics: tuple[Diagnostic, ...]


def read(text: str, name: str) -> Source:
    """Parse one file."""
    return Source(name, text, parse(text, name))


def check(
    name: str,
    sources: Sequence[Source],
    vocabulary: Vocabulary,
    *,
    find: Find = lambda name: (),
    known: Iterable[str] = (),
    observed: Collection[str] | None = None,
    aside: Aside = nobody,
) -> Checked:
    """Check the policy `name`, whose files are `sources`, with all it extends.

    `find` gives the files of another policy (none: there is no such policy), `known` the names it could find.
    `observed` are the event kinds that some enabled detector emits; None: no warnings
    about what nothing here observes or acts on. `aside` does some of the work beside us, where it is much.
    """
    context = Context(vocabulary, observed)
    units = chain(name, sources, find, known, context)
    composed = compose(units)
    context.lets = {let: (placed.node, placed.scope) for let, placed in composed.lets.items()}  # type: ignore[misc]
    context.actions = composed.actions.keys()
    context.disabled = composed.disabled.keys()
    _let_patterns(composed)
    policy = _policy(composed, context, aside)
    _lets(composed, context)
    diagnostics = tuple(in_order(context.diagnostics))
    return Checked(None if errors(diagnostics) else policy, diagnostics)


def check_text(text: str, vocabulary: Vocabulary, *, name: str = "policy", file: str = "") -> Checked:
    """Check one text by itself, be it a whole policy or a few lines of one."""
    source = read(text, file)
    return check(source.policy or name, [source], vocabulary)


def _policy(composed: Composed, context: Context, aside: Aside) -> model.Policy:
    root = composed.units[-1]
    made = _actions(composed, context, aside)
    _reads(composed, made)
    _searches(composed, made)
    decide = blocks.decide(composed)
    _weightless(composed, made, decide.undesirable)
    fleetblocks.distributed(composed)
    if context.observed is not None:
        unheeded.warn(composed)
    return model.Policy(
        name=root.name,
        extends=root.extends,
        actions=made,
        disabled=tuple(
            (name, placed.node.because.value)  # type: ignore[attr-defined]
            for name, placed in composed.disabled.items()
        ),
        disclosures=tuple(blocks.disclosure(placed) for placed in composed.disclosures.values()),
        plan=session_plan(composed, made),
        trust=blocks.trust(composed),
        reputation=blocks.reputation(composed),
        signatures=tuple(blocks.signatures(placed) for placed in composed.listed(syntax.Signatures)),
        decide=decide,
        distribution=fleetblocks.distribution(composed),
        samples=fleetblocks.samples(composed),
        spool=fleetblocks.spool(composed),
        channels=fleetblocks.channels(composed),
        alerts=fleetblocks.alerts(composed),
        tests=_tests(composed),
        files=tuple(scope.source.name for unit in composed.units for scope in unit.scopes),
        **_header(root),  # type: ignore[arg-type]
        **_answers(composed),  # type: ignore[arg-type]
    )


def _actions(composed: Composed, context: Context, aside: Aside) -> tuple[model.Action, ...]:
    if len(composed.actions) > MOST_ACTIONS:
        placed = list(composed.actions.values())[MOST_ACTIONS][0]
        message = f"a policy may have {MOST_ACTIONS:,} actions; this one has {len(composed.actions):,}"
        placed.scope.report("P0309", placed.node, message)
        return ()
    out = tuple(one for one in actions(composed, context, aside) if one is not None)
    for placed in composed.disabled.values():  # what is disabled is checked all the same
        assert isinstance(placed.node, syntax.Disable)
        _check_disabled(composed, placed.node.action.value)
    return out


def _check_disabled(composed: Composed, name: str) -> None:
    for unit in composed.units:
        for scope in unit.scopes:
            for item in scope.source.file.items:
                if isinstance(item, syntax.Action) and item.name.value == name:
                    _touch(scope, item)


def _touch(scope: Scope, node: syntax.Action) -> None:
    """Use the lets of a disabled action, so that they do not seem unused."""
    for clause in node.clauses:
        if isinstance(clause, syntax.On) and isinstance(clause.trigger, syntax.Step) and clause.trigger.where:
            condition(Fields(scope, clause.trigger.kinds), clause.trigger.where)


def _weightless(composed: Composed, actions: tuple[model.Action, ...], decide: model.Criterion) -> None:
    """Warn of actions that neither add to a total nor are asked for by `decide`."""
    asked = asked_for(decide)
    for one in actions:
        if one.weight or one.disclosed_weight or one.name in asked:
            continue
        for node, scope, _ in composed.actions[one.name]:
            for clause in node.clauses if isinstance(node, syntax.Action) else ():
                if isinstance(clause, syntax.Weight) and not clause.weight.value:
                    message = f'"{one.name}" weighs nothing: it is told, and changes no verdict'
                    scope.warn("P0408", clause.weight, message)


def _only_hidden(where: model.Condition) -> bool:
    """Whether the condition itself asks for hidden files, which need no watching."""
    asked = where.terms if isinstance(where, model.And) else (where,)
    return any(isinstance(term, model.Flag) and term.field == "hidden" for term in asked)


def _reads(composed: Composed, actions: tuple[model.Action, ...]) -> None:
    """Warn of triggers that wait for reading without saying of what."""
    for one in actions:
        for trigger in one.triggers:
            for step in steps_of(trigger):
                where = step.where
                if "file.read" in step.kinds and not (any(True for _ in watched_paths(where)) or _only_hidden(where)):
                    placed = composed.actions[one.name][0]
                    assert isinstance(placed.node, syntax.Action)
                    message = f'"{one.name}" waits for file.read without naming paths; it will find only hidden files'
                    placed.scope.warn("P0404", placed.node.name, message, help='add: where path in ["..."]')


def _searches(composed: Composed, actions: tuple[model.Action, ...]) -> None:
    """Refuse what would take too long to search for. Said at the action that goes beyond the limit."""
    costs = [cost(one) for one in actions]
    if sum(costs) <= LARGEST_PROGRAM:
        return
    beyond = next(at for at, total in enumerate(accumulate(costs)) if total > LARGEST_PROGRAM)
    node, scope, _ = composed.actions[actions[beyond].name][0]
    assert isinstance(node, syntax.Action)
    message = (
        f"what the actions of this policy search texts for comes to {sum(costs):,} instructions of RE2; "
        f"at most {LARGEST_PROGRAM:,} are taken"
    )
    note = f"the most are of {_most(actions, costs)}; here the limit is passed"
    help = "a repetition such as {900} counts that often, and a let each time it is used: repeat and use less"
    scope.report("P0311", node.name, message, note=note, help=help)


def _most(actions: Sequence[model.Action], costs: Sequence[int]) -> str:
    at = max(range(len(costs)), key=lambda at: costs[at])
    return f'"{actions[at].name}", {costs[at]:,}'


def _header(unit: Unit) -> dict[str, str]:
    if unit.header is None:
        return {}
    out = {"title": unit.header.title.value if unit.header.title else ""}
    for statement in unit.header.statements:
        if isinstance(statement, syntax.Version):
            out["version"] = statement.text.value
    return out


def _answers(composed: Composed) -> dict[str, object]:
    """The single-valued statements of headers."""
    out: dict[str, object] = {}
    for key in ("score", "threshold", "undesirable", "unattended"):
        placed = composed.setting(key)
        if placed is None:
            continue
        node, scope, _ = placed
        match node:
            case syntax.Score():
                out["method"] = _method(scope, node)
            case syntax.Threshold(number=number):
                out["threshold"] = scope.number(number, "the threshold", most=1e9)
            case syntax.Undesirable(answer=answer):
                out["undesirable"] = scope.choice(answer, ("install", "without", "refuse", "ask"), "an answer")
            case syntax.Unattended(answer=answer):
                out["unattended"] = scope.choice(answer, ("install", "without", "refuse"), "an answer for nobody there")
    return out


def _method(scope: Scope, node: syntax.Score) -> model.Method:
    name = scope.choice(node.method, ("sum", "max", "damped"), "a method")
    if name != "damped":
        if node.factor is not None:
            scope.report("P0208", node.factor, f'"{name}" takes no factor; only damped does')
        return model.Method(name=name)  # type: ignore[arg-type]
    if node.factor is None:
        scope.report("P0310", node.method, "damped needs a factor: damped 0.5")
        return model.Method()
    factor = node.factor.value
    if not 0 < factor <= 1:
        scope.report("P0206", node.factor, "the factor must be greater than 0 and at most 1")
        return model.Method()
    return model.Method(name="damped", factor=factor)


def _tests(composed: Composed) -> tuple[model.Test, ...]:
    """The policy's own tests; those of what it extends judge another policy, and are only checked."""
    own = len(composed.units) - 1
    made = [(placed.rank, blocks.test(placed)) for placed in composed.listed(syntax.Test)]
    return tuple(one for rank, one in made if rank == own)


def _lets(composed: Composed, context: Context) -> None:
    """Check the lets' own values, and warn of those that nobody uses."""
    for name, placed in composed.lets.items():
        let = placed.node
        assert isinstance(let, syntax.Let)
        own = placed.rank == len(composed.units) - 1
        if name not in context.used_lets and own:
            placed.scope.warn("P0401", let.name, f'nobody uses the let "{name}"')
        for leaf in context.resolve_let(name):
            if isinstance(leaf, syntax.Name) and leaf.value in ("true", "false"):
                placed.scope.report("P0205", let.name, "a let holds texts, numbers or patterns; flags need none")
                break


def _let_patterns(composed: Composed) -> None:
    """Report faulty regular expressions where they stand, once, not at each use."""
    for placed in composed.lets.values():
        let = placed.node
        assert isinstance(let, syntax.Let)
        items = let.value.items if isinstance(let.value, syntax.Array) else (let.value,)
        for item in items:
            if isinstance(item, syntax.Pattern) and regex(placed.scope, item) is None:
                placed.scope.context.regexes[item.value, item.flags] = ("", 0)

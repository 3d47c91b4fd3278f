"""What the policy asks of a session before it starts, put together from `sandbox`, `untick` and the actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from pratique.policy import model, syntax
from pratique.policy.blocks import untick
from pratique.policy.compose import Composed
from pratique.policy.conditions import step
from pratique.policy.scope import Scope
from pratique.policy.sound import glob, globs

CLASSES: Final = ("installers", "interpreters", "gui")
MODES: Final = ("none", "observed", "host")
#: Sockets of the person's that have a name; others are given by their path.
SOCKETS: Final = ("display", "session-bus", "system-bus", "ssh-agent", "gpg-agent")


def session_plan(composed: Composed, actions: Iterable[model.Action]) -> model.SessionPlan:
    """The plan. Paths and kinds the actions watch are collected from their triggers."""
    steps = [one for action in actions for trigger in action.triggers for one in steps_of(trigger)]
    deny = tuple(step(p.scope, p.node.step) for p in composed.listed(syntax.Deny))  # type: ignore[attr-defined]
    emulate = tuple(step(p.scope, p.node.step) for p in composed.listed(syntax.Emulate))  # type: ignore[attr-defined]
    silent = composed.setting("sandbox", "silent-switches")
    return model.SessionPlan(
        network=_network(composed),
        hide=_paths(composed, syntax.Hide),
        give=_give(composed),
        instrument=_instrument(composed),
        deny=deny,
        emulate=emulate,
        silent_switches=_silent(silent.scope, silent.node) if silent else "never",  # type: ignore[arg-type]
        record_without=_paths(composed, syntax.RecordWithout),
        read_globs=tuple(
            dict.fromkeys(
                one for watched in steps if "file.read" in watched.kinds for one in watched_paths(watched.where)
            )
        ),
        untick=untick(composed),
        kinds=frozenset(kind for one in (*steps, *deny, *emulate) for kind in one.kinds),
    )


def steps_of(trigger: model.Trigger) -> tuple[model.Step, ...]:
    return trigger.steps if isinstance(trigger, model.Sequence) else (trigger.step,)


def watched_paths(where: model.Condition) -> Iterator[str]:
    """The globs of the field `path` that a condition names, those it rules out aside."""
    match where:
        case model.Globs(field="path", globs=named):
            yield from named
        case model.Equals(field="path", value=str() as path):
            yield path
        case model.Contains(field="path", how="begins", value=beginning):
            yield beginning + "**"
        case model.Contains(field="path", how="ends", value=ending):
            yield "/**" + ending
        case model.And(terms=terms) | model.Or(terms=terms):
            for term in terms:
                yield from watched_paths(term)


def _silent(scope: Scope, node: syntax.Node) -> str:
    assert isinstance(node, syntax.SilentSwitches)
    return scope.choice(node.use, ("never", "known"), "a use of silent switches")


def _paths(composed: Composed, kind: type[syntax.Hide] | type[syntax.RecordWithout]) -> tuple[str, ...]:
    paths = [path for node, scope, _ in composed.listed(kind) for path in globs(scope, node.paths)]  # type: ignore[attr-defined]
    return tuple(dict.fromkeys(paths))


def _give(composed: Composed) -> tuple[str, ...]:
    def fits(scope: Scope, value: syntax.Value, path: syntax.Text) -> bool:
        if not (rooted := path.value.startswith("/")):
            scope.report("P0203", value, f'"{path.value[:60]}" is no path: it must begin with "/"')
        return rooted

    given = ((scope, node.sockets) for node, scope, _ in composed.listed(syntax.Give))  # type: ignore[attr-defined]
    return _named(given, SOCKETS, "a socket that can be given", "sockets: a name, or paths in quotes", fits)


def _instrument(composed: Composed) -> tuple[str, ...]:
    def fits(scope: Scope, value: syntax.Value, pattern: syntax.Text) -> bool:
        return glob(scope, pattern.value, value, pattern, rooted=True)

    looked_into = ((scope, node.programs) for node, scope, _ in composed.listed(syntax.Instrument))  # type: ignore[attr-defined]
    return _named(looked_into, CLASSES, "a class of programs", "programs: a class, or path patterns in quotes", fits)


def _named(
    lists: Iterable[tuple[Scope, Sequence[syntax.Value]]], names: Sequence[str], one: str, expected: str,
    fits: Callable[[Scope, syntax.Value, syntax.Text], bool],
) -> tuple[str, ...]:  # fmt: skip
    """What lists name: one of `names`, a let, or texts that `fits`, which reports the others."""
    out: dict[str, None] = {}
    for scope, values in lists:
        for value in values:
            if isinstance(value, syntax.Name) and value.value not in scope.context.lets:
                out[scope.choice(value, names, f"{one}, nor a let")] = None
                continue
            for leaf in scope.values(value):
                if not isinstance(leaf, syntax.Text):
                    scope.report("P0208", value, f"expected {expected}")
                elif fits(scope, value, leaf):
                    out[leaf.value] = None
    return tuple(out)


def _network(composed: Composed) -> tuple[model.NetworkRule, ...]:
    """The rules in force; the general one first. A kind whose rule was overridden is left out of the old one."""
    kinds: dict[int, list[str]] = {}
    placed = {}
    for key, one in composed.settings.items():
        if key[0] == "network":
            placed[id(one.node)] = one
            kinds.setdefault(id(one.node), []).extend(key[2:])
    rules = []
    for ident, (node, scope, _) in placed.items():
        assert isinstance(node, syntax.Network)
        mode = scope.choice(node.mode, MODES, "a network")
        hosts = scope.texts(node.to or (), "host names")
        if node.to is not None and mode != "observed":
            scope.report("P0208", node.mode, "only an observed network can be held to some hosts")
        rules.append(model.NetworkRule(mode=mode, to=hosts, only_for=tuple(kinds[ident])))  # type: ignore[arg-type]
    if not any(not rule.only_for for rule in rules):
        rules.append(model.NetworkRule(mode="none"))
    return tuple(sorted(rules, key=lambda rule: rule.only_for))

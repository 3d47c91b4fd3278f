"""Each engine that is measured: the same rules said in its own language, its fastest way to ask for all that match.

A peer is a function from rules to a function from events to the number of (event, rule) matches. Where an engine
lacks regular expressions, its rule is the nearest wildcard, which costs it less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from workload import Happening, Rule

from pratique.events import Event
from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.model import (
    Action,
    And,
    Condition,
    Equals,
    Flag,
    Globs,
    Matches,
    Not,
    Order,
    Policy,
    Regex,
    Single,
    Step,
)

Asked = Callable[[Sequence[Happening]], int]


def expression_of(rule: Rule) -> str:
    return rf"^{rule.place}/.*{rule.tail}-[0-9]+[.]so$"


def events(happenings: Sequence[Happening]) -> list[Event]:
    """The same happenings as our own events."""
    return [
        Event(one.kind, path=one.path, by_package_manager=one.by_package_manager, size=one.size, seq=at, time=at / 1000)
        for at, one in enumerate(happenings)
    ]


def compiled(rules: Sequence[Rule]) -> CompiledPolicy:
    """The rules as a policy of ours, compiled."""

    def condition(rule: Rule) -> Condition:
        match rule.sort:
            case "exact":
                first: Condition = Equals("path", rule.place)
            case "beneath":
                first = Globs("path", (f"{rule.place}/**",))
            case "extension":
                first = Globs("path", (f"{rule.place}/**/*{rule.tail}",))
            case "regex":
                first = Matches("path", (Regex(expression_of(rule)),))
        terms = [first]
        if rule.unmanaged:
            terms.append(Not(Flag("by_package_manager")))
        if rule.larger is not None:
            terms.append(Order("size", ">", rule.larger))
        return first if len(terms) == 1 else And(tuple(terms))

    actions = tuple(
        Action(
            name=f"a{rule.number}",
            title="",
            category="c",
            weight=1,
            triggers=(Single(Step(kinds=(rule.kind,), where=condition(rule))),),
        )
        for rule in rules
    )
    return compile_policy(Policy(name="bench", actions=actions), home="/home/ann")


def lambdas(rules: Sequence[Rule]) -> Asked:
    """What one writes without an engine: a list of functions, all called for every event."""
    tests = [_lambda(rule) for rule in rules]

    def ask(happenings: Sequence[Happening]) -> int:
        return sum(1 for one in happenings for test in tests if test(one))

    return ask


def _lambda(rule: Rule) -> Callable[[Happening], bool]:
    kind, place, tail, larger = rule.kind, rule.place, rule.tail, rule.larger
    beneath = f"{place}/"
    search = re.compile(expression_of(rule)).search
    first: dict[str, Callable[[Happening], bool]] = {
        "exact": lambda one: one.kind == kind and one.path == place,
        "beneath": lambda one: one.kind == kind and one.path.startswith(beneath),
        "extension": lambda one: one.kind == kind and one.path.startswith(beneath) and one.path.endswith(tail),
        "regex": lambda one: one.kind == kind and search(one.path) is not None,
    }
    test = first[rule.sort]
    if rule.unmanaged:
        return lambda one: test(one) and not one.by_package_manager
    if larger is not None:
        return lambda one: test(one) and one.size > larger
    return test


def cedarpy(rules: Sequence[Rule]) -> Asked:
    import cedarpy as cedar

    def text(rule: Rule) -> str:
        path = {
            "exact": f'context.path == "{rule.place}"',
            "beneath": f'context.path like "{rule.place}/*"',
            "extension": f'context.path like "{rule.place}/*{rule.tail}"',
            "regex": f'context.path like "{rule.place}/*{rule.tail}-*.so"',
        }[rule.sort]
        if rule.unmanaged:
            path += " && !context.by_package_manager"
        if rule.larger is not None:
            path += f" && context.size > {rule.larger}"
        return f'@id("a{rule.number}") permit(principal, action == Action::"{rule.kind}", resource) when {{ {path} }};'

    policies = cedar.PolicySet.from_str("\n".join(map(text, rules)))
    entities: list[dict[str, object]] = []

    def ask(happenings: Sequence[Happening]) -> int:
        requests = [
            {
                "principal": 'Program::"p"',
                "action": f'Action::"{one.kind}"',
                "resource": 'Host::"h"',
                "context": {"path": one.path, "by_package_manager": one.by_package_manager, "size": one.size},
            }
            for one in happenings
        ]
        return sum(
            len(answer.diagnostics.reasons) for answer in cedar.is_authorized_batch(requests, policies, entities)
        )

    return ask


def zen_engine(rules: Sequence[Rule]) -> Asked:
    import zen

    def row(rule: Rule) -> dict[str, str]:
        path = {
            "exact": f'"{rule.place}"',
            "beneath": f'startsWith($, "{rule.place}/")',
            "extension": f'startsWith($, "{rule.place}/") and endsWith($, "{rule.tail}")',
            "regex": f'matches($, "{expression_of(rule)}")',
        }[rule.sort]
        more = "false" if rule.unmanaged else ""
        size = f"> {rule.larger}" if rule.larger is not None else ""
        return {"_id": f"r{rule.number}", "k": f'"{rule.kind}"', "p": path, "m": more, "s": size, "o": f"{rule.number}"}

    fields = (("k", "kind"), ("p", "path"), ("m", "managed"), ("s", "size"))
    origin = {"x": 0, "y": 0}
    document = {
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode", "position": origin},
            {
                "id": "table",
                "name": "table",
                "type": "decisionTableNode",
                "position": origin,
                "content": {
                    "hitPolicy": "collect",
                    "inputs": [{"id": key, "name": name, "field": name} for key, name in fields],
                    "outputs": [{"id": "o", "name": "o", "field": "action"}],
                    "rules": [row(rule) for rule in rules],
                },
            },
            {"id": "out", "name": "out", "type": "outputNode", "position": origin},
        ],
        "edges": [
            {"id": "e1", "type": "edge", "sourceId": "in", "targetId": "table"},
            {"id": "e2", "type": "edge", "sourceId": "table", "targetId": "out"},
        ],
    }
    decision = zen.ZenEngine().create_decision(json.dumps(document))

    def ask(happenings: Sequence[Happening]) -> int:
        return sum(
            len(
                decision.evaluate(
                    {"kind": one.kind, "path": one.path, "managed": one.by_package_manager, "size": one.size}
                )["result"]
            )
            for one in happenings
        )

    return ask


def rule_engine(rules: Sequence[Rule]) -> Asked:
    import rule_engine as engine

    def text(rule: Rule) -> str:
        path = {
            "exact": f'path == "{rule.place}"',
            "beneath": f'path.starts_with("{rule.place}/")',
            "extension": f'path.starts_with("{rule.place}/") and path.ends_with("{rule.tail}")',
            "regex": f'path =~ "{expression_of(rule)}"',
        }[rule.sort]
        path = f'kind == "{rule.kind}" and {path}'
        if rule.unmanaged:
            path += " and not by_package_manager"
        return path if rule.larger is None else f"{path} and size > {rule.larger}"

    context = engine.Context(resolver=engine.resolve_attribute)
    tests = [engine.Rule(text(rule), context=context) for rule in rules]

    def ask(happenings: Sequence[Happening]) -> int:
        return sum(1 for one in happenings for test in tests if test.matches(one))

    return ask


def _cel_text(rule: Rule) -> str:
    path = {
        "exact": f'path == "{rule.place}"',
        "beneath": f'path.startsWith("{rule.place}/")',
        "extension": f'path.startsWith("{rule.place}/") && path.endsWith("{rule.tail}")',
        "regex": f'path.matches(r"{expression_of(rule)}")',
    }[rule.sort]
    path = f'kind == "{rule.kind}" && {path}'
    if rule.unmanaged:
        path += " && !by_package_manager"
    return path if rule.larger is None else f"{path} && size > {rule.larger}"


def _fields(one: Happening) -> dict[str, str | bool | int]:
    return {"kind": one.kind, "path": one.path, "by_package_manager": one.by_package_manager, "size": one.size}


def cel_python(rules: Sequence[Rule]) -> Asked:
    import celpy

    environment = celpy.Environment()
    programs = [environment.program(environment.compile(_cel_text(rule))) for rule in rules]

    def ask(happenings: Sequence[Happening]) -> int:
        found = 0
        for one in happenings:
            given = {name: celpy.json_to_cel(value) for name, value in _fields(one).items()}
            found += sum(1 for program in programs if program.evaluate(given))
        return found

    return ask


def cel_rust(rules: Sequence[Rule]) -> Asked:
    import cel

    programs = [cel.compile(_cel_text(rule)) for rule in rules]

    def ask(happenings: Sequence[Happening]) -> int:
        found = 0
        for one in happenings:
            given = _fields(one)
            found += sum(1 for program in programs if program.execute(given))
        return found

    return ask


def regopy(rules: Sequence[Rule]) -> Asked:
    from regopy import Interpreter

    def text(rule: Rule) -> str:
        path = {
            "exact": f'input.path == "{rule.place}"',
            "beneath": f'startswith(input.path, "{rule.place}/")',
            "extension": f'startswith(input.path, "{rule.place}/"); endswith(input.path, "{rule.tail}")',
            "regex": f"regex.match(`{expression_of(rule)}`, input.path)",
        }[rule.sort]
        path = f'input.kind == "{rule.kind}"; {path}'
        if rule.unmanaged:
            path += "; not input.by_package_manager"
        if rule.larger is not None:
            path += f"; input.size > {rule.larger}"
        return f"hit contains {rule.number} if {{ {path} }}"

    interpreter = Interpreter()
    interpreter.add_module("bench", "package bench\n\n" + "\n".join(map(text, rules)) + "\n")

    def ask(happenings: Sequence[Happening]) -> int:
        found = 0
        for one in happenings:
            interpreter.set_input(_fields(one))
            answer = json.loads(str(interpreter.query("data.bench.hit")))
            found += len(answer["expressions"][0])
        return found

    return ask


#: The engines beside ours; "lambdas" is no engine, but what one writes without one.
PEERS: dict[str, Callable[[Sequence[Rule]], Asked]] = {
    "lambdas": lambdas,
    "cedarpy": cedarpy,
    "zen-engine": zen_engine,
    "rule-engine": rule_engine,
    "cel (Rust)": cel_rust,
    "cel-python": cel_python,
    "regopy": regopy,
}

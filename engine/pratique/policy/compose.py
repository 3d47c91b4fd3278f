"""From many files to one policy: what extends what, who defines a name, and which of two settings counts.

Order never matters: everything is gathered first, and only `override` and `disable` change what stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from pratique.policy import syntax
from pratique.policy.diagnostics import Diagnostic, Note
from pratique.policy.limits import LONGEST_CHAIN
from pratique.policy.model import Location
from pratique.policy.nearest import did_you_mean
from pratique.policy.scope import Context, Scope, Source

#: All files of the policy of that name, from the search path; none when there is no such policy.
Find = Callable[[str], Sequence[Source]]

_DEFINES: Final = (syntax.Action, syntax.Let, syntax.Disclosure, syntax.Channel)
_NAMES: Final = {syntax.Action: "action", syntax.Let: "let", syntax.Disclosure: "disclosure", syntax.Channel: "channel"}


class Placed(NamedTuple):
    """A record, the file it stands in, and the policy it belongs to (its place in the order, bases first)."""

    node: syntax.Node
    scope: Scope
    rank: int

    @property
    def where(self) -> Location:
        return self.scope.place(self.node)


class Unit(NamedTuple):
    """One policy of the chain: its header and its files."""

    name: str
    header: syntax.Policy | None
    scopes: tuple[Scope, ...]
    extends: tuple[str, ...]


class Composed:
    """A policy with all it extends. Names map to the record that counts."""

    def __init__(self, units: tuple[Unit, ...]) -> None:
        self.units = units
        self.actions: dict[str, list[Placed]] = {}  # the definition, then its overrides from the nearest base outward
        self.disabled: dict[str, Placed] = {}
        self.lets: dict[str, Placed] = {}
        self.disclosures: dict[str, Placed] = {}
        self.channels: dict[str, Placed] = {}
        self.settings: dict[tuple[str, ...], Placed] = {}
        self.lists: dict[type[syntax.Node], list[Placed]] = {}  # statements of blocks that unite

    def setting(self, *key: str) -> Placed | None:
        return self.settings.get(key)

    def listed(self, kind: type[syntax.Node]) -> list[Placed]:
        return self.lists.get(kind, [])


# -- the chain of policies --------------------------------------------------------------------------------------------


def chain(root: str, sources: Sequence[Source], find: Find, known: Iterable[str], context: Context) -> tuple[Unit, ...]:
    """The policy and all it extends, bases first, each once."""
    units: dict[str, Unit] = {}
    known = tuple(known)

    def visit(name: str, files: Sequence[Source], path: tuple[str, ...]) -> None:
        unit = _unit(name, files, context)
        for base in _extended(unit):
            if base.value in (*path, name):
                circle = [*path, name]
                circle = [*circle[circle.index(base.value) :], base.value]
                message = f"these policies extend each other in a circle: {' -> '.join(circle)}"
                _scope_of_header(unit).report("P0305", base, message)
            elif base.value not in units:
                if len(path) >= LONGEST_CHAIN:
                    _scope_of_header(unit).report(
                        "P0305", base, f"policies may extend each other no more than {LONGEST_CHAIN} deep"
                    )
                elif more := find(base.value):
                    visit(base.value, more, (*path, name))
                else:
                    help = did_you_mean(base.value, [one for one in known if one != name])
                    help = help or "policies are looked for beside the file, in the settings and in what is shipped"
                    _scope_of_header(unit).report("P0114", base, f'no policy "{base.value}"', help=help)
        units[name] = unit

    visit(root, sources, ())
    return tuple(units.values())


def _extended(unit: Unit) -> list[syntax.Name]:
    if unit.header is None:
        return []
    return [n for one in unit.header.statements if isinstance(one, syntax.Extends) for n in one.names]


def _scope_of_header(unit: Unit) -> Scope:
    return next(scope for scope in unit.scopes if unit.header in scope.source.file.items)


def _unit(name: str, files: Sequence[Source], context: Context) -> Unit:
    scopes = tuple(Scope(source, context) for source in files)
    headers = []
    for scope in scopes:
        context.diagnostics.extend(scope.source.diagnostics)
        beginnings = [i for i in scope.source.file.items if isinstance(i, syntax.Policy | syntax.Part)]
        headers += [Placed(i, scope, 0) for i in beginnings if isinstance(i, syntax.Policy) and i.name.value == name]
        for second in beginnings[1:]:
            related = (Note(scope.place(beginnings[0]), "it begins here"),)
            scope.report("P0302", second, "a file belongs to one policy; this one begins twice", related=related)
    for other in headers[1:]:
        if other.scope is not headers[0].scope:
            related = (Note(headers[0].where, "the first header"),)
            other.scope.report("P0302", other.node, f'the policy "{name}" has two headers', related=related)
    if not headers and scopes and not any(scope.damaged for scope in scopes):
        part = next((i for i in scopes[0].source.file.items if isinstance(i, syntax.Part)), None)
        if part is not None:
            help = f"one file of it begins: policy {name} {{ ... }}"
            scopes[0].report("P0301", part.of, f'no file begins the policy "{name}"', help=help)
    header = headers[0].node if headers else None
    assert header is None or isinstance(header, syntax.Policy)
    unit = Unit(name, header, scopes, ())
    return unit._replace(extends=tuple(base.value for base in _extended(unit)))


# -- gathering --------------------------------------------------------------------------------------------------------


def compose(units: tuple[Unit, ...]) -> Composed:
    """Gather every definition and setting of the chain; those that clash are reported."""
    return _Gathering(units).all()


def settings_of(item: syntax.Node) -> Iterable[tuple[tuple[str, ...], syntax.Node]]:
    """The single-valued statements of an item, each under the name it is set by."""
    match item:
        case syntax.Score() | syntax.Threshold() | syntax.Undesirable() | syntax.Unattended():
            yield (type(item).__name__.lower(),), item
        case syntax.Decide(statements=statements):
            for one in statements:
                yield ("decide", "remember" if isinstance(one, syntax.Remember) else "undesirable"), one
        case syntax.Spool(statements=spooling):
            words = {syntax.Keep: "keep", syntax.WhenFull: "when full", syntax.NeverDrop: "never drop"}
            for statement in spooling:
                yield ("spool", words.get(type(statement), "warn")), statement
        case syntax.Distribute(statements=distributing):
            yield from _distribution(distributing)
        case syntax.Samples(statements=sampling):
            yield from ((("samples", "at most"), one) for one in sampling if isinstance(one, syntax.AtMost))
        case syntax.Reputation(statements=rules):
            yield from ((("reputation", "answer within"), one) for one in rules if isinstance(one, syntax.Answer))
        case syntax.Alert(statements=alerts):
            yield from ((("alert", "at most"), one) for one in alerts if isinstance(one, syntax.AtMostAnHour))
        case syntax.Sandbox(statements=session):
            for rule in session:
                if isinstance(rule, syntax.SilentSwitches):
                    yield ("sandbox", "silent-switches"), rule
                elif isinstance(rule, syntax.Network):
                    for kind in rule.only_for or ():
                        yield ("network", "for", kind.value), rule
                    if not rule.only_for:
                        yield ("network",), rule


def _distribution(
    statements: tuple[syntax.Route | syntax.RollOut | syntax.Halt | syntax.Group, ...],
) -> Iterable[tuple[tuple[str, ...], syntax.Node]]:
    for one in statements:
        match one:
            case syntax.Route(source=source, to=to):
                yield ("route", source.value, "to", to.value), one
            case syntax.RollOut():
                yield ("distribute", "roll out"), one
            case syntax.Halt():
                yield ("distribute", "halt"), one
            case syntax.Group(name=name):
                yield ("group", name.value), one


class _Gathering:
    def __init__(self, units: tuple[Unit, ...]) -> None:
        self.units = units
        self.out = Composed(units)
        self.defined: dict[tuple[str, str], Placed] = {}
        self.overrides: dict[tuple[str, str], list[Placed]] = {}
        self.set: dict[tuple[str, ...], Placed] = {}
        self.set_again: dict[tuple[str, ...], list[Placed]] = {}
        self.disables: list[Placed] = []
        self.bases = self._bases()

    def _bases(self) -> list[set[int]]:
        """For each unit, the ranks of all it extends, near and far."""
        rank = {unit.name: index for index, unit in enumerate(self.units)}
        bases: list[set[int]] = []
        for unit in self.units:
            near = {rank[name] for name in unit.extends if rank.get(name, len(bases)) < len(bases)}
            bases.append(near.union(*(bases[one] for one in near)))
        return bases

    def all(self) -> Composed:
        for rank, unit in enumerate(self.units):
            for scope in unit.scopes:
                for item in scope.source.file.items:
                    self._item(Placed(item, scope, rank))
        self._definitions()
        self._settings()
        self._disables()
        return self.out

    def _item(self, placed: Placed) -> None:
        item, (_, scope, rank) = placed.node, placed
        if isinstance(item, _DEFINES):
            self._define(Placed(item, scope, rank))
        elif isinstance(item, syntax.Override):
            self._override(item.what, scope, rank)
        elif isinstance(item, syntax.Disable):
            self.disables.append(placed)
        elif isinstance(item, syntax.Policy):
            for statement in item.statements:
                if isinstance(statement, syntax.Override):
                    self._override(statement.what, scope, rank)
                else:
                    self._set(statement, scope, rank)
        else:
            self._set(item, scope, rank)
            statements = (item,) if isinstance(item, syntax.Signatures | syntax.Test) else _statements(item)
            for one in statements:
                self.out.lists.setdefault(type(one), []).append(Placed(one, scope, rank))

    def _define(self, placed: Placed) -> None:
        key = _key(placed.node)
        first = self.defined.setdefault(key, placed)
        if first is not placed:
            help = f"to change what another policy defined, write: override {key[0]} {key[1]} ..."
            related = (Note(first.scope.place(_name(first.node)), "first defined here"),)
            message = f'the {key[0]} "{key[1]}" is defined twice'
            placed.scope.report("P0303", _name(placed.node), message, help=help, related=related)

    def _override(self, what: syntax.Overridable, scope: Scope, rank: int) -> None:
        placed = Placed(what, scope, rank)
        if isinstance(what, _DEFINES):
            self.overrides.setdefault(_key(what), []).append(placed)
            return
        single = list(settings_of(what))
        for key, node in single:
            self.set_again.setdefault(key, []).append(Placed(node, scope, rank))
        nodes = [node for _, node in single]
        for statement in _statements(what):
            if statement not in nodes:
                message = "this adds to what other files say and replaces nothing; write it without override"
                scope.report("P0306", statement, message)

    def _set(self, item: syntax.Node, scope: Scope, rank: int) -> None:
        for key, node in settings_of(item):
            placed = Placed(node, scope, rank)
            first = self.set.setdefault(key, placed)
            if first is not placed:
                related = (Note(first.where, "first set here"),)
                message = f'"{" ".join(key)}" is set twice'
                help = "to replace what another policy set, write override before it"
                scope.report("P0304", node, message, help=help, related=related)

    def _definitions(self) -> None:
        places = {"let": self.out.lets, "disclosure": self.out.disclosures, "channel": self.out.channels}
        for (what, name), placed in self.defined.items():
            overrides = self._in_force(self.overrides.pop((what, name), []), placed, f'{what} "{name}"')
            if what == "action":
                self.out.actions[name] = [placed, *overrides]
            else:
                places[what][name] = (overrides or [placed])[-1]
        for (what, name), rest in self.overrides.items():
            names = [known for kind, known in self.defined if kind == what]
            code = "P0105" if what == "action" else "P0306"
            for placed in rest:
                node = _name(placed.node)
                placed.scope.report(code, node, f'no {what} "{name}" to override', help=did_you_mean(name, names))

    def _settings(self) -> None:
        self.out.settings = dict(self.set)
        for key, overrides in self.set_again.items():
            label = f'"{" ".join(key)}"'
            base = self.set.get(key)
            if base is None:
                message = f"nothing sets {label}, so there is nothing to override"
                overrides[0].scope.warn("P0306", overrides[0].node, message, help="write it without override")
            self.out.settings[key] = self._in_force(overrides, base, label)[-1]

    def _in_force(self, overrides: list[Placed], base: Placed | None, what: str) -> list[Placed]:
        """The overrides from the innermost to the one that counts; two that neither outranks the other are reported."""
        overrides = sorted(overrides, key=lambda placed: placed.rank)
        for first, second in pairwise(overrides):
            if first.rank not in self.bases[second.rank]:
                related = (Note(first.where, "first overridden here"),)
                second.scope.report("P0304", second.node, f"{what} is overridden twice", related=related)
        if base is not None:
            for one in overrides:
                if one.rank == base.rank:
                    help = "change it where it stands"
                    one.scope.warn("P0406", one.node, f"this policy itself sets {what}; no need to override", help=help)
                elif base.rank not in self.bases[one.rank]:
                    related = (Note(base.where, "it is set here"),)
                    message = f'{what} belongs to a policy that "{self.units[one.rank].name}" does not extend'
                    one.scope.report("P0306", one.node, message, related=related)
        return overrides

    def _disables(self) -> None:
        for placed in self.disables:
            node = placed.node
            assert isinstance(node, syntax.Disable)
            name = node.action.value
            if name in self.out.actions:
                self.out.disabled.setdefault(name, placed)
            else:
                help = did_you_mean(name, self.out.actions)
                placed.scope.report("P0105", node.action, f'no action "{name}" to disable', help=help)
        for name in self.out.disabled:
            del self.out.actions[name]


def _statements(item: syntax.Node) -> tuple[syntax.Node, ...]:
    return getattr(item, "statements", ())


def _name(node: syntax.Node) -> syntax.Name:
    assert isinstance(node, _DEFINES)
    return node.name


def _key(node: syntax.Node) -> tuple[str, str]:
    return _NAMES[type(node)], _name(node).value


def ownerless(source: Source) -> Diagnostic | None:
    """What to say of a file that names no policy; None when it does (or could not be read so far)."""
    if source.policy or any(diagnostic.severity == "error" for diagnostic in source.diagnostics):
        return None
    return Diagnostic(
        code="P0301",
        message="this file says neither which policy it is nor which it is part of",
        where=Location(source.name, 1, 1),
        help='begin it with: part of NAME; or with a header: policy NAME "..." { version "1.0.0" }',
    )

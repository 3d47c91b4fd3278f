"""From events to findings: the section *Meaning* of docs/language.md, over tables made by `compile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pratique.events import Event, FieldValue
from pratique.policy.disclose import Disclosing
from pratique.policy.groups import Occurrence, count_occurrences, sequence_occurrences
from pratique.policy.match import Fields
from pratique.policy.model import Count, GroupBy, Single
from pratique.policy.model import Sequence as SequenceOf
from pratique.policy.score import Finding

if TYPE_CHECKING:
    from pratique.policy.compile import CompiledPolicy, KindPlan, Plans, Watch


class Circumstances(NamedTuple):
    """What is known of the processes and components of a session (see `CompiledPolicy.findings`)."""

    parents: Mapping[int, int | None] = {}
    programs: Mapping[int, str] = {}
    component_of: Mapping[int, str] = {}
    bundled_by: Mapping[str, str] = {}
    component_of_effect: Mapping[int, str] = {}

    def component(self, event: Event) -> str:
        """The component an event counts for: that of the lasting change it was read from, else of who did it."""
        if event.effect is not None and (component := self.component_of_effect.get(event.effect)):
            return component
        known = self.component_of
        return event.component or known.get(event.process) or known.get(0, "")

    def tree(self, process: int) -> int:
        """The process that has no parent, above this one: what "by tree" groups by."""
        seen = {process}
        while True:
            parent = self.parents.get(process)
            if parent is None or parent in seen:
                return process
            seen.add(parent)
            process = parent

    def group(self, by: GroupBy, event: Event) -> int | str:
        """What an event is grouped under."""
        match by:
            case "process":
                return event.process
            case "tree":
                return self.tree(event.process)
            case "component":
                return self.component(event)
            case "session":
                return 0


#: An event, and a step it meets.
Hit: TypeAlias = "tuple[Event, Watch]"


#: Events taken together: enough for a search of all their values to cost little more than reading them.
_TOGETHER: Final = 1024


def hits(plans: Plans, events: Sequence[Event], around: Circumstances) -> list[Hit]:
    """Which events meet which steps, in no order; a step met in two ways may come twice.

    The hot loop. It works on columns, all values of one field of some events of one kind, so that the tables loop
    within and most events, which meet nothing, cost no call.
    """
    out: list[Hit] = []
    for start in range(0, len(events), _TOGETHER):
        rows: dict[str, list[Event]] = {kind: [] for kind in plans}
        row_of = rows.get
        for event in events[start : start + _TOGETHER]:
            row = row_of(event.kind)
            if row is not None:
                row.append(event)
        for kind, own in rows.items():
            if own:
                _hits_of_kind(plans[kind], own, around, out)
    return out


def _hits_of_kind(plan: KindPlan, own: list[Event], around: Circumstances, out: list[Hit]) -> None:
    if plan.common:
        own_fields = [fields_of_event(event, around) for event in own]
    for name, tables in plan.columns:
        column = (
            [fields.get(name) for fields in own_fields] if plan.common else [event.fields.get(name) for event in own]
        )
        classes = set(map(type, column))
        for wanted, among in tables:
            if wanted not in classes:
                continue
            whose = range(len(own)) if len(classes) == 1 else [at for at, v in enumerate(column) if type(v) is wanted]
            for index, entries in among(column if len(classes) == 1 else [column[at] for at in whose]):
                at = whose[index]
                event = own[at]
                fields: Fields = own_fields[at] if plan.common else event.fields
                out += [(event, watch) for watch, test in entries if test is None or test(fields)]
    for test, watches in plan.asked:
        for at, event in enumerate(own):
            if test is None or test(own_fields[at] if plan.common else event.fields):
                out += [(event, watch) for watch in watches]


def fields_of_event(event: Event, around: Circumstances) -> dict[str, FieldValue]:
    """The fields of an event, with those every event has: who did it."""
    return {
        **event.fields,
        "program": around.programs.get(event.process, ""),
        "component": around.component(event),
        "observer": event.observer,
    }


def _when(event: Event) -> tuple[float, int]:
    return event.time, event.seq


def findings(compiled: CompiledPolicy, events: Sequence[Event], around: Circumstances) -> list[Finding]:
    """See `CompiledPolicy.findings`."""
    by_trigger: dict[int, list[Hit]] = {}
    every = {(id(event), watch): (event, watch) for event, watch in hits(compiled.plans, events, around)}
    for hit in sorted(every.values(), key=lambda hit: _when(hit[0])):
        by_trigger.setdefault(hit[1].number, []).append(hit)
    found: dict[tuple[int, str], list[Occurrence]] = {}
    for number in sorted(by_trigger):
        own = by_trigger[number]
        order = own[0][1].order
        for occurrence in _occurrences(own, around):
            # Several events together count for the component whose act completed them.
            found.setdefault((order, around.component(occurrence[-1])), []).append(occurrence)
    if not found:
        return []
    done_by: dict[str, set[str]] = {}
    for order, component in found:
        done_by.setdefault(compiled.policy.actions[order].name, set()).add(component)
    disclosing = Disclosing(compiled.disclosures, events, around, done_by)
    ready = [
        _finding(compiled, order, component, occurrences, disclosing)
        for (order, component), occurrences in found.items()
    ]
    ready.sort(key=lambda item: item[0])
    return [finding for _, finding in ready]


def _occurrences(own: list[Hit], around: Circumstances) -> list[Occurrence]:
    """What the hits of one trigger amount to."""
    trigger = own[0][1].trigger
    if isinstance(trigger, Single):
        return [(event,) for event, _ in own]
    grouped: dict[int | str, list[Hit]] = {}
    for hit in own:
        grouped.setdefault(around.group(trigger.by, hit[0]), []).append(hit)
    out: list[Occurrence] = []
    for group in grouped.values():
        match trigger:
            case Count(at_least=at_least, within=within):
                out += count_occurrences([event for event, _ in group], at_least, within)
            case SequenceOf(steps=steps, within=within):
                out += sequence_occurrences(_with_steps(group), len(steps), within)
    return out


def _with_steps(group: list[Hit]) -> list[tuple[Event, frozenset[int]]]:
    """Each event once, with the numbers of all steps it meets."""
    met: dict[int, tuple[Event, set[int]]] = {}
    for event, watch in group:
        met.setdefault(id(event), (event, set()))[1].add(watch.step)
    return [(event, frozenset(steps)) for event, steps in met.values()]


def _finding(
    compiled: CompiledPolicy, order: int, component: str, occurrences: list[Occurrence], disclosing: Disclosing
) -> tuple[tuple[float, int, int, str], Finding]:
    """The finding, and what findings are put in order by."""
    action = compiled.policy.actions[order]
    # The same evidence found by two triggers of an action is one thing that happened.
    apart = {tuple(id(event) for event in occurrence): occurrence for occurrence in occurrences}
    evidence = sorted({id(event): event for one in apart.values() for event in one}.values(), key=_when)
    first = evidence[0]
    disclosed = disclosing.told(action.name, component, _when(first)) is not None
    weight = action.disclosed_weight if disclosed and action.disclosed_weight is not None else action.weight
    finding = Finding(
        action=action.name,
        title=action.title,
        category=action.category,
        weight=weight,
        disclosed=disclosed,
        count=min(len(apart), action.each_up_to),
        component=component,
        remedy=action.remedy,
        because=action.because,
        evidence=tuple(event.seq for event in evidence),
        where=action.where,
    )
    return (first.time, first.seq, order, component), finding

"""From events to findings: the section *Meaning* of docs/language.md, over tables made by `compile`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from pratique.events import IN_THE_END, Event, EventSequence, FieldValue
from pratique.policy.disclose import KINDS, Disclosing
from pratique.policy.evidence import Evidence, Mark, lasting
from pratique.policy.groups import Counting, Following
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
    changed: frozenset[str] = frozenset()  # paths that were changed for good
    unaltered: frozenset[str] = frozenset()  # paths that were touched, not used, and are what they were

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
    """Which events meet which steps, in no order; a step met in two ways may come twice."""
    return [hit for batch in _batches(events) for hit in hits_among(plans, batch, around)]


def _batches(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), _TOGETHER):
        yield events[start : start + _TOGETHER]


def hits_among(plans: Plans, events: Sequence[Event], around: Circumstances) -> list[Hit]:
    """The hits of some events taken together.

    The hot loop. It works on columns, all values of one field of some events of one kind, so that the tables loop
    within and most events, which meet nothing, cost no call.
    """
    if around.unaltered:
        events = [event for event in events if not _came_to_nothing(event, around.unaltered)]
    out: list[Hit] = []
    rows: dict[str, list[Event]] = {kind: [] for kind in plans}
    row_of = rows.get
    for event in events:
        row = row_of(event.kind)
        if row is not None:
            row.append(event)
    for kind, own in rows.items():
        if own:
            _hits_of_kind(plans[kind], own, around, out)
    return out


def _came_to_nothing(event: Event, unaltered: frozenset[str]) -> bool:
    """Whether it was a call that left nothing. One that the policy denied, or pretended, is told whatever was left."""
    return (
        event.kind in IN_THE_END
        and event.effect is None
        and not event.fields.get("outcome")
        and event.fields.get("path") in unaltered
    )


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
    """See `CompiledPolicy.findings`. What is kept from event to event is what groups and evidence keep of it."""
    if not (isinstance(events, EventSequence) and events.in_order):
        events = sorted(events, key=_when)
    found: dict[tuple[int, str], Evidence] = {}  # by the order of the action, and the component
    groups: dict[tuple[int, int | str], Counting | Following] = {}  # by trigger, and what it groups by
    orders: dict[int, int] = {}  # of the actions, by the number of the trigger
    telling: list[Event] = []  # what may have told the person

    def evidence(order: int, component: str) -> Evidence:
        key = (order, component)
        if key not in found:
            found[key] = Evidence(compiled.policy.actions[order].each_up_to)
        return found[key]

    at = 0
    for batch in _batches(events):
        if compiled.disclosures:
            telling += [event for event in batch if event.kind in KINDS]
        for mark, event, watches in _met(hits_among(compiled.plans, batch, around), batch, at, around):
            for number, (watch, steps) in watches.items():
                trigger = watch.trigger
                if isinstance(trigger, Single):
                    evidence(watch.order, mark.component).add_one(mark)
                    continue
                key = (number, around.group(trigger.by, event))
                group = groups.get(key)
                if group is None:
                    group = groups[key] = _group(trigger)
                    orders[number] = watch.order
                occurrence = group.met(mark) if isinstance(group, Counting) else group.met(mark, frozenset(steps))
                if occurrence is not None and occurrence.last is not None:
                    # Several events together count for the component whose act completed them.
                    evidence(watch.order, occurrence.last.component).add(occurrence)
        at += len(batch)
    for (number, _), group in groups.items():
        occurrence = group.end() if isinstance(group, Counting) else None
        if occurrence is not None and occurrence.last is not None:
            evidence(orders[number], occurrence.last.component).add(occurrence)
    if not found:
        return []
    done_by: dict[str, set[str]] = {}
    for order, component in found:
        done_by.setdefault(compiled.policy.actions[order].name, set()).add(component)
    disclosing = Disclosing(compiled.disclosures, telling, around, done_by)
    ready = [_finding(compiled, order, component, own, disclosing) for (order, component), own in found.items()]
    ready.sort(key=lambda item: item[0])
    return [finding for _, finding in ready]


def _met(
    found: list[Hit], batch: Sequence[Event], first: int, around: Circumstances
) -> Iterator[tuple[Mark, Event, dict[int, tuple[Watch, set[int]]]]]:
    """The events that met something, in order; for each the triggers, by number, and which of their steps it met."""
    if not found:
        return
    by_event: dict[int, dict[int, tuple[Watch, set[int]]]] = {}
    for event, watch in found:
        by_event.setdefault(id(event), {}).setdefault(watch.number, (watch, set()))[1].add(watch.step)
    for at, event in enumerate(batch, first):
        watches = by_event.get(id(event))
        if watches is not None:
            tells = lasting(event, around.changed)
            yield Mark(event.time, event.seq, at, around.component(event), tells), event, watches


def _group(trigger: Count | SequenceOf) -> Counting | Following:
    if isinstance(trigger, Count):
        return Counting(trigger.at_least, trigger.within)
    return Following(len(trigger.steps), trigger.within)


def _finding(
    compiled: CompiledPolicy, order: int, component: str, evidence: Evidence, disclosing: Disclosing
) -> tuple[tuple[float, int, int, str], Finding]:
    """The finding, and what findings are put in order by."""
    action = compiled.policy.actions[order]
    marks = evidence.marks()
    first = marks[0]
    disclosed = disclosing.told(action.name, component, (first.time, first.seq)) is not None
    weight = action.disclosed_weight if disclosed and action.disclosed_weight is not None else action.weight
    finding = Finding(
        action=action.name,
        title=action.title,
        category=action.category,
        weight=weight,
        disclosed=disclosed,
        count=min(evidence.occurrences, action.each_up_to),
        component=component,
        remedy=action.remedy,
        because=action.because,
        evidence=tuple(mark.seq for mark in marks),
        evidence_count=evidence.count,
        where=action.where,
    )
    return (first.time, first.seq, order, component), finding

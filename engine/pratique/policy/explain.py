"""Why a verdict is what it is: which line gave which number, what nearly counted, and what would have changed it.

Everything here asks the engine itself (the same predicates, tables and scoring), so that an explanation cannot disagree
with the verdict it explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from pratique.events import Event, FieldValue
from pratique.policy import wording
from pratique.policy.compile import CompiledPolicy, steps_of
from pratique.policy.evaluate import Circumstances, fields_of_event, hits
from pratique.policy.index import rank
from pratique.policy.match import Predicate, fields_of, predicate
from pratique.policy.model import Action, And, Condition, Count, Decide, Equals, Not, OneOf, Or, Order, Single
from pratique.policy.nearest import listed
from pratique.policy.score import Finding, Verdict, VerdictClass, judge, shown

#: A condition with a key no better than this (a flag, a bound) holds of too many events for a miss to be near.
_TELLING_RANK = 5


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One condition and whether it held. `found` is what the event has for it; `terms` are its parts."""

    text: str
    holds: bool
    found: str = ""
    terms: tuple[Reason, ...] = ()


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """What one finding gave, and the line of the policy that says so."""

    action: str
    title: str
    where: str  # file:line
    component: str
    category: str
    weight: float
    count: int
    disclosed: bool
    adds: float  # what the total of the whole would lose without it
    evidence: tuple[int, ...]
    triggers: tuple[str, ...] = ()  # those that were met, in words
    because: tuple[str, ...] = ()  # why the policy finds it undesirable


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """An action that an event came near to, and what kept it from being found."""

    action: str
    title: str
    where: str
    weight: float
    trigger: str
    event: str
    seq: int | None
    reasons: tuple[Reason, ...]  # the conditions that did not hold
    note: str = ""
    near: bool = True  # a condition that names a place or a text held


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that would matter: what it is, and what the verdict would be."""

    text: str
    kind: Literal["without", "told", "near"]
    actions: tuple[str, ...]
    total: float
    verdict: VerdictClass

    def __str__(self) -> str:
        return f"{self.text} the total is {shown(self.total).removesuffix('.0')}: {self.verdict}"


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    verdict: Verdict
    numbers: tuple[Number, ...]
    misses: tuple[Miss, ...]
    changes: tuple[Change, ...]
    more_misses: int = 0  # near ones beyond those in `misses`


def explain(
    compiled: CompiledPolicy, events: Sequence[Event], verdict: Verdict, around: Circumstances, *,
    misses: int | None = 8,
) -> Explanation:  # fmt: skip
    """Explain a verdict of this policy on these events, with so many near misses (None: all), the nearest first."""
    policy = compiled.policy
    every = near_misses(compiled, events, verdict, around)
    near = tuple(every[:misses])
    return Explanation(
        verdict=verdict,
        numbers=numbers(verdict, policy.decide, met_triggers(compiled, events, around)),
        misses=near,
        changes=tuple(changes(verdict, policy.decide, {action.name: action for action in policy.actions}, near)),
        more_misses=len(every) - len(near),
    )


def why(condition: Condition, fields: Mapping[str, FieldValue], home: str) -> Reason:
    """Whether the condition holds of these fields, and each of its parts."""
    terms: tuple[Condition, ...] = ()
    match condition:
        case And(terms=parts) | Or(terms=parts):
            terms = parts
        case Not(term=term):
            terms = (term,) if isinstance(term, And | Or) else ()
    return Reason(
        text=wording.condition(condition),
        holds=predicate(condition, home)(fields),
        found="" if terms else _found(condition, fields),
        terms=tuple(why(term, fields, home) for term in terms),
    )


def _found(condition: Condition, fields: Mapping[str, FieldValue]) -> str:
    names = dict.fromkeys(fields_of(condition))
    octal = isinstance(condition, Equals | OneOf | Order) and condition.octal
    known = {name: wording.constant(fields[name], octal=octal) for name in names if fields.get(name) is not None}
    return ", ".join(f"{name} is {known.get(name, 'not known')}" for name in names)


def failed(reason: Reason) -> Iterator[Reason]:
    """The smallest parts that kept the condition from holding."""
    if reason.holds:
        return
    own = [term for term in reason.terms if not term.holds]
    if not own or reason.text.startswith("not "):
        yield reason
    for term in () if reason.text.startswith("not ") else own:
        yield from failed(term)


# -- which line gave which number -------------------------------------------------------------------------------------


def numbers(
    verdict: Verdict, decide: Decide, triggers: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Number, ...]:
    """What each finding gave, the heaviest first. `triggers`: for each action, those that were met, in words."""
    out = []
    for at, finding in enumerate(verdict.findings):
        rest = [other for index, other in enumerate(verdict.findings) if index != at]
        out.append(
            Number(
                action=finding.action,
                title=finding.title,
                where=str(finding.where),
                component=finding.component,
                category=finding.category,
                weight=finding.weight,
                count=finding.count,
                disclosed=finding.disclosed,
                adds=verdict.total - again(verdict, rest, decide).total,
                evidence=finding.evidence,
                triggers=(triggers or {}).get(finding.action, ()),
                because=finding.because,
            )
        )
    return tuple(sorted(out, key=lambda number: -number.weight * number.count))


def again(verdict: Verdict, findings: Sequence[Finding], decide: Decide) -> Verdict:
    """The verdict there would be with these findings instead."""
    return judge(
        findings,
        components=[part.name for part in verdict.components],
        method=verdict.method,
        threshold=verdict.threshold,
        decide=decide,
    )


def met_triggers(
    compiled: CompiledPolicy, events: Sequence[Event], around: Circumstances
) -> dict[str, tuple[str, ...]]:
    """Action -> its triggers that some event met a step of, in words."""
    met: dict[str, dict[str, None]] = {}
    seen: set[int] = set()
    for _, watch in sorted(hits(compiled.plans, events, around), key=lambda hit: hit[1].number):
        if watch.number not in seen:
            seen.add(watch.number)
            met.setdefault(watch.action.name, {})[wording.trigger(watch.trigger)] = None
    return {name: tuple(words) for name, words in met.items()}


# -- what nearly counted ----------------------------------------------------------------------------------------------


def near_misses(
    compiled: CompiledPolicy, events: Sequence[Event], verdict: Verdict, around: Circumstances
) -> list[Miss]:
    """Actions that were not found though something telling of them held, nearest first; for each its nearest event."""
    found = {finding.action for finding in verdict.findings}
    by_kind: dict[str, list[Event]] = {}
    for event in events:
        by_kind.setdefault(event.kind, []).append(event)
    every = []
    for action in compiled.policy.actions:
        if action.name not in found:
            near = _nearest(compiled, action, by_kind, around)
            if near is not None:
                every.append(near)
    return sorted(every, key=_distance)


def _nearest(
    compiled: CompiledPolicy, action: Action, by_kind: Mapping[str, list[Event]], around: Circumstances
) -> Miss | None:
    best: Miss | None = None
    for trigger in action.triggers:
        for number, step in enumerate(steps_of(trigger)):
            holds = predicate(step.where, compiled.home)
            telling = _telling(step.where, compiled.home)
            for event in (event for kind in step.kinds for event in by_kind.get(kind, ())):
                fields = fields_of_event(event, around)
                if holds(fields):
                    if not isinstance(trigger, Single):
                        note = (
                            f"the number it needs, {trigger.at_least}, was not reached"
                            if isinstance(trigger, Count)
                            else f"step {number + 1} of {len(trigger.steps)} was met, the sequence was not completed"
                        )
                        return _miss(action, wording.trigger(trigger), event, (), note)
                elif telling is not None and telling(fields):
                    reasons = tuple(failed(why(step.where, fields, compiled.home)))
                    if best is None or len(reasons) < len(best.reasons):
                        best = _miss(action, wording.trigger(trigger), event, reasons)
    return best


def _telling(condition: Condition, home: str) -> Predicate | None:
    """What must hold for a miss to be near: the parts that name a place or a text. None: there is no such part."""
    if not isinstance(condition, And):
        return None
    parts = [predicate(term, home) for term in condition.terms if rank(term) <= _TELLING_RANK]
    if not parts:
        return None
    return lambda fields: any(part(fields) for part in parts)


def _miss(
    action: Action, trigger: str, event: Event, reasons: tuple[Reason, ...], note: str = "", near: bool = True
) -> Miss:
    return Miss(
        action=action.name,
        title=action.title,
        where=str(action.where),
        weight=action.weight,
        trigger=trigger,
        event=wording.event(event.kind, event.fields),
        seq=event.seq,
        reasons=reasons,
        note=note,
        near=near,
    )


def misses_of_event(compiled: CompiledPolicy, event: Event, around: Circumstances) -> list[Miss]:
    """Every action that listens to events of this kind and was not met by this one, the nearest first."""
    out = []
    fields = fields_of_event(event, around)
    for action in compiled.policy.actions:
        triggers = [
            (trigger, step) for trigger in action.triggers for step in steps_of(trigger) if event.kind in step.kinds
        ]
        if not triggers or any(predicate(step.where, compiled.home)(fields) for _, step in triggers):
            continue
        misses = []
        for trigger, step in triggers:
            telling = _telling(step.where, compiled.home)
            near = telling is not None and telling(fields)
            reasons = tuple(failed(why(step.where, fields, compiled.home)))
            misses.append(_miss(action, wording.trigger(trigger), event, reasons, near=near))
        out.append(min(misses, key=_distance))
    return sorted(out, key=_distance)


def _distance(miss: Miss) -> tuple[bool, int, float]:
    return not miss.near, len(miss.reasons), -miss.weight


# -- what would have changed it ---------------------------------------------------------------------------------------


def changes(
    verdict: Verdict, decide: Decide, actions: Mapping[str, Action], misses: Sequence[Miss] = ()
) -> Iterator[Change]:
    """What would have to be different for the class of the verdict to change; the smallest differences first."""
    if verdict.undesirable:
        yield from _without(verdict, decide)
        yield from _told(verdict, decide, actions)
    else:
        yield from _with_misses(verdict, decide, actions, misses)


def _without(verdict: Verdict, decide: Decide) -> Iterator[Change]:
    """Each finding that alone decides; where none does, the fewest, taking the heaviest first."""
    names = list(dict.fromkeys(f.action for f in sorted(verdict.findings, key=lambda f: -f.weight * f.count)))
    alone = False
    for name in names:
        rest = again(verdict, [finding for finding in verdict.findings if finding.action != name], decide)
        if not rest.undesirable:
            alone = True
            yield Change(
                text=f"without {name}", kind="without", actions=(name,), total=rest.total, verdict=rest.verdict
            )
    if alone:
        return
    gone: list[str] = []
    for name in names:
        gone.append(name)
        rest = again(verdict, [finding for finding in verdict.findings if finding.action not in gone], decide)
        if not rest.undesirable:
            text = f"without {listed(gone, 'and')}"
            yield Change(text=text, kind="without", actions=tuple(gone), total=rest.total, verdict=rest.verdict)
            return


def _told(verdict: Verdict, decide: Decide, actions: Mapping[str, Action]) -> Iterator[Change]:
    """What being told would have changed: of one action, else of all."""
    names = list(dict.fromkeys(f.action for f in verdict.findings if _can_be_told(f, actions)))
    for chosen in ((name,) for name in names):
        change = _if_told(verdict, decide, actions, chosen)
        if change is not None:
            yield change
            return
    if len(names) > 1 and (change := _if_told(verdict, decide, actions, tuple(names))) is not None:
        yield change


def _can_be_told(finding: Finding, actions: Mapping[str, Action]) -> bool:
    action = actions.get(finding.action)
    return action is not None and action.disclosed_weight is not None and not finding.disclosed


def _if_told(verdict: Verdict, decide: Decide, actions: Mapping[str, Action], names: tuple[str, ...]) -> Change | None:
    findings = [
        msgspec.structs.replace(finding, disclosed=True, weight=actions[finding.action].disclosed_weight)
        if finding.action in names and not finding.disclosed
        else finding
        for finding in verdict.findings
    ]
    rest = again(verdict, findings, decide)
    if rest.undesirable:
        return None
    text = f"had the person been told of {listed(names, 'and')}"
    return Change(text=text, kind="told", actions=names, total=rest.total, verdict=rest.verdict)


def _with_misses(
    verdict: Verdict, decide: Decide, actions: Mapping[str, Action], misses: Sequence[Miss]
) -> Iterator[Change]:
    """The near misses that would have made it undesirable."""
    component = verdict.components[0].name if verdict.components else ""
    for miss in misses:
        action = actions[miss.action]
        finding = Finding(
            action=action.name,
            category=action.category,
            weight=action.weight,
            component=component,
            remedy=action.remedy,
        )
        more = again(verdict, [*verdict.findings, finding], decide)
        if more.undesirable:
            yield Change(
                text=f"with {action.name}", kind="near", actions=(action.name,), total=more.total, verdict=more.verdict
            )

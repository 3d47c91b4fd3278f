"""A policy made ready to judge with: once per session, before the first event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pratique.events import Event
from pratique.policy import evaluate
from pratique.policy.index import KindIndex, LookAmong
from pratique.policy.match import Predicate, needs_common
from pratique.policy.model import Action, Count, Disclosure, Policy, Single, Step, Trigger
from pratique.policy.model import Sequence as SequenceOf
from pratique.policy.score import Finding, Verdict, judge


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """One step of one trigger of one action: what an event is found by."""

    number: int  # of the trigger, in the order of the policy
    action: Action
    trigger: Trigger
    step: int
    order: int  # of the action


@dataclass(frozen=True, slots=True)
class KindPlan:
    """What is done with an event of one kind."""

    columns: tuple[tuple[str, tuple[tuple[type, LookAmong[Watch]], ...]], ...]  # for each field, its tables
    asked: tuple[tuple[Predicate | None, tuple[Watch, ...]], ...]
    common: bool  # some condition asks who did it


Plans: TypeAlias = "Mapping[str, KindPlan]"


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy, and the tables that find which of its actions an event is evidence of."""

    policy: Policy
    home: str
    plans: Plans
    disclosures: Mapping[str, tuple[Disclosure, ...]]  # by the action they cover

    def findings(
        self,
        events: Sequence[Event],
        *,
        parents: Mapping[int, int | None] = {},
        programs: Mapping[int, str] = {},
        component_of: Mapping[int, str] = {},
        bundled_by: Mapping[str, str] = {},
        component_of_effect: Mapping[int, str] = {},
        changed: frozenset[str] = frozenset(),
        unaltered: frozenset[str] = frozenset(),
    ) -> list[Finding]:
        """What these events are evidence of, in the order of the first evidence.

        The mappings are by process id: its parent (None: none), its executable, its component; an event's own
        `component` wins over its process's, and an event of an unknown process counts for the component of process 0.
        `component_of_effect` is by the number of the effect an event was read from, and wins over both. `bundled_by`
        maps a component to the one that brought it; `changed` are the paths of files that were changed for good,
        `unaltered` those that were touched and are what they were. The order of `events` makes no difference; of an
        `EventSequence` that is in order only some are in memory at a time.
        """
        around = evaluate.Circumstances(
            parents, programs, component_of, bundled_by, component_of_effect, changed, unaltered
        )  # fmt: skip
        return evaluate.findings(self, events, around)

    def verdict(
        self,
        events: Sequence[Event],
        *,
        components: Sequence[str] = (),
        parents: Mapping[int, int | None] = {},
        programs: Mapping[int, str] = {},
        component_of: Mapping[int, str] = {},
        bundled_by: Mapping[str, str] = {},
        component_of_effect: Mapping[int, str] = {},
        changed: frozenset[str] = frozenset(),
        unaltered: frozenset[str] = frozenset(),
    ) -> Verdict:
        """The findings, scored. `components` names every component, also those nothing was found in."""
        found = self.findings(
            events, parents=parents, programs=programs, component_of=component_of, bundled_by=bundled_by,
            component_of_effect=component_of_effect, changed=changed, unaltered=unaltered,
        )  # fmt: skip
        return self.score(found, components)

    def score(self, findings: Sequence[Finding], components: Sequence[str] = ()) -> Verdict:
        """The verdict on these findings by this policy's method, threshold and criterion."""
        policy = self.policy
        return judge(
            findings, components=components, method=policy.method, threshold=policy.threshold, decide=policy.decide
        )


def compile_policy(policy: Policy, *, home: str) -> CompiledPolicy:
    """Build the tables. `home` is what `~` stands for, absolute.

    Raises `GlobError` or `ValueError` for what the checker should have refused: a glob, expression or network that
    cannot be.
    """
    indexes: dict[str, KindIndex[Watch]] = {}
    common: set[str] = set()
    number = 0
    for order, action in enumerate(policy.actions):
        for trigger in action.triggers:
            for at, step in enumerate(steps_of(trigger)):
                watch = Watch(number, action, trigger, at, order)
                for kind in step.kinds:
                    if kind not in indexes:
                        indexes[kind] = KindIndex(home)
                    indexes[kind].add(step.where, watch)
                    if needs_common(step.where):
                        common.add(kind)
            number += 1
    covering: dict[str, list[Disclosure]] = {}
    for disclosure in policy.disclosures:
        for name in disclosure.covers:
            covering.setdefault(name, []).append(disclosure)
    return CompiledPolicy(
        policy=policy,
        home=home,
        plans={kind: KindPlan(index.columns(), index.asked(), kind in common) for kind, index in indexes.items()},
        disclosures={name: tuple(own) for name, own in covering.items()},
    )


def steps_of(trigger: Trigger) -> tuple[Step, ...]:
    """The steps of a trigger, in order."""
    match trigger:
        case Single(step=step) | Count(step=step):
            return (step,)
        case SequenceOf(steps=steps):
            return steps

"""What to do with a judged session: what can be left out, and who says so.

Flags win over what is remembered, that over the policy, that over the person. Leaving out is worked out before anybody
is asked, so that `without` is only offered where the rest is clean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from pratique import refusing
from pratique.hookspecs import Remedy
from pratique.policy.model import LEAVES_OUT, Decide, Policy
from pratique.policy.score import Finding, Verdict, judge
from pratique.recording import Effect, Recording
from pratique.report import Choice, DecisionPart, Treatment

#: What a quarantine can always tell. A policy that listens to one of these where no observer tells it is half blind.
ALWAYS_TOLD: Final = frozenset({
    "file.create", "file.write", "file.delete", "file.mode", "file.read", "account.add", "account.modify",
    "service.add", "service.enable",
})  # fmt: skip


class LeavingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What `without` would do.

    `treatments` maps the index of each finding to what becomes of it; `effects` holds every id that would not reach the
    host; `rest` is the verdict on the findings that stay. `refused` are the components that are left out as a whole,
    `inseparable` those that could not be, with the reason; `depending` says what stays and needs something of them.
    `untold`: an observer is missing, failed or overran, so that a clean verdict may only mean that nobody saw.
    """

    treatments: Mapping[int, Treatment]
    effects: frozenset[int]
    rest: Verdict
    refused: frozenset[str] = frozenset()
    inseparable: Mapping[str, str] = {}
    depending: tuple[str, ...] = ()
    untold: bool = False

    @property
    def offered(self) -> bool:
        """Something can be left out, and what stays is clean."""
        return bool(self.effects or self.refused) and not self.rest.undesirable

    @property
    def enough(self) -> bool:
        """What stays is clean, with or without anything to leave out."""
        return not self.rest.undesirable


class Evidence:
    """Which effects events are evidence of: the one an event was read from, or those on the path it names."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._by_path: dict[str, list[int]] = {}
        for effect in recording.effects:
            if effect.type == "file":
                self._by_path.setdefault(effect.path, []).append(effect.id)

    def effects(self, seqs: Sequence[int]) -> frozenset[int]:
        """Ids of the effects behind the events of these numbers. Reading a file is no effect."""
        found: set[int] = set()
        for seq in seqs:
            event = self._recording.event(seq)
            if event is None:
                continue
            if event.effect is not None:
                found.add(event.effect)
            elif event.kind.startswith("file.") and event.kind != "file.read":
                found.update(self._by_path.get(str(event.fields.get("path")), ()))
        return frozenset(found)


def belonging(recording: Recording, verdict: Verdict) -> dict[int, str]:
    """Effect id -> the (heaviest) action it is evidence of."""
    evidence = Evidence(recording)
    owner: dict[int, tuple[float, str]] = {}
    for finding in verdict.findings:
        for effect in evidence.effects(finding.evidence):
            if effect not in owner or owner[effect][0] < finding.weight:
                owner[effect] = (finding.weight, finding.action)
    return {effect: action for effect, (_, action) in owner.items()}


def leave_out(
    recording: Recording, verdict: Verdict, decide: Decide, remedies: Mapping[str, Remedy], *,
    refused: frozenset[str] = frozenset(), only_refused: bool = False,
) -> LeavingOut:  # fmt: skip
    """Ask each finding's remedy what it would drop, and score what stays.

    The components in `refused` go as a whole, their findings with them; `only_refused`: nothing else does. Where the
    findings alone do not suffice, a bundled component that stays undesirable is left out as a whole when that makes the
    rest clean (docs/language.md, Without). A file that also holds somebody else's change and cannot be taken apart is
    dropped only when all of it goes; otherwise the finding stays, and its note says why.
    """
    out = _leave_out(recording, verdict, decide, remedies, refused, only_refused)
    main = refusing.main(recording)
    if only_refused or out.enough or not main:
        return out
    more = {part.name for part in out.rest.components if part.verdict == "undesirable" and part.name != main}
    further = _leave_out(recording, verdict, decide, remedies, refused | more, only_refused)
    return further if further.enough else out


def _leave_out(
    recording: Recording, verdict: Verdict, decide: Decide, remedies: Mapping[str, Remedy], refused: frozenset[str],
    only_refused: bool,
) -> LeavingOut:  # fmt: skip
    evidence = Evidence(recording)
    effects = {effect.id: effect for effect in recording.effects}
    cut_off = any(observer.state in ("failed", "overran") for observer in recording.observers)
    asked: dict[int, tuple[Treatment, frozenset[int]]] = {}
    for index, finding in enumerate(verdict.findings):
        if only_refused or finding.component in refused:
            asked[index] = (Treatment(outcome="kept"), frozenset())
            continue
        own = [effects[i] for i in sorted(evidence.effects(finding.evidence)) if i in effects]
        asked[index] = _remedied(finding, own, recording, remedies)
    # A refused component is one more thing to be left out, as if it were a finding: numbered below the findings.
    whole = {-1 - at: name for at, name in enumerate(sorted(refused))}
    for index, name in whole.items():
        asked[index] = (Treatment(outcome="reverted"), refusing.effects(recording, name))
    treatments, dropped = _settle(asked, effects)
    outcomes = {name: treatments.pop(index) for index, name in whole.items()}
    inseparable = {name: treatment.note for name, treatment in outcomes.items() if treatment.outcome == "failed"}
    gone = refused - inseparable.keys()
    for index, finding in enumerate(verdict.findings):
        if finding.component in gone:
            own_effects = evidence.effects(finding.evidence) & dropped
            note = f"left out with {finding.component}"
            treatments[index] = Treatment(outcome="reverted", note=note, effects=own_effects)
        elif finding.component in inseparable:
            treatments[index] = Treatment(outcome="failed", note=inseparable[finding.component])
    rest = tuple(f for index, f in enumerate(verdict.findings) if treatments[index].outcome in ("kept", "failed"))
    return LeavingOut(
        treatments=treatments,
        effects=dropped,
        refused=gone,
        inseparable=inseparable,
        depending=refusing.depending(recording, gone, dropped) if gone else (),
        untold=not ALWAYS_TOLD.isdisjoint(recording.unobserved)
        or (cut_off and not effects.keys() <= {event.effect for event in recording.events}),
        rest=judge(
            rest,
            components=[part.name for part in verdict.components if part.name not in gone],
            method=verdict.method,
            threshold=verdict.threshold,
            decide=decide,
        ),
    )


def _remedied(
    finding: Finding, own: Sequence[Effect], recording: Recording, remedies: Mapping[str, Remedy]
) -> tuple[Treatment, frozenset[int]]:
    """What the finding's remedy makes of it, and the effects it would drop."""
    if finding.remedy not in LEAVES_OUT:
        return Treatment(outcome="kept", note=_why_kept(finding.remedy)), frozenset()
    remedy = remedies.get(finding.remedy) or remedies.get("revert")
    if remedy is None:
        return Treatment(outcome="failed", note=f"no plugin offers {finding.remedy!r}"), frozenset()
    outcome = remedy.apply(recording, own)
    dropped = outcome.effects & {effect.id for effect in own}
    if outcome.outcome in ("reverted", "disabled") and not dropped:
        # A remedy's word is not enough to take a finding off the score.
        return Treatment(outcome="failed", note="its remedy left nothing out"), dropped
    return Treatment(outcome=outcome.outcome, note=outcome.note), dropped


def _why_kept(remedy: str) -> str:
    if remedy == "none":
        return "it cannot be left out: what it did is done"
    return f"its remedy is {remedy}, which leaves nothing out"


def _settle(
    asked: Mapping[int, tuple[Treatment, frozenset[int]]], effects: Mapping[int, Effect]
) -> tuple[dict[int, Treatment], frozenset[int]]:
    """Drop the parts of compound effects, unless somebody who stays needs them too."""
    refused: set[int] = set()  # indexes of findings that cannot be treated after all
    while True:
        dropped = {i for index, (_, ids) in asked.items() if index not in refused for i in ids}
        needed = {
            part: effect
            for effect in effects.values()
            if effect.id not in dropped and effect.type == "account"
            for part in effect.parts
        }
        again = False
        for index, (_, ids) in asked.items():
            if index not in refused and any(part in needed for i in ids for part in effects[i].parts):
                refused.add(index)
                again = True
        if not again:
            break
    whole = set(dropped)
    for i in dropped:
        whole.update(effects[i].parts)
    treatments = {}
    for index, (treatment, ids) in asked.items():
        if index in refused:
            note = "its file also holds a change that stays"
            treatments[index] = Treatment(outcome="failed", note=note)
        else:
            treatments[index] = Treatment(outcome=treatment.outcome, note=treatment.note, effects=ids)
    return treatments, frozenset(whole)


Flag = Literal["install", "without", "refuse"]

#: Asked at most once; None: nobody can be asked.
Asker = Callable[[], "Choice | None"]


def choose(
    policy: Policy,
    verdict: Verdict,
    leaving: LeavingOut,
    *,
    flag: Flag | None,
    remembered: Choice | None,
    ask: Asker,
) -> DecisionPart:
    """The decision: flag, else remembered, else policy, else the person, else the policy's word for unattended runs.

    A `without` that would leave something undesirable becomes `refuse`, by the same source. What is clean only as far
    as was told is not installed unasked.
    """

    def settled(choice: Choice, source: Literal["flag", "remembered", "policy", "person"]) -> DecisionPart:
        if choice == "without" and not leaving.enough:
            choice = "refuse"
        return DecisionPart(choice=choice, source=source)

    if flag is not None:
        return settled(flag, "flag")
    if remembered is not None:
        return settled(remembered, "remembered")
    if not verdict.undesirable and not leaving.untold:
        return settled("install", "policy")
    if policy.undesirable != "ask" and verdict.undesirable:
        return settled(policy.undesirable, "policy")
    answer = ask()
    if answer is not None:
        return settled(answer, "person")
    return settled(policy.unattended if verdict.undesirable else "refuse", "policy")

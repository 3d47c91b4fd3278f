"""What to do with a judged session: what can be left out, and who says so.

Flags win over what is remembered, that over the policy, that over the person. Leaving out is worked out before anybody
is asked, so that `without` is only offered where the rest is clean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from pratique import refusing
from pratique.events import Event
from pratique.hookspecs import Remedy
from pratique.policy.model import LEAVES_OUT, Policy
from pratique.policy.narrowing import narrow
from pratique.policy.score import Finding, Verdict, asked_for, judge
from pratique.recording import Effect, Recording
from pratique.report import Choice, DecisionPart, Treatment
from pratique.separating import Separated, separate

#: What a quarantine can always tell. A policy that listens to one of these where no observer tells it is half blind.
ALWAYS_TOLD: Final = frozenset({
    "file.create", "file.write", "file.delete", "file.mode", "file.read", "account.add", "account.modify",
    "service.add", "service.enable",
})  # fmt: skip


_WHAT_IT_LEFT: Final = "what it left; what it did besides is done"


class LeavingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What `without` would do.

    `treatments` maps the index of each finding to what becomes of it; `effects` holds every id that would not reach the
    host; of the files in `pieces` only these pieces of the change would not. `rest` is the verdict on the findings that
    stay. `refused` are the components that are left out as a whole, `inseparable` those that could not be, with the
    reason; `depending` says what stays and needs something of them.
    `only_components`: findings of other components were not looked at, the rest is installed as it is.
    `untold`: an observer is missing, failed or overran, so that a clean verdict may only mean that nobody saw; or the
    person wanted to stop the program.
    """

    treatments: Mapping[int, Treatment]
    effects: frozenset[int]
    rest: Verdict
    pieces: Mapping[int, frozenset[int]] = {}
    refused: frozenset[str] = frozenset()
    inseparable: Mapping[str, str] = {}
    depending: tuple[str, ...] = ()
    only_components: bool = False
    untold: bool = False

    @property
    def offered(self) -> bool:
        """Something can be left out, and what stays is clean."""
        return bool(self.effects or self.refused) and self.enough

    @property
    def enough(self) -> bool:
        """What stays is clean, with or without anything to leave out, and what was to go goes."""
        return not self.rest.undesirable and not self.inseparable


class Evidence:
    """Which effects events are evidence of: the one an event was read from, or those on the path it names."""

    def __init__(self, recording: Recording, policy: Policy) -> None:
        self._recording = recording
        self._actions = {action.name: action for action in policy.actions}
        self._by_path: dict[str, list[int]] = {}
        self._lines: dict[int, list[Effect]] = {}
        for effect in recording.effects:
            if effect.type == "file":
                self._by_path.setdefault(effect.path, []).append(effect.id)
            elif effect.type == "lines":
                self._lines.setdefault(effect.shares[0].file, []).append(effect)

    def effects(self, finding: Finding) -> frozenset[int]:
        """Ids of the effects behind a finding. Reading a file is no effect.

        Of a text file these are the lines the action is about, where it says what is written and not only where.
        """
        found: set[int] = set()
        for seq in finding.evidence:
            event = self._recording.event(seq)
            if event is None:
                continue
            if event.effect is not None:
                found.update(self._narrowed(finding.action, event, event.effect))
            elif event.kind.startswith("file.") and event.kind != "file.read":
                for effect in self._by_path.get(str(event.fields.get("path")), ()):
                    found.update(self._narrowed(finding.action, event, effect))
        return frozenset(found)

    def beyond(self, finding: Finding) -> bool:
        """Whether some of it is no change of a file, an account or a service, and cannot be taken back: it was run."""
        events = (self._recording.event(seq) for seq in finding.evidence)
        return any(one is not None and one.effect is None and not one.kind.startswith("file.") for one in events)

    def _narrowed(self, name: str, event: Event, effect: int) -> Iterable[int]:
        action, lines = self._actions.get(name), self._lines.get(effect)
        if action is None or not lines:
            return (effect,)
        texts = [{"added": one.details["added"], "removed": one.details["removed"]} for one in lines]
        numbers = narrow(action, event.kind, event.fields, texts, self._recording.home)
        return (effect,) if numbers is None else (lines[number].id for number in numbers)


def belonging(recording: Recording, verdict: Verdict, policy: Policy) -> dict[int, str]:
    """Effect id -> the (heaviest) action it is evidence of."""
    evidence = Evidence(recording, policy)
    owner: dict[int, tuple[float, str]] = {}
    for finding in verdict.findings:
        for effect in evidence.effects(finding):
            if effect not in owner or owner[effect][0] < finding.weight:
                owner[effect] = (finding.weight, finding.action)
    return {effect: action for effect, (_, action) in owner.items()}


def leave_out(
    recording: Recording, verdict: Verdict, policy: Policy, remedies: Mapping[str, Remedy], *,
    refused: frozenset[str] = frozenset(), only_refused: bool = False,
) -> LeavingOut:  # fmt: skip
    """Ask each finding's remedy what it would drop, and score what stays.

    The components in `refused` go as a whole, their findings with them; `only_refused`: nothing else does. Where the
    findings alone do not suffice, a bundled component that stays undesirable is left out as a whole when that makes the
    rest clean (docs/language.md, Without). What cannot be told apart from something that stays (see `separating`) keeps
    its finding, and the note says why. What weighs nothing, and makes nothing undesirable by being found, stays.
    """
    out = _leave_out(recording, verdict, policy, remedies, refused, only_refused)
    main = refusing.main(recording)
    if only_refused or out.enough or not main:
        return out
    more = {part.name for part in out.rest.components if part.verdict == "undesirable" and part.name != main}
    further = _leave_out(recording, verdict, policy, remedies, refused | more, only_refused)
    return further if further.enough else out


def _leave_out(
    recording: Recording, verdict: Verdict, policy: Policy, remedies: Mapping[str, Remedy], refused: frozenset[str],
    only_refused: bool,
) -> LeavingOut:  # fmt: skip
    evidence = Evidence(recording, policy)
    effects = {effect.id: effect for effect in recording.effects}
    cut_off = any(observer.state in ("failed", "overran") for observer in recording.observers)
    weighed = asked_for(policy.decide.undesirable)
    asked: dict[int, tuple[Treatment, frozenset[int]]] = {}
    for index, finding in enumerate(verdict.findings):
        if only_refused or finding.component in refused:
            asked[index] = (Treatment(outcome="kept"), frozenset())
            continue
        if not finding.weight and finding.action not in weighed:
            asked[index] = (Treatment(outcome="kept", note="it weighs nothing"), frozenset())
            continue
        own = [effects[i] for i in sorted(evidence.effects(finding)) if i in effects]
        treatment, ids = _remedied(finding, own, recording, remedies)
        if treatment.outcome in ("reverted", "disabled") and not treatment.note and evidence.beyond(finding):
            treatment = Treatment(outcome=treatment.outcome, note=_WHAT_IT_LEFT)
        asked[index] = (treatment, ids)
    # A refused component is one more thing to be left out, as if it were a finding: numbered below the findings.
    whole = {-1 - at: name for at, name in enumerate(sorted(refused))}
    for index, name in whole.items():
        asked[index] = (Treatment(outcome="reverted"), refusing.effects(recording, name))
    separated, treatments = _settle(asked, effects)
    dropped = separated.effects
    outcomes = {name: treatments.pop(index) for index, name in whole.items()}
    inseparable = {name: treatment.note for name, treatment in outcomes.items() if treatment.outcome == "failed"}
    gone = refused - inseparable.keys()
    for index, finding in enumerate(verdict.findings):
        if finding.component in gone:
            own_effects = evidence.effects(finding) & dropped
            note = f"left out with {finding.component}"
            treatments[index] = Treatment(outcome="reverted", note=note, effects=own_effects)
        elif finding.component in inseparable:
            treatments[index] = Treatment(outcome="failed", note=inseparable[finding.component])
    rest = tuple(f for index, f in enumerate(verdict.findings) if treatments[index].outcome in ("kept", "failed"))
    return LeavingOut(
        treatments=treatments,
        effects=dropped,
        pieces=separated.pieces,
        refused=gone,
        inseparable=inseparable,
        depending=(
            *(refusing.depending(recording, gone, dropped) if gone else ()),
            *(effects[i].details["remains"] for i in sorted(dropped) if "remains" in effects[i].details),
        ),
        only_components=only_refused,
        untold=recording.stopping  # what they wanted to stop is not installed unasked
        or bool(recording.lost)
        or not ALWAYS_TOLD.isdisjoint(recording.unobserved)
        or (
            cut_off
            and not {i for i in effects if effects[i].type != "lines"} <= {event.effect for event in recording.events}
        ),
        rest=judge(
            rest,
            components=[part.name for part in verdict.components if part.name not in gone],
            method=verdict.method,
            threshold=verdict.threshold,
            decide=policy.decide,
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
) -> tuple[Separated, dict[int, Treatment]]:
    """What is left out, and what becomes of each finding then: some cannot be treated after all."""
    separated, impossible = separate({index: ids for index, (_, ids) in asked.items()}, effects)
    treatments = {}
    for index, (treatment, ids) in asked.items():
        if index in impossible:
            treatments[index] = Treatment(outcome="failed", note=impossible[index])
        else:
            note = treatment.note or _what_stays(ids, separated, effects)
            treatments[index] = Treatment(outcome=treatment.outcome, note=note, effects=ids)
    return separated, treatments


def _what_stays(ids: Iterable[int], separated: Separated, effects: Mapping[int, Effect]) -> str:
    """A word for the person where only some lines of a file go."""
    shares = [share for i in ids if effects[i].type == "lines" for share in effects[i].shares]
    files = sorted({effects[share.file].path for share in shares if share.file in separated.pieces})
    return f"the rest of {', '.join(files)} stays" if files else ""


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
        if leaving.inseparable or (choice == "without" and not leaving.enough):
            choice = "refuse"
        applies = choice == "without" or (choice == "install" and leaving.only_components)
        return DecisionPart(choice=choice, source=source, components=tuple(sorted(leaving.refused)) if applies else ())

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

"""From a judged recording and a decision to what is installed, the exit code and the report.

Pure, so that a replay comes to the same conclusion as the session itself did.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pratique import deciding
from pratique import report as reporting
from pratique.deciding import LeavingOut
from pratique.errors import ConflictError
from pratique.policy.model import Policy
from pratique.policy.score import Verdict
from pratique.recording import Recording
from pratique.report import DecisionPart, Report, Treatment, WithoutPart
from pratique.run import shut_out


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """`wanted` are the ids of the file effects to put on the host; empty unless `exit_code` is 0.

    Of those in `pieces` these pieces of the change are left out.
    """

    report: Report
    exit_code: int
    message: str = ""
    hint: str = ""
    wanted: frozenset[int] = frozenset()
    pieces: Mapping[int, frozenset[int]] = {}


def conclude(
    recording: Recording, policy: Policy, verdict: Verdict, leaving: LeavingOut, decision: DecisionPart | None, *,
    applied: frozenset[int] | None = None, hindered: tuple[int, str] | None = None, hint: str = "",
    remaining: Verdict | None = None,
) -> Conclusion:  # fmt: skip
    """What follows from the decision. `decision` None: not decided yet (the report shown with the question).

    `applied` are the file effects that reached the host, once they have; until then all that are wanted count.
    `hindered` is what kept an installation from being, exit code and reason: it is noted, and nothing is kept.
    `remaining` is the verdict on all but the components that are about to be left out.
    """
    exit_code, message = _outcome(recording, verdict, leaving, decision)
    if hindered is not None and exit_code == 0:
        exit_code, message = hindered
        recording = msgspec.structs.replace(recording, notes=(*recording.notes, *as_notes(message)))
    wanted: frozenset[int] = frozenset()
    without = decision is not None and exit_code == 0 and _applies(leaving, decision)
    dropped = leaving.effects if without else frozenset()
    if decision is not None and exit_code == 0:
        wanted = frozenset(
            effect.id
            for effect in recording.effects
            if effect.type == "file" and not effect.unfit and effect.id not in dropped
        )
    report = reporting.make(
        recording,
        policy,
        verdict,
        exit_code=exit_code,
        decision=decision,
        treatments=_treatments(verdict, leaving, decision, exit_code),
        belongs=deciding.belonging(recording, verdict, policy),
        kept=_kept(recording, wanted if applied is None else applied, dropped),
        without=WithoutPart(
            total=leaving.rest.total,
            offered=leaving.offered,
            components=tuple(sorted(leaving.refused)),
            inseparable=dict(leaving.inseparable),
            depending=leaving.depending,
            remaining=None if remaining is None else reporting.verdict_part(remaining),
        ),
    )
    failed = exit_code == 11 and bool(recording.exit_status)
    did_something = exit_code == 6 and any(effect.type == "file" and not effect.unfit for effect in recording.effects)
    anyway = "what it did until it failed is installed with `--anyway`" if did_something else ""
    return Conclusion(
        report=report,
        exit_code=exit_code,
        message=message,
        hint="\n  ".join(filter(None, (shut_out.hint(recording), hint, anyway))) if exit_code == 6 or failed else "",
        wanted=wanted,
        pieces=leaving.pieces if without else {},
    )


def as_notes(message: str) -> tuple[str, ...]:
    """A note for each line: what is in the way, and then every path it is about."""
    return tuple(line.strip().rstrip(":") for line in message.splitlines())


def _outcome(
    recording: Recording, verdict: Verdict, leaving: LeavingOut, decision: DecisionPart | None
) -> tuple[int, str]:
    """Exit code and a word for people. 10 and 11 win over 6 (docs/language.md; exit codes)."""
    if decision is None:
        return 0, ""
    if decision.choice == "refuse":
        if leaving.inseparable:
            why = "; ".join(
                f"{name} cannot be left out by itself: {note}" for name, note in leaving.inseparable.items()
            )
            return (10 if verdict.undesirable else 11), f"{why}; not installed"
        if verdict.undesirable:
            rest = "" if leaving.enough else "; even without what can be left out it is undesirable"
            return 10, f"judged undesirable, not installed{rest}"
        if decision.source == "policy" and leaving.untold and recording.exit_status == 0:
            why = "it was to be stopped" if recording.stopping else "not everything was watched"
            return 11, f"nothing undesirable was seen, but {why}; not installed"
        if decision.source != "policy" or recording.exit_status == 0 or recording.anyway:
            if recording.exit_status == 0:
                return 11, "clean but refused; not installed"
            how = reporting.ending(recording.exit_status)
            return 11, f"nothing undesirable was seen, but the installer failed (it {how}); refused, not installed"
    if recording.exit_status != 0 and not recording.anyway:
        how = reporting.ending(recording.exit_status)
        return 6, f"the installer itself failed (it {how}); nothing was committed"
    return 0, ""


def _kept(recording: Recording, applied: frozenset[int], dropped: frozenset[int]) -> frozenset[int]:
    """The effects that reached the host: the files applied, and what consists of nothing else."""
    compound = {
        effect.id
        for effect in recording.effects
        if effect.type != "file"
        and effect.id not in dropped
        and (files := (*effect.parts, *(share.file for share in effect.shares)))
        and all(file in applied for file in files)
    }
    return applied | compound


def _treatments(
    verdict: Verdict, leaving: LeavingOut, decision: DecisionPart | None, exit_code: int
) -> dict[int, Treatment]:
    if decision is None:
        return _hindered(leaving)
    if exit_code != 0:
        hindered = _hindered(leaving)
        return {
            index: Treatment(outcome="reverted", note=hindered.get(index, Treatment()).note)
            for index in range(len(verdict.findings))
        }
    return dict(leaving.treatments) if _applies(leaving, decision) else {}


def _hindered(leaving: LeavingOut) -> dict[int, Treatment]:
    """What cannot be left out, and why: said before the question, and where nothing is installed for it."""
    return {
        index: Treatment(note=f"cannot be left out by itself: {treatment.note}")
        for index, treatment in leaving.treatments.items()
        if treatment.outcome == "failed"
    }


def _applies(leaving: LeavingOut, decision: DecisionPart) -> bool:
    """Whether what was worked out is left out: by `without`, and by `install` when it was only about components."""
    return decision.choice == "without" or (decision.choice == "install" and leaving.only_components)


def blocked(recording: Recording, policy: Policy) -> Conclusion:
    """A program that is known and blocked is not run at all."""
    decision = DecisionPart(choice="refuse", source="policy")
    because = "; ".join(recording.subject.reasons)
    return Conclusion(
        report=reporting.make(recording, policy, None, exit_code=11, decision=decision),
        exit_code=11,
        message=f"blocked as known ({because}); it was not run" if because else "blocked as known; it was not run",
        hint="`pratique decisions` shows marks made by hand; `pratique policy explain` the policy's lists",
    )


def given_up(recording: Recording, policy: Policy, verdict: Verdict, leaving: LeavingOut) -> Conclusion:
    """Whoever was asked went away, or their terminal did: judged, and not decided."""
    undecided = conclude(recording, policy, verdict, leaving, None)
    report = msgspec.structs.replace(undecided.report, exit_code=130)
    return Conclusion(report=report, exit_code=130, message="interrupted; nothing was committed")


def swapped(recording: Recording, policy: Policy, verdict: Verdict, path: str) -> Conclusion:
    """The installer was changed while it was judged: what is known of it is not of the file that lies there now."""
    trouble = ConflictError(f"{path} was changed while it was judged; nothing was committed")
    recording = msgspec.structs.replace(recording, notes=(*recording.notes, str(trouble)))
    belongs = deciding.belonging(recording, verdict, policy)
    return Conclusion(
        report=reporting.make(recording, policy, verdict, exit_code=trouble.exit_code, belongs=belongs),
        exit_code=trouble.exit_code,
        message=str(trouble),
        hint="find out what changes it, and run it again",
    )


def cut_short(recording: Recording, policy: Policy, verdict: Verdict, timeout: float | None) -> Conclusion:
    """A session that was ended before the program had: shown as far as it got, and nothing installed."""
    code = 130 if recording.ended == "interrupted" else 7
    belongs = deciding.belonging(recording, verdict, policy)
    report = reporting.make(recording, policy, verdict, exit_code=code, belongs=belongs)
    if recording.ended == "interrupted":
        return Conclusion(report=report, exit_code=code, message="interrupted; nothing was committed")
    after = f" after {timeout:g} s" if timeout is not None else ""
    return Conclusion(
        report=report,
        exit_code=code,
        message=f"not finished{after}: everything it started is gone, nothing was committed",
        hint="give it more time with --timeout, or an answer if it was waiting for one",
    )

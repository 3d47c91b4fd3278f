"""`pratique run`, without the screen: identify, quarantine, judge, decide, install.

The stages hand values forward; nothing below calls back up except through the `Face`, which shows progress and asks.
"""

from __future__ import annotations

import contextlib
import secrets
import time

from msgspec.structs import replace

from pratique import deciding, judging, meaning, refusing
from pratique.deciding import LeavingOut
from pratique.decisions import Decisions, lasting, scope
from pratique.errors import ConflictError, NoRoomError, PratiqueError
from pratique.hookspecs import Launch
from pratique.host import Host
from pratique.identify import identify
from pratique.policy import unheeded
from pratique.policy.compile import compile_policy
from pratique.policy.model import Policy
from pratique.policy.score import Verdict
from pratique.recording import Recording
from pratique.report import Choice, DecisionPart, Report
from pratique.run import installing, keeping
from pratique.run.claimed import claimed
from pratique.run.concluding import Conclusion, blocked, conclude, cut_short, given_up, swapped
from pratique.run.options import Face, Limits, Options, Preview, Reply, Result
from pratique.run.preparing import fingerprint, launch_for, network_for, person
from pratique.run.remedying import remedies
from pratique.run.watching import Watched, watch

__all__ = ["Face", "Limits", "Options", "Preview", "Reply", "Result", "commit_kept", "remedies", "run"]


def run(options: Options, policy: Policy, host: Host, face: Face, *, notes: tuple[str, ...] = ()) -> Result:
    """The whole way of one program. Raises `PratiqueError` where nothing was run or nothing can be said of it."""
    account = person(options.as_user, options.typed)
    decisions = Decisions()
    before = fingerprint(options.command[0])
    subject = identify(
        host, options.command, bare=options.bare, trust=policy.trust, origin=options.origin, decisions=decisions,
        reputation=policy.reputation,
    )  # fmt: skip
    if subject.known == "blocked":
        recording = Recording(
            id=secrets.token_hex(4), subject=subject, home=account.home, started=time.time(), notes=notes,
            components=(meaning.main_component(subject),), ended="blocked",
        )  # fmt: skip
        recording = told(recording, host)
        return _result(recording, blocked(recording, policy))
    network, network_notes = network_for(options.network, policy, subject, account)
    launch = launch_for(host, subject, options, network, account, policy)
    with contextlib.ExitStack() as end:
        session = end.enter_context(claimed())
        watched = watch(
            options, policy, host, face, session, subject=subject, launch=launch, network=network, account=account
        )
        end.enter_context(watched.quarantine)
        notes = (*notes, *unheeded.notes(policy), *network_notes, *watched.recording.notes)
        recording = told(replace(watched.recording, notes=notes), host)
        with face.working("weighing what it did"):
            verdict = judging.judge(compile_policy(policy, home=account.home), recording)
        if fingerprint(options.command[0]) != before:
            return _result(recording, swapped(recording, policy, verdict, options.command[0]))
        if recording.ended != "completed":
            return _result(recording, cut_short(recording, policy, verdict, options.timeout))
        if options.keep:
            return _keep(policy, host, recording, verdict, watched)
        return _decide_and_install(options, policy, host, face, decisions, launch, recording, verdict, watched)


def commit_kept(session: str, options: Options, policy: Policy, host: Host, face: Face) -> Result:
    """The rest of the way of a session that was kept: judged again by the policy of today, decided, installed.

    It stays kept unless it was installed, or somebody refused it. Raises `UsageError`, `PratiqueError`.
    """
    with keeping.opened(session) as (kept, quarantine):
        recording = replace(kept, anyway=kept.anyway or options.anyway)
        verdict = judging.judge(compile_policy(policy, home=recording.home), recording)
        result = _decide_and_install(
            options, policy, host, face, Decisions(), Launch(command=()), recording, verdict,
            Watched(recording, quarantine),
        )  # fmt: skip
        decided = result.report.decision
        refused = decided is not None and decided.choice == "refuse" and decided.source in ("flag", "person")
        if result.exit_code == 0 or refused:
            quarantine.discard()
    return result


def _keep(policy: Policy, host: Host, recording: Recording, verdict: Verdict, watched: Watched) -> Result:
    """Nothing is decided yet: the exit code tells the verdict, the report what a decision would be about."""
    leaving = deciding.leave_out(recording, verdict, policy, remedies(host))
    keeping.keep(watched.quarantine, recording)
    code, trouble = 0, ""
    if verdict.undesirable:
        code, trouble = 10, "judged undesirable"
    elif recording.exit_status != 0 and not recording.anyway:
        code, trouble = 6, "the installer itself failed"
    report = conclude(recording, policy, verdict, leaving, None).report
    return Result(
        report=replace(report, exit_code=code),
        exit_code=code,
        recording=recording,
        message=f"{trouble}; it is kept, nothing is installed" if code else "",
    )


def _decide_and_install(
    options: Options, policy: Policy, host: Host, face: Face, decisions: Decisions, launch: Launch,
    recording: Recording, verdict: Verdict, watched: Watched,
) -> Result:  # fmt: skip
    offered = remedies(host)

    def leaving_out(components: frozenset[str], choice: Choice | None = None) -> LeavingOut:
        # To install all but some components leaves nothing else out.
        only = bool(components) and choice == "install"
        return deciding.leave_out(recording, verdict, policy, offered, refused=components, only_refused=only)

    named = refusing.named(recording.components, options.without_components)
    leaving = leaving_out(named, options.flag)
    remembered = decisions.lookup(recording.subject) if options.flag is None else None
    failed = recording.exit_status != 0 and not options.anyway
    reply: Reply | None = None

    def preview(components: frozenset[str]) -> Report:
        remaining = leaving_out(components, "install").rest if components else None
        return conclude(recording, policy, verdict, leaving_out(components), None, remaining=remaining).report

    def ask() -> Choice | None:
        nonlocal reply
        # An installer that failed by itself has nothing to install: there is nothing to ask.
        if not options.attended or failed:
            return None
        subject = recording.subject
        signer = subject.signer.name if subject.signer is not None else ""
        remember_as = scope(subject, policy.decide.remember_by).in_words(signer) if subject.sha256 else ""
        reply = face.ask(preview, remember_as=remember_as, lasting=lasting(policy.decide.remember_for))
        return reply.choice if reply else None

    try:
        decision = deciding.choose(
            policy, verdict, leaving, flag=options.flag,
            remembered=remembered.answers(verdict) if remembered and not recording.stopping else None, ask=ask,
        )  # fmt: skip
    except KeyboardInterrupt:  # only the question takes so long
        return _result(recording, given_up(recording, policy, verdict, leaving))
    if reply is not None and reply.components:
        answer, named = reply.choice, reply.components
        leaving = leaving_out(named, answer)
        decision = deciding.choose(policy, verdict, leaving, flag=None, remembered=None, ask=lambda: answer)
    recording = told(recording, host)
    conclusion = conclude(recording, policy, verdict, leaving, decision, hint=launch.hint)
    applied = None
    notes: tuple[str, ...] = ()
    if conclusion.exit_code == 0:
        try:
            with face.working("putting it in place"):
                installed = installing.install(watched.quarantine, recording, conclusion, host)
        except (ConflictError, NoRoomError) as trouble:
            hindered = (trouble.exit_code, str(trouble))
            hint = installing.keep(watched.quarantine, recording, trouble)
            conclusion = conclude(recording, policy, verdict, leaving, decision, hindered=hindered)
            return _result(recording, replace(conclusion, hint=hint), decision, named, hindered)
        applied, notes = installed.applied, installed.notes
    if reply is not None and reply.remember and conclusion.exit_code in (0, 10, 11):
        notes += _remember(decisions, recording, policy, verdict, reply.choice)
    recording = replace(recording, notes=(*recording.notes, *notes))
    conclusion = conclude(recording, policy, verdict, leaving, decision, applied=applied, hint=launch.hint)
    return _result(recording, conclusion, decision, named)


def _remember(
    decisions: Decisions, recording: Recording, policy: Policy, verdict: Verdict, choice: Choice
) -> tuple[str, ...]:
    """Keep the person's choice for the next time. What hinders it is noted: by now the choice was carried out."""
    try:
        decisions.remember(
            recording.subject, choice, verdict=verdict, by=policy.decide.remember_by,
            expires_in=policy.decide.remember_for, policy=f"{policy.name} {policy.version}",
        )  # fmt: skip
    except PratiqueError as trouble:
        return (f"the choice is not remembered: {trouble}",)
    return ()


def _result(
    recording: Recording, conclusion: Conclusion, decision: DecisionPart | None = None,
    named: frozenset[str] = frozenset(), hindered: tuple[int, str] | None = None,
) -> Result:  # fmt: skip
    from pratique.recording import Decided

    decided = None
    if decision is not None:
        decided = Decided(
            choice=decision.choice, source=decision.source, components=tuple(sorted(named)), hindered=hindered
        )
    return Result(
        report=conclusion.report,
        exit_code=conclusion.exit_code,
        recording=replace(recording, decided=decided),
        message=conclusion.message,
        hint=conclusion.hint,
    )


def told(recording: Recording, host: Host) -> Recording:
    """With a note of every plugin that failed. How the observers fared stands in a place of its own."""
    failures = dict.fromkeys(
        f"plugin {failure.plugin} failed in {failure.hook}: {failure.message}"
        for failure in host.failures()
        if failure.hook != "observe"
    )
    new = [note for note in failures if note not in recording.notes]
    return replace(recording, notes=(*recording.notes, *new)) if new else recording

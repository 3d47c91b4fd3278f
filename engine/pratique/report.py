"""The one document a session ends with: for people, for `--json`, for the history and for the fleet.

`docs/report.schema.json` is generated from these records (`python -m pratique.report`), and a test compares the two.
"""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, Literal

import msgspec

from pratique import judging
from pratique.policy.model import Policy
from pratique.policy.score import Finding, Verdict
from pratique.recording import Effect, Process, Recording

SCHEMA: Final = "pratique.report/1"

Choice = Literal["install", "without", "refuse"]
Outcome = Literal["denied", "emulated", "reverted", "unticked", "disabled", "kept", "failed"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    pass


class SubjectPart(Record, frozen=True, kw_only=True):
    path: str
    name: str
    command: tuple[str, ...]
    sha256: str
    size: int  # bytes
    kind: str
    signer: dict[str, str | bool] | None
    owner: dict[str, str] | None
    origin: str | None
    known: Literal["allowed", "blocked", "unknown"]
    reasons: tuple[str, ...]
    facts: dict[str, str]


class VerdictPart(Record, frozen=True, kw_only=True):
    verdict: Literal["clean", "undesirable"] = msgspec.field(name="class")
    total: float
    threshold: float
    method: str


class EvidencePart(Record, frozen=True, kw_only=True):
    """One event, as far as it helps to understand the finding. Its process is named where it was seen."""

    kind: str
    time: float  # s since the session began
    process: int
    program: str = ""  # what the process ran ...
    command: str = ""  # ... and its command line, cut where it is long
    observer: str
    fields: dict[str, str | float | bool | None]


class ActionPart(Record, frozen=True, kw_only=True):
    """An undesirable action that was found. `outcome` says what became of it.

    Stopped while it ran: "denied" (the call was refused), "emulated" (it only seemed to work), "unticked" (the offer
    was declined). Left out afterwards: "reverted" (nothing of it is on the machine; so of all when nothing was
    installed, also of what left no trace to put back), "disabled" (it is there, and switched off). Not left out:
    "kept", and "failed" where it was tried; `note` says why. Before a decision: "kept".
    """

    name: str
    title: str
    category: str
    weight: float  # the one that counted, once
    disclosed: bool
    count: int
    component: str
    remedy: str
    outcome: Outcome
    note: str
    because: tuple[str, ...]
    policy: str  # file:line of the action
    evidence: tuple[EvidencePart, ...]
    evidence_count: int


class ComponentPart(Record, frozen=True, kw_only=True):
    name: str
    sha256: str
    kind: str
    total: float
    verdict: Literal["clean", "undesirable"] = msgspec.field(name="class")
    decision: Choice | None
    files: int
    place: str = ""  # the directory most of its files are in; "" when they are all over the place
    path: str = ""  # of one that was dropped: the file that was run
    brought_by: str = ""  # the component that ran it first; "" for the program itself


class EffectPart(Record, frozen=True, kw_only=True):
    type: str
    op: Literal["add", "modify", "delete"]
    path: str
    process: int
    component: str
    action: str | None
    kept: bool
    note: str
    details: dict[str, str]


class ProcessPart(Record, frozen=True, kw_only=True):
    """One program run. `parent` is the one that started it, or that it was before."""

    id: int
    parent: int | None
    component: str
    program: str
    command: str  # cut where it is long
    user: str
    started: float  # s since the session began


class DecisionPart(Record, frozen=True, kw_only=True, omit_defaults=True):
    """`components`: those refused by themselves. With "install", everything else is installed as it is."""

    choice: Choice
    source: Literal["flag", "remembered", "policy", "person"]
    components: tuple[str, ...] = ()


class WithoutPart(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What `without` would do: the rest, scored again."""

    total: float
    offered: bool  # something can be left out, and the rest is clean
    components: tuple[str, ...] = ()  # left out as a whole
    inseparable: dict[str, str] = {}  # components that cannot be left out, and why
    depending: tuple[str, ...] = ()  # what stays and needs something of what is left out
    remaining: VerdictPart | None = None  # before the decision, where `components` were chosen: of all but these


class ObserverPart(Record, frozen=True, kw_only=True):
    name: str
    state: str
    events: int
    error: str


class CoveragePart(Record, frozen=True, kw_only=True):
    executed: int
    instrumented: int
    not_instrumented: tuple[str, ...]


class ScreenPart(Record, frozen=True, kw_only=True):
    time: float
    text: str
    answer: str
    by: str


class Report(Record, frozen=True, kw_only=True):
    """`decision` is None only for a session that ended before anything could be decided (`ended` says how)."""

    schema: Literal["pratique.report/1"] = "pratique.report/1"
    id: str
    started: float  # Unix time
    duration: float  # s
    ended: Literal["completed", "blocked", "deadline", "interrupted"]
    subject: SubjectPart
    policy: dict[str, str]
    verdict: VerdictPart | None
    actions: tuple[ActionPart, ...]
    components: tuple[ComponentPart, ...]
    effects: tuple[EffectPart, ...]
    processes: tuple[ProcessPart, ...] = ()  # the first ones; `coverage` has their number
    decision: DecisionPart | None
    exit_code: int = 0  # of the command; anything but 0: nothing reached the host
    coverage: CoveragePart
    installer_exit_status: int | None  # negative: ended by that signal
    observers: tuple[ObserverPart, ...]
    screens: tuple[ScreenPart, ...]
    open: tuple[str, ...]
    without: WithoutPart | None
    notes: tuple[str, ...]


#: Evidence shown per action; the rest is counted.
MOST_EVIDENCE: Final = 20
#: Processes listed.
MOST_PROCESSES: Final = 2000
#: Characters of a command line.
LONGEST_COMMAND: Final = 400


class Treatment(Record, frozen=True, kw_only=True):
    """What became of one finding, and which effects were left out for it."""

    outcome: Outcome = "kept"
    effects: frozenset[int] = frozenset()
    note: str = ""


def make(
    recording: Recording,
    policy: Policy,
    verdict: Verdict | None,
    *,
    exit_code: int = 0,
    decision: DecisionPart | None = None,
    treatments: Mapping[int, Treatment] | None = None,
    belongs: Mapping[int, str] | None = None,
    kept: frozenset[int] = frozenset(),
    without: WithoutPart | None = None,
) -> Report:
    """Put the document together.

    `treatments` maps the index of a finding to what became of it, `belongs` an effect to the action it is evidence of,
    `kept` holds the ids of the effects that reached the host.
    """
    treatments = treatments or {}
    belongs = belongs or {}
    subject = recording.subject
    findings = verdict.findings if verdict else ()
    files: dict[str, list[str]] = {}
    for effect in recording.effects:
        if effect.type == "file":
            files.setdefault(effect.component, []).append(effect.path)
    known = {component.name: component for component in recording.components}
    brought_by = judging.circumstances(recording).bundled_by
    processes = {process.id: process for process in recording.processes}
    left_out = {findings[i].component for i, t in treatments.items() if t.outcome not in ("kept", "failed")}
    return Report(
        id=recording.id,
        started=recording.started,
        duration=recording.duration,
        ended=recording.ended,
        subject=SubjectPart(
            path=subject.path,
            name=subject.name,
            command=subject.command,
            sha256=subject.sha256,
            size=subject.size,
            kind=subject.kind,
            signer=msgspec.to_builtins(subject.signer),
            owner=msgspec.to_builtins(subject.owner),
            origin=subject.origin,
            known=subject.known,  # type: ignore[arg-type]  # one of the three words by its own documentation
            reasons=subject.reasons,
            facts=subject.facts,
        ),
        policy={"name": policy.name, "version": policy.version},
        verdict=None if verdict is None else verdict_part(verdict),
        actions=tuple(
            _action(finding, treatments.get(index, Treatment()), recording, processes)
            for index, finding in enumerate(findings)
        ),
        components=tuple(
            ComponentPart(
                name=part.name,
                sha256=known[part.name].sha256 if part.name in known else "",
                kind=known[part.name].kind if part.name in known else "program",
                total=part.total,
                verdict=part.verdict,
                decision=_component_decision(decision, part.name, part.name in left_out),
                files=len(files.get(part.name, ())),
                place=place(files.get(part.name, ())),
                path=known[part.name].path if part.name in known else "",
                brought_by=brought_by.get(part.name, ""),
            )
            for part in (verdict.components if verdict else ())
        ),
        effects=tuple(_effect(effect, belongs.get(effect.id), effect.id in kept) for effect in recording.effects),
        processes=tuple(_process(process) for process in recording.processes[:MOST_PROCESSES]),
        decision=decision,
        exit_code=exit_code,
        coverage=msgspec.convert(msgspec.to_builtins(recording.coverage), CoveragePart),
        installer_exit_status=recording.exit_status,
        observers=tuple(
            ObserverPart(name=run.name, state=run.state, events=run.events, error=run.error)
            for run in recording.observers
        ),
        screens=tuple(
            ScreenPart(time=screen.time, text=screen.text, answer=screen.answer, by=screen.by)
            for screen in recording.screens
        ),
        open=recording.open,
        without=without,
        notes=recording.notes,
    )


def verdict_part(verdict: Verdict) -> VerdictPart:
    """The verdict as far as a report tells it."""
    return VerdictPart(
        verdict=verdict.verdict, total=verdict.total, threshold=verdict.threshold, method=str(verdict.method)
    )


def _component_decision(decision: DecisionPart | None, name: str, something_left_out: bool) -> Choice | None:
    if decision is None:
        return None
    if name in decision.components:
        return "refuse"
    if decision.choice == "without" and not something_left_out:
        return "install"
    return decision.choice


def place(paths: Iterable[str]) -> str:
    """The deepest directory that three quarters of the paths are in, when it says more than `/usr` or a home does.

    >>> place(["/opt/p/a", "/opt/p/b/c", "/opt/p/b/d", "/etc/x"]), place(["/usr/bin/a", "/etc/x"])
    ('/opt/p', '')
    """
    own = list(paths)
    inside: dict[str, int] = {}
    for path in own:
        for parent in PurePosixPath(path).parents:
            inside[str(parent)] = inside.get(str(parent), 0) + 1
    deep = [directory for directory, count in inside.items() if 4 * count >= 3 * len(own) and directory.count("/") > 1]
    found = max(deep, key=lambda directory: (directory.count("/"), inside[directory]), default="")
    return "" if re.fullmatch(r"/(usr|var|home|etc)/[^/]+", found) else found


def command_line(process: Process) -> str:
    """What the process was started with, as one would type it, cut to a line."""
    text = typed(process.arguments[:64]) if process.arguments else process.program
    return text if len(text) <= LONGEST_COMMAND else text[: LONGEST_COMMAND - 1] + "\N{HORIZONTAL ELLIPSIS}"


def typed(words: Iterable[str]) -> str:
    """A command as one would type it.

    >>> typed(("sh", "-c", "echo a; b"))
    "sh -c 'echo a; b'"
    """
    return shlex.join(words)


def ending(status: int | None) -> str:
    """How the installer ended, to be said after its name. `status`: negative for a signal, None where it was cut short.

    >>> ending(1), ending(-2), ending(-9)
    ('ended with status 1', 'was interrupted (SIGINT)', 'was ended by SIGKILL')
    """
    if status is None:
        return "was ended"
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal
        name = f"signal {-status}"
    return f"was interrupted ({name})" if -status == signal.SIGINT else f"was ended by {name}"


def unfinished(report: Report) -> str:
    """Why nobody can say of the program that it is clean, in a word or two; "": it ended well."""
    if report.ended in ("deadline", "interrupted"):
        return "not finished"
    return "failed" if report.installer_exit_status else ""


def _process(process: Process) -> ProcessPart:
    return ProcessPart(
        id=process.id,
        parent=process.parent,
        component=process.component,
        program=process.program,
        command=command_line(process),
        user=process.user,
        started=process.started,
    )


def _action(
    finding: Finding, treatment: Treatment, recording: Recording, processes: Mapping[int, Process]
) -> ActionPart:
    evidence = []
    for seq in finding.evidence[:MOST_EVIDENCE]:
        event = recording.event(seq)
        if event is not None:
            process = processes.get(event.process)
            evidence.append(
                EvidencePart(
                    kind=event.kind,
                    time=event.time,
                    process=event.process,
                    program=process.program if process else "",
                    command=command_line(process) if process else "",
                    observer=event.observer,
                    fields=dict(event.fields),
                )
            )
    return ActionPart(
        name=finding.action,
        title=finding.title,
        category=finding.category,
        weight=finding.weight,
        disclosed=finding.disclosed,
        count=finding.count,
        component=finding.component,
        remedy=finding.remedy,
        outcome=treatment.outcome,
        note=treatment.note,
        because=finding.because,
        policy=str(finding.where),
        evidence=tuple(evidence),
        evidence_count=finding.evidence_count or len(finding.evidence),
    )


def _effect(effect: Effect, action: str | None, kept: bool) -> EffectPart:
    return EffectPart(
        type=effect.type,
        op=effect.op,
        path=effect.path,
        process=effect.process,
        component=effect.component,
        action=action,
        kept=kept,
        note=effect.unfit,
        details=effect.details,
    )


def to_builtins(report: Report) -> dict[str, Any]:
    """The document as plain values.

    File names that are not UTF-8 are shown with U+FFFD: JSON has no other way to say them.
    """
    document: dict[str, Any] = _printable(msgspec.to_builtins(report))
    return document


def to_json(report: Report) -> bytes:
    """The document as UTF-8 JSON, indented for people, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(to_builtins(report)), indent=2) + b"\n"


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return value
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def schema() -> bytes:
    """The JSON Schema of the document, as kept in docs/report.schema.json."""
    import inspect  # here: a session has no use for it

    document = msgspec.json.schema(Report)
    for part in document["$defs"].values():
        if "description" in part:  # a docstring; not every msgspec takes its indentation away
            part["description"] = inspect.cleandoc(part["description"])
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The report of a Pratique session",
        **document,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write(schema())

"""`pratique policy explain`: which line of the policy gave which number, and what would have to be different."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pratique.cli import chosen, plain
from pratique.errors import UsageError

if TYPE_CHECKING:
    from pratique.policy.model import Decide, Method
    from pratique.policy.score import Finding
    from pratique.report import ActionPart, Report

#: Near misses of a recording that are shown unless every one is wanted.
_NEAR: Final = 8

_EPILOG: Final = """\
A recording is judged again by the policy; a report is explained from what it says, so that it needs no recording, but
cannot tell what nearly counted. The id of a past session (the first letters are enough) stands for its report. Near
misses are actions of which something telling held, and not all.

exit codes: 0 explained, 2 no recording, report or event, 3 invalid policy

examples:
  pratique policy explain setup.rec
  pratique policy explain report.json
  pratique policy explain 7f3a
  pratique policy explain setup.rec --policy ours.policy --json
  pratique policy explain --event 'file.write path=~/.bashrc'
  pratique policy explain --event 'file.write path=/etc/cron.d/x by_package_manager=true'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("session", nargs="?", type=Path, metavar="RECORDING|REPORT|ID", help="what to explain")
    parser.add_argument("--event", metavar="'KIND FIELD=VALUE ...'", help="explain what one event would be")
    chosen.policy_option(parser, judge="explain")
    parser.add_argument("--all", action="store_true", help="show every event and every miss, not only the first ones")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    from pratique import history

    if (args.session is None) == (args.event is None):
        raise UsageError(
            "expected a recording, a report, the id of a session or --event",
            hint="see `pratique policy explain --help`",
        )
    if args.event is not None:
        document, lines = _event(args.event, args.policy, args.all)
    elif chosen.is_past(args.session):
        document, lines = _report(history.load(str(args.session)), str(args.session), args.policy, args.all)
    elif _is_report(args.session):
        document, lines = _report(_read_report(args.session), str(args.session), args.policy, args.all)
    else:
        document, lines = _recording(args.session, args.policy, args.all)
    if args.json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    else:
        print(plain.lines("\n".join(lines)))
    return 0


def _is_report(path: Path) -> bool:
    """A report is one JSON document that names its schema; a recording is JSON lines."""
    try:
        with path.open("rb") as source:
            return b"pratique.report/" in source.read(4096)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


# -- a recording ------------------------------------------------------------------------------------------------------


def _recording(path: Path, policy_files: list[Path], every: bool) -> tuple[dict[str, Any], list[str]]:
    from pratique import judging
    from pratique.cli import explained
    from pratique.host import Host
    from pratique.policy import explain, wording
    from pratique.policy.compile import compile_policy

    kept = chosen.recording(path)
    policy = chosen.sound_policy(policy_files, Host.open())
    compiled = compile_policy(policy, home=kept.home)
    verdict = judging.judge(compiled, kept)
    most = None if every else _NEAR
    explanation = explain.explain(compiled, kept.events, verdict, judging.circumstances(kept), misses=most)
    events = {event.seq: wording.event(event.kind, event.fields) for event in kept.events}
    components = [
        {"name": part.name, "total": part.total, "verdict": part.verdict, "because": why}
        for part, why in zip(verdict.components, judging.why_components(kept, verdict), strict=True)
    ]
    document = {
        "policy": {"name": policy.name, "version": policy.version},
        "verdict": explained.verdict(verdict),
        "components": components,
        "numbers": explanation.numbers,
        "near_misses": explanation.misses,
        "changes": [explained.change(change) for change in explanation.changes],
    }
    evidence = {
        number.action: [events.get(seq, f"event {seq}") for seq in number.evidence] for number in explanation.numbers
    }
    lines = [explained.headline(policy.name, policy.version, verdict)]
    lines += explained.number_lines(explanation.numbers, evidence, every=every)
    lines += explained.component_lines(components)
    lines += explained.miss_lines(explanation.misses, "nearly:", more=explanation.more_misses)
    lines += explained.change_lines(explanation.changes, verdict)
    return document, lines


# -- a report ---------------------------------------------------------------------------------------------------------


def _report(report: Report, named: str, policy_files: list[Path], every: bool) -> tuple[dict[str, Any], list[str]]:
    from pratique.cli import explained
    from pratique.host import Host
    from pratique.policy import explain, wording
    from pratique.policy.score import judge

    if report.verdict is None:
        raise UsageError(f"{named}: this session was never judged (it ended: {report.ended})")
    policy = chosen.sound_policy(policy_files, Host.open())
    same = (policy.name, policy.version) == (report.policy["name"], report.policy["version"])
    decide = policy.decide if same or policy_files else _default_decide()
    verdict = judge(
        [_finding(action) for action in report.actions],
        components=[component.name for component in report.components],
        method=_method(report.verdict.method),
        threshold=report.verdict.threshold,
        decide=decide,
    )
    numbers = explain.numbers(verdict, decide)
    actions = {action.name: action for action in policy.actions} if same or policy_files else {}
    changes = tuple(explain.changes(verdict, decide, actions))
    components = [
        {"name": part.name, "total": part.total, "verdict": part.verdict, "because": part.kind}
        for part in report.components
    ]
    document = {
        "policy": report.policy,
        "verdict": explained.verdict(verdict),
        "components": components,
        "numbers": numbers,
        "near_misses": None,
        "changes": [explained.change(change) for change in changes],
    }
    evidence = {
        action.name: [wording.event(event.kind, event.fields) for event in action.evidence] for action in report.actions
    }
    lines = [explained.headline(report.policy["name"], report.policy["version"], verdict)]
    lines += explained.number_lines(numbers, evidence, every=every)
    lines += explained.component_lines(components)
    lines += explained.change_lines(changes, verdict)
    if not actions:
        lines += ["", "The policy of this report is not the one in force; name its files with --policy to hear more."]
    return document, lines


def _read_report(path: Path) -> Report:
    import msgspec

    from pratique.report import Report

    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: not a report: {error}") from None


def _default_decide() -> Decide:
    from pratique.policy.model import Decide

    return Decide()


def _method(text: str) -> Method:
    from pratique.policy.model import Method

    name, _, factor = text.partition(" ")
    return Method(name=name, factor=float(factor)) if factor else Method(name=name)  # type: ignore[arg-type]


def _finding(action: ActionPart) -> Finding:
    from pratique.policy.model import Location
    from pratique.policy.score import Finding

    file, _, line = action.policy.rpartition(":")
    return Finding(
        action=action.name,
        title=action.title,
        category=action.category,
        weight=action.weight,
        disclosed=action.disclosed,
        count=action.count,
        component=action.component,
        remedy=action.remedy,
        because=action.because,
        where=Location(file, int(line or 0)),
    )


# -- one event --------------------------------------------------------------------------------------------------------


def _event(text: str, policy_files: list[Path], every: bool) -> tuple[dict[str, Any], list[str]]:
    from pratique.cli import explained
    from pratique.host import Host
    from pratique.policy import explain, wording
    from pratique.policy.compile import compile_policy
    from pratique.policy.evaluate import Circumstances

    host = Host.open()
    home = str(Path.home())
    event = chosen.event(text, host.vocabulary(), home)
    policy = chosen.sound_policy(policy_files, host)
    compiled = compile_policy(policy, home=home)
    verdict = compiled.verdict([event], components=[event.component])
    numbers = explain.numbers(verdict, policy.decide, explain.met_triggers(compiled, [event], Circumstances()))
    misses = explain.misses_of_event(compiled, event, Circumstances())
    shown_event = wording.event(event.kind, event.fields)
    document = {
        "policy": {"name": policy.name, "version": policy.version},
        "event": event.as_dict(),
        "verdict": explained.verdict(verdict),
        "numbers": numbers,
        "near_misses": misses,
    }
    lines = [shown_event]
    if numbers:
        lines += [f"is evidence of, by {policy.name} {policy.version}:", *explained.number_lines(numbers, {})]
    else:
        lines.append(f"is evidence of nothing, by {policy.name} {policy.version}")
    near = [miss for miss in misses if miss.near]
    far = [miss for miss in misses if not miss.near]
    lines += explained.miss_lines(near, "nearly:", with_event=False)
    lines += explained.miss_lines(far if every else (), "far from it:", with_event=False)
    shown = misses if every else near
    lines += ["", explained.listeners(len(misses) - len(shown), len(shown), event.kind, met=bool(numbers))]
    return document, lines

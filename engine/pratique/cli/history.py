"""pratique history: past sessions."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pratique.history import DamagedReport
    from pratique.report import Report


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "What an installation replaced is kept to undo it, for as long and in as much room as the role file says\n"
        "(undo.days, undo.room); afterwards it stands here as one that cannot be undone any more.\n\n"
        "examples:\n  pratique history\n  pratique history 7f3a --json"
    )
    parser.add_argument("session", nargs="?", metavar="ID", help="show this session (the first letters are enough)")
    parser.add_argument("-n", "--number", type=_count, default=20, metavar="N", help="how many to list (default 20)")
    parser.add_argument("--details", action="store_true", help="with every change and the evidence in full")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above zero; found {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    from pratique import history
    from pratique.cli import show
    from pratique.cli.recovering import clear_up

    clear_up()
    if args.session:
        return show.show(args.session, details=args.details, as_json=args.json)
    found = history.latest(args.number)
    complain_of(found.damaged)
    none = "no session can be shown" if found.damaged else "no sessions yet: `pratique run INSTALLER` makes the first"
    put(found.reports, as_json=args.json, none=none)
    return 0


def complain_of(damaged: Sequence[DamagedReport]) -> None:
    """Name them on standard error, apart from the list."""
    from pratique.cli.plain import lines

    for one in damaged:
        print(f"pratique: {lines(str(one))}\n  {lines(one.hint)}", file=sys.stderr)


def put(reports: Sequence[Report], *, as_json: bool, none: str) -> None:
    """Print a list of sessions. `none`: what people are told when there are none."""
    if as_json:
        import json

        print(json.dumps([_row(report) for report in reports], indent=2))
        return
    if not reports:
        print(none)
    for report in reports:
        print(_line(report))


def _row(report: Report) -> dict[str, Any]:
    """One session of a list, in JSON."""
    from pratique.run.fates import fate

    found = fate(report)
    return {
        "id": report.id,
        "started": report.started,
        "name": report.subject.name,
        "sha256": report.subject.sha256,
        "class": report.verdict.verdict if report.verdict else None,
        "total": report.verdict.total if report.verdict else None,
        "decision": report.decision.choice if report.decision else None,
        "state": found.state,
        "undone": found.undone,
        "can_be_undone": found.can_be_undone,
    }


def _line(report: Report) -> str:
    """One session of a list, for people."""
    from pratique.cli.plain import printable
    from pratique.policy.score import shown
    from pratique.report import unfinished
    from pratique.run.fates import fate

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.started))
    verdict: str = report.ended
    if report.verdict:
        word = unfinished(report) if report.verdict.verdict == "clean" else ""
        verdict = f"{word or report.verdict.verdict} {shown(report.verdict.total).removesuffix('.0')}"
    found = fate(report)
    word = found.state if found.state in ("kept", "discarded", "undone") else outcome(report)
    gone = "  (cannot be undone any more)" if found.state == "installed" and not found.can_be_undone else ""
    return f"{report.id}  {when}  {verdict:<18} {word:<11} {printable(_typed(report))}{gone}"


def _typed(report: Report) -> str:
    """A command with its arguments as one would type it; of a file, its name."""
    from pratique.report import typed

    words = report.subject.command
    return typed(words) if len(words) > 1 and not report.subject.path else report.subject.name


#: Decided, and not carried out: what was in the way, by exit code.
_HINDERED: Final = {5: "conflict", 8: "no room"}


def outcome(report: Report) -> str:
    """What became of it, in a word: the decision, unless nothing came of that."""
    if report.decision is None:
        return {5: "conflict", 7: "deadline", 130: "interrupted"}.get(report.exit_code, "-")
    nothing = report.decision.choice != "refuse" and not any(effect.kept for effect in report.effects)
    if nothing and report.installer_exit_status:
        return "failed"
    if report.exit_code in _HINDERED:
        return _HINDERED[report.exit_code]
    if nothing and report.exit_code == 0:
        return "nothing"  # it changed nothing, or nothing but what was left out
    return report.decision.choice

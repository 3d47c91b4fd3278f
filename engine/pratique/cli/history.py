"""pratique history: past sessions."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pratique.report import Report


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  pratique history\n  pratique history 7f3a --json"
    parser.add_argument("session", nargs="?", metavar="ID", help="show this session (the first letters are enough)")
    parser.add_argument("-n", "--number", type=_count, default=20, metavar="N", help="how many to list (default 20)")
    parser.add_argument("--details", action="store_true", help="with every change and the evidence in full")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above zero; found {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    from rich.console import Console

    from pratique import history
    from pratique.cli import screen
    from pratique.policy.score import shown
    from pratique.report import to_json

    console = Console()
    if args.session:
        report = history.load(args.session)
        if args.json:
            sys.stdout.buffer.write(to_json(report))
            return 0
        screen.show(report, console)
        if args.details:
            screen.details(report, console)
        for line in screen.done(report):
            console.print(line, soft_wrap=True)
        return 0
    reports = history.latest(args.number)
    if args.json:
        import json

        rows = [
            {
                "id": report.id,
                "started": report.started,
                "name": report.subject.name,
                "sha256": report.subject.sha256,
                "class": report.verdict.verdict if report.verdict else None,
                "total": report.verdict.total if report.verdict else None,
                "decision": report.decision.choice if report.decision else None,
            }
            for report in reports
        ]
        print(json.dumps(rows, indent=2))
        return 0
    if not reports:
        print("no sessions yet: `pratique run INSTALLER` makes the first")
    for report in reports:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.started))
        verdict: str = report.ended
        if report.verdict:
            verdict = f"{report.verdict.verdict} {shown(report.verdict.total).removesuffix('.0')}"
        console.print(
            f"{report.id}  {when}  {verdict:<18} {_outcome(report):<8} {screen.printable(report.subject.name)}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    return 0


def _outcome(report: Report) -> str:
    """What became of it, in a word: the decision, unless the installer failed and nothing came of that."""
    if report.decision is None:
        return "-"
    if report.decision.choice != "refuse" and report.installer_exit_status and not any(e.kept for e in report.effects):
        return "failed"
    return report.decision.choice

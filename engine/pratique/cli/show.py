"""pratique show: one past session, as it was shown when it ended."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

#: The words of the history that read otherwise in a sentence.
_ENDED: Final = {
    "refuse": "refused", "failed": "the installer failed", "conflict": "the machine changed meanwhile",
    "no room": "there was no room", "deadline": "the deadline passed",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  pratique show 7f3a\n  pratique show 7f3a --details"
    parser.add_argument("session", metavar="ID", help="the session (the first letters are enough)")
    parser.add_argument("--details", action="store_true", help="with every change and the evidence in full")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from pratique.cli.recovering import clear_up

    clear_up()
    return show(args.session, details=args.details, as_json=args.json)


def show(beginning: str, *, details: bool, as_json: bool) -> int:
    """Raises `UsageError` when there is no such session, or more than one."""
    from rich.console import Console

    from pratique import history
    from pratique.cli import screen
    from pratique.cli.history import outcome
    from pratique.cli.plain import put
    from pratique.report import to_json
    from pratique.run.fates import fate

    report = history.load(beginning)
    if as_json:
        sys.stdout.buffer.write(to_json(report))
        return 0
    console = Console()
    screen.show(report, console)
    if details:
        screen.details(report, console)
    found = fate(report)
    if found.state == "kept":
        print(f"\nkept, nothing is installed: `pratique commit {report.id}`, or `pratique discard {report.id}`")
    elif found.state == "undone":
        print(f"\ninstalled, and undone on {time.strftime('%Y-%m-%d %H:%M', time.localtime(found.undone))}")
    elif found.state == "discarded":
        print("\nkept, and discarded since: nothing is installed")
    elif found.state == "not installed" and report.exit_code:
        print(f"\n{_ENDED.get(outcome(report), outcome(report))}: nothing is installed")
    else:
        for line in screen.done(report, can_be_undone=found.can_be_undone):
            put(console, line)
        if found.state == "installed" and not found.can_be_undone:
            print("  it cannot be undone any more")
    return 0

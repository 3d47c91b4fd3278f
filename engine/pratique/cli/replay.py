"""pratique replay: judge a recorded session again; no quarantine needed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pratique.cli import chosen
from pratique.cli.standard_output import for_a_document

if TYPE_CHECKING:
    from pratique.host import Host
    from pratique.policy.model import Policy
    from pratique.policy.score import Verdict
    from pratique.recording import Recording
    from pratique.run.concluding import Conclusion


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The findings, the score and the report are those of the session itself, but for ids and times.\n\n"
        "exit codes: 0 clean, 10 undesirable, 2 not a recording, 3 invalid policy\n\n"
        "examples:\n  pratique replay setup.rec\n  pratique replay setup.rec --policy ours.policy --json"
    )
    parser.add_argument("recording", metavar="RECORDING", type=Path, help="made with `pratique run --record FILE`")
    chosen.policy_option(parser)
    parser.add_argument("--details", action="store_true", help="with every change and the evidence in full")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    with for_a_document(wanted=args.json) as print_document:
        return _run(args, print_document)


def _run(args: argparse.Namespace, print_document: Callable[[bytes], None]) -> int:
    import msgspec

    from pratique import judging
    from pratique.host import Host
    from pratique.policy.compile import compile_policy
    from pratique.report import to_json

    kept = chosen.recording(args.recording)
    host = Host.open()
    policy = chosen.policy(args.policy, host)
    if missed := judging.unwatched(policy, kept):
        kept = msgspec.structs.replace(kept, notes=(*kept.notes, judging.not_heard(missed)))
    verdict = judging.judge(compile_policy(policy, home=kept.home), kept)
    conclusion = _conclude(kept, policy, verdict, host)
    if args.json:
        print_document(to_json(conclusion.report))
    else:
        from rich.console import Console

        from pratique.cli import screen

        console = Console()
        screen.show(conclusion.report, console)
        if args.details:
            screen.details(conclusion.report, console)
    return 10 if verdict.undesirable else 0


def _conclude(kept: Recording, policy: Policy, verdict: Verdict, host: Host) -> Conclusion:
    """The session's own conclusion, reached again: whoever decided then decides the same way now."""
    from pratique import deciding
    from pratique.run import concluding, remedies

    if kept.ended == "blocked":
        return concluding.blocked(kept, policy)
    if kept.ended != "completed":
        return concluding.cut_short(kept, policy, verdict, None)
    before = kept.decided
    refused = frozenset(before.components if before else ())
    leaving = deciding.leave_out(
        kept, verdict, policy, remedies(host), refused=refused,
        only_refused=bool(refused) and before is not None and before.choice == "install",
    )  # fmt: skip
    decision = deciding.choose(
        policy,
        verdict,
        leaving,
        flag=before.choice if before and before.source == "flag" else None,
        remembered=before.choice if before and before.source == "remembered" else None,
        ask=lambda: before.choice if before and before.source == "person" else None,
    )
    hindered = before.hindered if before else None
    return concluding.conclude(kept, policy, verdict, leaving, decision, hindered=hindered)

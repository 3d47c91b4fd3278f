"""pratique replay: judge a recorded session again; no quarantine needed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

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
    parser.add_argument(
        "--policy", action="append", default=[], metavar="FILE", type=Path,
        help="judge by this policy instead of the one in force (repeatable)",
    )  # fmt: skip
    parser.add_argument("--details", action="store_true", help="with every change and the evidence in full")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    if not args.json:
        return _run(args, lambda _: None)
    from pratique.cli.standard_output import for_a_document

    with for_a_document() as print_document:
        return _run(args, print_document)


def _run(args: argparse.Namespace, print_document: Callable[[bytes], None]) -> int:
    from pratique import judging, policies, recording
    from pratique.errors import UsageError
    from pratique.host import Host
    from pratique.policy.compile import compile_policy
    from pratique.report import to_json

    try:
        kept = recording.read(args.recording)
    except recording.RecordingError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot read {args.recording}: {error.strerror}") from None
    host = Host.open()
    vocabulary = host.vocabulary()
    if args.policy:
        policy = policies.load(args.policy, vocabulary=vocabulary)
    else:
        policy = policies.in_force(
            vocabulary, name=host.role.policy or None, directories=[Path(place) for place in host.role.policies]
        ).policy
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
    return concluding.conclude(kept, policy, verdict, leaving, decision)

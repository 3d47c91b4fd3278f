"""pratique commit: decide a session that was kept, and install what is admitted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from pratique import warden
from pratique.cli import beforehand, chosen
from pratique.cli.standard_output import for_a_document

if TYPE_CHECKING:
    from pratique.report import Report


#: Exit codes with which it is not kept any more, or the hint says that it is: something was in the way.
_SAID = frozenset({0, 5, 8})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The session is judged again by the policy in force now. It stays kept unless it was installed, or you\n"
        "refused it. What changed on this machine since the installer ran, and it changed too, is named, and\n"
        "nothing is installed.\n\n"
        "exit codes: as of `pratique run`; 2 no such session, 5 the machine changed, 8 no room on the disk\n\n"
        "examples:\n  pratique run --keep ./setup.run\n  pratique commit 7f3a\n  pratique commit --without 7f3a"
    )
    beforehand.configure(parser)
    chosen.policy_option(parser)
    parser.add_argument("--anyway", action="store_true", help="go on although the installer itself failed")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("session", metavar="ID", help="the session (the first letters are enough)")


def run(args: argparse.Namespace) -> int:
    with for_a_document(wanted=args.json) as print_document, warden.watching():
        return _run(args, print_document)


def _run(args: argparse.Namespace, print_document: Callable[[bytes], None]) -> int:
    from pratique import history
    from pratique import run as running
    from pratique.cli.face import TerminalFace
    from pratique.cli.recovering import clear_up
    from pratique.cli.run import asked_to_end
    from pratique.host import Host
    from pratique.report import to_json
    from pratique.run import keeping

    clear_up()
    session = keeping.named(args.session)
    host = Host.open()
    policy = chosen.policy(args.policy, host)
    face = TerminalFace(host, quiet=args.json)
    options = running.Options(
        command=(),
        flag=beforehand.flag(args),
        without_components=tuple(args.without_component),
        anyway=args.anyway,
        attended=sys.stdin.isatty() and sys.stderr.isatty(),
    )
    with asked_to_end():
        result = running.commit_kept(session, options, policy, host, face)
    history.save(result.report)
    if args.json:
        print_document(to_json(result.report))
    face.finish(result)
    if result.exit_code not in _SAID and keeping.is_kept(session):
        print(f"  {_still_kept(result.report)}", file=sys.stderr)
    return result.exit_code


def _still_kept(report: Report) -> str:
    """That nothing was decided, and the commands that decide it."""
    without = f" or `--without {report.id}`" if report.without is not None and report.without.offered else ""
    return (
        f"it stays kept: `pratique commit --install {report.id}`{without} installs it, "
        f"`pratique discard {report.id}` removes it"
    )

"""pratique commit: decide a session that was kept, and install what is admitted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The session is judged again by the policy in force now. It stays kept unless it was installed, or you\n"
        "refused it. What changed on this machine since the installer ran, and it changed too, is named, and\n"
        "nothing is installed.\n\n"
        "exit codes: as of `pratique run`; 2 no such session, 5 the machine changed, 8 no room on the disk\n\n"
        "examples:\n  pratique run --keep ./setup.run\n  pratique commit 7f3a\n  pratique commit --without 7f3a"
    )
    choice = parser.add_argument_group("decide beforehand (no question is asked)").add_mutually_exclusive_group()
    choice.add_argument("--install", dest="flag", action="store_const", const="install", help="install everything")
    choice.add_argument(
        "--without", dest="flag", action="store_const", const="without", help="install without what is undesirable"
    )
    choice.add_argument("--refuse", dest="flag", action="store_const", const="refuse", help="install nothing")
    parser.add_argument(
        "--without-component", action="append", default=[], metavar="NAME",
        help="leave this component out (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--policy", action="append", default=[], metavar="FILE", type=Path,
        help="judge by this policy instead of the one in force (repeatable)",
    )  # fmt: skip
    parser.add_argument("--anyway", action="store_true", help="go on although the installer itself failed")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("session", metavar="ID", help="the session (the first letters are enough)")


def run(args: argparse.Namespace) -> int:
    if not args.json:
        return _run(args, lambda _: None)
    from pratique.cli.standard_output import for_a_document

    with for_a_document() as print_document:
        return _run(args, print_document)


def _run(args: argparse.Namespace, print_document: Callable[[bytes], None]) -> int:
    from pratique import history
    from pratique import run as running
    from pratique.cli import chosen
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
        flag=args.flag or ("without" if args.without_component else None),
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
    return result.exit_code

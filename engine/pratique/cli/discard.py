"""pratique discard: remove a session that was kept."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "What the installer wrote in quarantine is removed; the machine is not touched, and the report stays in the\n"
        "history.\n\nexit codes: 0 removed, 2 no such session\n\nexamples:\n  pratique discard 7f3a\n"
        "  pratique discard --all"
    )
    parser.add_argument("session", nargs="?", metavar="ID", help="the session (the first letters are enough)")
    parser.add_argument("--all", action="store_true", help="every session that is kept")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from pratique.cli.recovering import clear_up
    from pratique.errors import UsageError
    from pratique.run import keeping

    if args.all == bool(args.session):
        raise UsageError("expected the id of a session, or --all", hint="`pratique history` lists them")
    clear_up()
    sessions = keeping.kept() if args.all else (keeping.named(args.session),)
    for session in sessions:
        keeping.discard(session)
    if args.json:
        import json

        print(json.dumps({"discarded": sessions}))
        return 0
    for session in sessions:
        print(f"discarded  {session}")
    if not sessions:
        print("no session is kept")
    return 0

"""pratique discard: remove a session that was kept."""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "What the installer wrote in quarantine is removed; the machine is not touched, and the report stays in the\n"
        "history.\n\nexit codes: 0 removed, 2 no such session\n\nexamples:\n  pratique discard 7f3a\n"
        "  pratique discard --list\n  pratique discard --all"
    )
    parser.add_argument("session", nargs="?", metavar="ID", help="the session (the first letters are enough)")
    parser.add_argument("--all", action="store_true", help="every session that is kept")
    parser.add_argument("--list", action="store_true", help="list the sessions that are kept")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from pratique.cli.recovering import clear_up
    from pratique.errors import UsageError
    from pratique.run import keeping

    if bool(args.session) + args.all + args.list != 1:
        raise UsageError("expected the id of a session, --all or --list", hint="`pratique discard --list` lists them")
    clear_up()
    if args.list:
        _list(args.json)
        return 0
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


def _list(as_json: bool) -> None:
    from pratique import history
    from pratique.cli.history import complain_of, put
    from pratique.errors import UsageError
    from pratique.run import keeping

    reports = []
    for session in keeping.kept():
        try:
            reports.append(history.load(session))
        except history.DamagedReport as damaged:
            complain_of([damaged])
        except UsageError:  # its report is among the oldest, which go first
            print(f"pratique: {session} is kept too, and has no report any more", file=sys.stderr)
    put(sorted(reports, key=lambda report: -report.started), as_json=as_json, none="no session is kept")

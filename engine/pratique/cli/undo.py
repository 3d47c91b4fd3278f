"""pratique undo: take back an installation."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pratique.sandbox.undo import Stayed, Undone


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Every path is put back as it was before: content, owner, mode, attributes, times. Of a text file that others\n"
        "changed since, only what the installation brought goes, where that can be told apart. Caches, logs and\n"
        "backups that were used since are left. Anything else that was changed since stands in the way, and so do\n"
        "Debian packages that need what would go: it is named, and nothing is undone.\n\n"
        "exit codes:\n   0  undone\n   2  no such session, or nothing that could be undone\n"
        "   5  something stands in the way; nothing was changed\n   8  no room on the disk; nothing was changed\n\n"
        "examples:\n  pratique undo --list\n  pratique undo 7f3a\n  pratique undo --anyway 7f3a"
    )
    parser.add_argument("session", nargs="?", metavar="ID", help="the session (the first letters are enough)")
    parser.add_argument("--list", action="store_true", help="list the installations that can be undone")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="leave what was changed since as it is, and undo everything else, whoever needs it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from pratique.cli.recovering import clear_up
    from pratique.errors import UsageError

    if args.list == bool(args.session):
        raise UsageError("expected the id of a session, or --list", hint="`pratique undo --list` shows what there is")
    clear_up()
    if args.list:
        _list(args.json)
        return 0
    return _undo(args.session, args.anyway, args.json)


def _list(as_json: bool) -> None:
    from pratique import history
    from pratique.cli.history import complain_of, put
    from pratique.run.fates import fate, installed_here

    found = history.latest(history.MOST_REPORTS)
    damaged = [one for one in found.damaged if installed_here(one.session)]
    complain_of(damaged)
    none = "nothing else is installed that could be undone" if damaged else "nothing is installed that could be undone"
    put([report for report in found.reports if fate(report).can_be_undone], as_json=as_json, none=none)


def _undo(beginning: str, anyway: bool, as_json: bool) -> int:
    from pratique import history, places
    from pratique.cli.plain import printable
    from pratique.cli.working import working
    from pratique.host import Host
    from pratique.run import afterwards, depended_on, staying
    from pratique.run.claimed import one_at_a_time
    from pratique.sandbox.undo import installed, undo

    try:
        report = history.load(beginning)
        session, name = report.id, printable(report.subject.name)
    except history.DamagedReport as damaged:  # what is undone is in the session's journal, not in its report
        session = name = damaged.session
    host = Host.open()
    place = places.sessions() / session
    with one_at_a_time():
        journal = installed(place, session)
        follow = afterwards.asked_for(host, (change.path for change in journal.changes))
        with working("putting back what was there"):
            complaints = depended_on.complaints(journal)
            done = undo(
                place, session, anyway=anyway, rebuilt=afterwards.rebuilt(follow), may_stay=staying.may_stay(host),
                complaints=complaints,
            )  # fmt: skip
        notes = afterwards.carry_out(follow)
    if as_json:
        import json

        document = {
            "id": session,
            "restored": done.restored,
            "merged": done.merged,
            "gone": [*done.gone, *done.lines_gone],
            "left": [{"path": one.path, "reason": one.reason} for one in done.left],
            "stayed": [{"path": one.path, "what": one.what} for one in done.stayed],
            "broken": complaints,
            "notes": notes,
        }
        print(json.dumps(document, indent=2))
        return 0
    _show(done, name)
    _each("broken by that:", complaints)
    for note in notes:
        print(f"  {printable(note)}")
    return 0


def _show(done: Undone, name: str) -> None:
    print(f"undone  {name}: {_changes(len(done.restored) + len(done.merged))}")
    _each("its lines taken out of", done.merged)
    _each("gone already:", _topmost(done.gone))
    _each("gone already: its lines in", done.lines_gone)
    _each("left as it is", (f"{one.path}: {one.reason}" for one in done.left))
    _each("left to others, who changed it since:", _together(done.stayed))


def _topmost(paths: Sequence[str]) -> Iterator[str]:
    """Of a directory that is gone, nothing more is said than that."""
    known = set(paths)
    yield from (path for path in paths if path.rpartition("/")[0] not in known)


def _together(stayed: Sequence[Stayed]) -> Iterator[str]:
    """A line for each thing: a cache has many files."""
    by_what: dict[str, list[str]] = {}
    for one in stayed:
        by_what.setdefault(one.what, []).append(one.path)
    for what, paths in by_what.items():
        first = min(paths, key=lambda path: (path.count("/"), path))
        yield f"{what} ({first}" + (f" and {len(paths) - 1} more)" if len(paths) > 1 else ")")


def _each(what: str, lines: Iterable[str]) -> None:
    from pratique.cli.plain import printable

    for text in lines:
        print(f"  {what} {printable(text)}")


def _changes(count: int) -> str:
    return f"{count} change{'' if count == 1 else 's'}"

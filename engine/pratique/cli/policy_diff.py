"""`pratique policy diff`: which recorded sessions a change of the policy judges differently."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pratique.errors import UsageError

if TYPE_CHECKING:
    from pratique.author.diff import Comparison, Difference

_EPILOG: Final = """\
OLD and NEW are each the name of a policy, a file, or a directory of files. A difference is another class, another
total, or another set of actions.

exit codes: 0 nothing is judged differently, 10 something is, 2 no such file or not a recording, 3 invalid policy

examples:
  pratique policy diff baseline ./policies --on ./recordings
  pratique policy diff old.policy new.policy --on setup.rec --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("old", metavar="OLD", help="the policy as it was")
    parser.add_argument("new", metavar="NEW", help="the policy as it is to be")
    parser.add_argument(
        "--on", action="append", required=True, metavar="PATH", type=Path,
        help="a recording, or a directory of them (*.rec, at any depth; repeatable)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    from pratique.author import diff
    from pratique.host import Host

    host = Host.open()
    old, new = (_policy(named, host) for named in (args.old, args.new))
    for path in args.on:
        if not path.exists():
            raise UsageError(
                f"no such file or directory: {path}", hint="`pratique run --record FILE` makes a recording"
            )
    found = list(diff.recordings_in(args.on))
    if not found:
        raise UsageError(
            f"no recordings (*.rec) in {', '.join(map(str, args.on))}", hint="`pratique run --record FILE` makes one"
        )
    comparison = diff.compare(old, new, found)
    if args.json:
        import msgspec

        document = {
            "old": {"name": old.name, "version": old.version},
            "new": {"name": new.name, "version": new.version},
            "recordings": comparison.recordings,
            "share_turned": comparison.share,
            "differences": comparison.differences,
            "unwatched": comparison.unwatched,
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    else:
        print("\n".join(_lines(comparison)))
    if any(one.problem for one in comparison.differences):
        return 2
    return 10 if comparison.differences else 0


def _policy(named: str, host: Any) -> Any:
    from pratique import policies

    path = Path(named)
    return policies.load(
        path if path.exists() else named,
        host.vocabulary(),
        directories=[Path(place) for place in host.role.policies],
    )


def _lines(comparison: Comparison) -> list[str]:
    out = [line for one in comparison.differences for line in _difference(one)]
    counted = f"{comparison.recordings} recording{'' if comparison.recordings == 1 else 's'}"
    problems = sum(1 for one in comparison.differences if one.problem)
    differing = len(comparison.differences) - problems
    said = []
    if differing:
        turned = sum(1 for one in comparison.differences if one.turned)
        share = f"{comparison.share:.1%} of all{' that could be judged' if problems else ''}"
        said.append(f"{differing} judged differently, {turned} of them with another class ({share})")
    elif problems < comparison.recordings:
        said.append("nothing is judged differently")
    if problems:
        said.append(f"{problems} not judged")
    out.append(f"{counted}: {', '.join(said)}")
    if comparison.unwatched:
        from pratique.judging import not_heard

        globs = list(dict.fromkeys(glob for globs in comparison.unwatched.values() for glob in globs))
        out.append(f"note: {not_heard(globs, len(comparison.unwatched))}")
    return out


def _difference(one: Difference) -> list[str]:
    from pratique.cli.explained import plain
    from pratique.cli.plain import printable

    if one.before is None or one.after is None:
        return [printable(one.recording), f"  not judged: {printable(one.problem)}"]
    before, after = one.before, one.after
    verdict = before.verdict if not one.turned else f"{before.verdict} -> {after.verdict}"
    total = plain(before.total) if before.total == after.total else f"{plain(before.total)} -> {plain(after.total)}"
    out = [f"{printable(one.recording)}", f"  {verdict}, total {total}"]
    for sign, actions in (("+", one.gained), ("-", one.lost)):
        out += [f"  {sign} {action}{f' of {printable(part)}' if part else ''}" for part, action in actions]
    return out

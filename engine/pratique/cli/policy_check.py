"""`pratique policy check`: what is wrong with policy files, with line and column."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pratique.cli.plain import printable
from pratique.errors import PolicyError

if TYPE_CHECKING:
    from pratique.events import Vocabulary
    from pratique.policies import Outcome
    from pratique.rolefile import HostFile

_EPILOG: Final = """\
exit codes: 0 good (there may be warnings), 3 errors, 2 no such file

examples:
  pratique policy check                      the policy in force
  pratique policy check ./policies           every policy in a directory
  pratique policy check site.policy --json   for other programs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "path", nargs="*", type=Path, metavar="PATH", help="files or directories (default: what is in force)"
    )
    parser.add_argument("--all", action="store_true", help="show every error and warning, not only the first ones")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    from pratique import policies
    from pratique.host import Host

    host = Host.open()
    vocabulary, observed = host.vocabulary(), host.observed_kinds()
    gc.disable()  # the process ends before anything would need collecting
    outcome = _check(args.path, host.role, vocabulary, observed)
    gc.freeze()  # ... not even at its end
    if args.json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(_document(outcome)), indent=2).decode() + "\n")
        return 0 if outcome.good else 3
    if outcome.diagnostics:
        print(outcome.rendered(colour=_wants_colour(), every=args.all), end="\n\n")
    in_force = not args.path or policies.would_be_in_force(args.path, [Path(path) for path in host.role.policies])
    print(printable(_summary(outcome, vocabulary, host.role.policy, in_force=in_force)))
    return 0 if outcome.good else 3


def _check(paths: list[Path], role: HostFile, vocabulary: Vocabulary, observed: set[str]) -> Outcome:
    from pratique import policies

    directories = [Path(path) for path in role.policies]
    if paths:
        return policies.check(paths, vocabulary, directories=directories, observed=observed)
    return policies.check_in_force(vocabulary, name=role.policy or None, directories=directories, observed=observed)


def _wants_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _summary(outcome: Outcome, vocabulary: Vocabulary, wanted: str, *, in_force: bool) -> str:
    """`12 actions in 4 files: good`, or what keeps it from being loaded; with what is in force where it would be."""
    from pratique.policy.diagnostics import counted

    files = counted(len(outcome.files), "file")
    if not outcome.good and not in_force:
        return outcome.summary()
    if not outcome.good:
        return f"{outcome.summary()}; nothing was loaded, {_what_holds(vocabulary, wanted)}"
    actions = {(action.policy, action.name) for policy in outcome.policies.values() for action in policy.actions}
    warnings = f" ({counted(len(outcome.diagnostics), 'warning')})" if outcome.diagnostics else ""
    return f"{counted(len(actions), 'action')} in {files}: good{warnings}"


def _what_holds(vocabulary: Vocabulary, wanted: str) -> str:
    """What is in force while the files have errors."""
    from pratique import policies

    try:
        held = policies.last_good(vocabulary, wanted)
    except PolicyError:  # in the shipped files themselves, which were checked with the rest
        return "and nothing is in force"
    never = f'no good version of the policy "{wanted}" was ever loaded on this machine'
    return policies.still_in_force(held) if held else never


def _document(outcome: Outcome) -> dict[str, Any]:
    """The JSON for other programs: places, codes and messages as they are, nothing to parse out of text."""
    return {
        "good": outcome.good,
        "files": outcome.files,
        "policies": {
            name: {"version": policy.version, "actions": len(policy.actions), "tests": len(policy.tests)}
            for name, policy in outcome.policies.items()
        },
        "diagnostics": outcome.diagnostics,
    }

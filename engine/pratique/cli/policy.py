"""`pratique policy`: check, format, explain, test and compare policies. Each subcommand is a module of its own."""

from __future__ import annotations

import argparse
import importlib
from typing import Final

from pratique.errors import UsageError

#: name -> one line of help; the module is `policy_NAME`, with `configure(parser)` and `run(args)`
SUBCOMMANDS: Final[dict[str, str]] = {
    "check": "say what is wrong with policy files, with line and column",
    "fmt": "write policy files in the one canonical style",
    "explain": "say which line of the policy gave which number",
    "test": "run the tests and examples that stand in the policy files",
    "diff": "say what a change of the policy changes in its verdicts",
}


def listing() -> str:
    """The subcommands, for `pratique policy --help`."""
    width = max(map(len, SUBCOMMANDS)) + 2
    return "\n".join(f"  {name:<{width}}{text}" for name, text in SUBCOMMANDS.items())


def configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pratique policy SUBCOMMAND [ARGUMENT...]"
    parser.epilog = f"subcommands:\n{listing()}\n\n`pratique policy SUBCOMMAND --help` tells more."
    parser.add_argument("subcommand", nargs="?", metavar="SUBCOMMAND", help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def parser_for(name: str) -> argparse.ArgumentParser:
    """The complete parser of one subcommand."""
    module = importlib.import_module(f"pratique.cli.policy_{name}")
    parser = argparse.ArgumentParser(
        prog=f"pratique policy {name}",
        description=SUBCOMMANDS[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    parser.set_defaults(run_subcommand=module.run)
    return parser


def _no_such(name: str | None) -> UsageError:
    import difflib

    if name is None:
        message = "expected a subcommand: `pratique policy SUBCOMMAND`"
    else:
        message = f"no subcommand {name!r} of `pratique policy`"
        near = difflib.get_close_matches(name, SUBCOMMANDS, 1)
        if near:
            return UsageError(message, hint=f"did you mean `pratique policy {near[0]}`?")
    return UsageError(message, hint=f"subcommands:\n{listing()}")


def run(args: argparse.Namespace) -> int:
    if args.subcommand not in SUBCOMMANDS:
        raise _no_such(args.subcommand)
    given = parser_for(args.subcommand).parse_args(args.rest)
    return int(given.run_subcommand(given))

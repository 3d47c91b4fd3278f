"""The options that decide a session beforehand, so that nobody is asked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pratique.report import Choice


def configure(parser: argparse.ArgumentParser) -> None:
    choice = parser.add_argument_group("decide beforehand (no question is asked)").add_mutually_exclusive_group()
    choice.add_argument("--install", dest="flag", action="store_const", const="install", help="install everything")
    choice.add_argument(
        "--without", dest="flag", action="store_const", const="without", help="install without what is undesirable"
    )
    choice.add_argument("--refuse", dest="flag", action="store_const", const="refuse", help="install nothing")
    parser.add_argument(
        "--without-component", action="append", default=[], metavar="NAME",
        help="leave this component out as a whole (repeatable; like --without, or with --install nothing else)",
    )  # fmt: skip


def flag(args: argparse.Namespace) -> Choice | None:
    """What these options decide; None: nothing. To name a component is to decide `without`."""
    decided: Choice | None = args.flag
    return decided or ("without" if args.without_component else None)

"""An error as people are told it: what is wrong in one line, and what to do about it in a second."""

from __future__ import annotations

import sys

from pratique.cli import plain
from pratique.errors import PolicyError, PratiqueError


def complain(error: PratiqueError) -> None:
    """Say it on standard error; of a policy with errors, each of them before."""
    if isinstance(error, PolicyError) and error.rendered:
        print(f"{plain.lines(error.rendered)}\n", file=sys.stderr)
    print(f"pratique: {plain.lines(str(error))}", file=sys.stderr)
    if error.hint:
        print(f"  {plain.lines(error.hint)}", file=sys.stderr)

"""Before a command that has to do with sessions: what killed commands left is cleared up, and said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pratique.sandbox.recover import Recovered

_SHOWN = 10


def clear_up() -> None:
    """Raises `CannotError`, `OSError`."""
    from pratique.run.claimed import clear_up

    for one in clear_up():
        first, *troubles = told(one)
        print(f"pratique: {first}", file=sys.stderr)
        for trouble in troubles:
            print(f"  {trouble}", file=sys.stderr)


def told(one: Recovered) -> list[str]:
    """What became of it, and a line for each trouble."""
    what = "the undoing" if one.kind == "undo" else "the installation"
    beginning = f"{what} of {one.session} had been cut short"
    if not one.troubles:
        return [f"{beginning}; it was taken back"]
    return [f"{beginning}, and some of it cannot be taken back:", *one.troubles[:_SHOWN]]

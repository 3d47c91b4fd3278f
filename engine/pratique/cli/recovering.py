"""Before a command that has to do with sessions: what killed commands left is cleared up, and said."""

from __future__ import annotations

import sys


def clear_up() -> None:
    """Raises `CannotError`, `OSError`."""
    from pratique.run.claimed import clear_up

    for one in clear_up():
        what = "the undoing" if one.kind == "undo" else "the installation"
        if not one.troubles:
            print(f"pratique: {what} of {one.session} had been cut short; it was taken back", file=sys.stderr)
            continue
        print(f"pratique: {what} of {one.session} had been cut short, and some of it cannot be taken back:",
              file=sys.stderr)  # fmt: skip
        for trouble in one.troubles[:10]:
            print(f"  {trouble}", file=sys.stderr)

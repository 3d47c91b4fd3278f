"""What an installer left running when it ended: it is gone with the session, and the report says what it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Names told one by one.
MOST_NAMED: Final = 5


def notes(left: Mapping[str, int]) -> tuple[str, ...]:
    """How many of which name ("": others, and those without one); () when there was nothing.

    >>> notes({"sleep": 1, "bash": 2})
    ('3 processes that it left running were ended: bash (2), sleep',)
    """
    if not left:
        return ()
    total = sum(left.values())
    what = (
        "1 process that it left running was ended"
        if total == 1
        else f"{total} processes that it left running were ended"
    )
    names = sorted((name for name in left if name), key=lambda name: (-left[name], name))
    if not names:
        return (what,)
    named = [f"{name} ({left[name]})" if left[name] > 1 else name for name in names[:MOST_NAMED]]
    others = total - sum(left[name] for name in names[:MOST_NAMED])
    return (f"{what}: {', '.join(named)}" + (f" and {others} more" if others else ""),)

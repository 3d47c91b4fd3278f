"""The mode of a file: a number in events, octal digits where a person reads or writes it."""

from __future__ import annotations

import re
from typing import Final

#: All bits that chmod sets.
LARGEST: Final = 0o7777


def read(digits: str) -> int | None:
    """The mode these digits stand for; None: there is no such mode.

    >>> read("4755") == 0o4755, read("0644") == 0o644, read("4855"), read("17777")
    (True, True, None, None)
    """
    if re.fullmatch("[0-7]+", digits, re.ASCII) is None:
        return None
    mode = int(digits, 8)
    return mode if mode <= LARGEST else None


def shown(mode: float) -> str:
    """
    >>> shown(0o4755), shown(0)
    ('4755', '0')
    """
    return f"{int(mode):o}"

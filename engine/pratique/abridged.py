"""A list in a sentence: the first few by name, the rest by its number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Named one by one, where nothing else is said.
FEW: Final = 5


def abridged(names: Iterable[str], *, between: str = ", ", most: int = FEW) -> str:
    """
    >>> abridged(["a", "b"]), abridged("abcde", most=3), abridged(["a (b, c)", "d", "e"], between="; ", most=2)
    ('a, b', 'a, b, c and 2 others', 'a (b, c); d; and 1 other')
    """
    every = list(names)
    more = len(every) - most
    if more <= 0:
        return between.join(every)
    lead = " and" if between == ", " else f"{between}and"
    return f"{between.join(every[:most])}{lead} {more} other{'' if more == 1 else 's'}"

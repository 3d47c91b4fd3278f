"""The known name nearest to one that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def nearest(name: str, known: Collection[str]) -> str | None:
    """The one a person most likely meant, None when none is near."""
    import difflib

    if len(known) > 2000:  # an index of ten thousand actions: compare only what can be near
        known = [one for one in known if one[:1] == name[:1] and abs(len(one) - len(name)) < 4]
    found = difflib.get_close_matches(name[:100], known, 1, 0.7)
    return found[0] if found else None


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`did you mean "..."?`, "" when nothing is near."""
    near = nearest(name, known)
    return f'did you mean "{near}"?' if near else ""


def listed(words: Iterable[str], last: str = "or", most: int = 12) -> str:
    """`a, b or c`."""
    every = list(words)
    if len(every) > most:
        return ", ".join(every[:most]) + f" ... ({len(every) - most} more)"
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {last} {every[-1]}"

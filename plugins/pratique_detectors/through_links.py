"""Links: what is put in one place can be there in another, by another name.

Those the program left are in its effects. Those that were there before are looked for where people keep them: settings
in a home are often links to where they are looked after, and a home itself may be one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from pratique import Effect

#: Links followed on one way; Linux itself gives up after as many.
MOST_LINKS = 40
#: Paths of one session that are told a second time because a link leads to them.
MOST_PATHS = 200_000
#: Entries looked at for links that were there before, in a home and in /etc each.
MOST_ENTRIES = 20_000


def resolved(path: str, effects: Mapping[str, Effect]) -> str:
    """The path with every link on it followed, as things are after the session; a loop ends where it is.

    What the program did not touch is as it is on this machine.
    """
    rest = path.split("/")[::-1]
    here = ""
    followed = 0
    while rest:
        name = rest.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = here.rpartition("/")[0]
            continue
        target = _target(f"{here}/{name}", effects)
        if target is None or followed == MOST_LINKS:
            here = f"{here}/{name}"
            continue
        followed += 1
        rest.extend(target.split("/")[::-1])
        if target.startswith("/"):
            here = ""
    return here or "/"


def _target(path: str, effects: Mapping[str, Effect]) -> str | None:
    effect = effects.get(path)
    if effect is not None:
        return effect.after.target if effect.after is not None and effect.after.type == "link" else None
    try:
        return str(Path(path).readlink())
    except OSError:
        return None


def seen_through(
    link: Effect, effects: Mapping[str, Effect], beneath: Mapping[str, list[str]]
) -> Iterator[tuple[str, Effect]]:
    """(path by way of the link, effect) of everything the program left in the directory the link leads to.

    `beneath`: the names the program left in each directory. Links in there are followed as well, never in a circle.
    """
    pending = [(link.path, resolved(link.path, effects), frozenset[str]())]
    while pending:
        by_way, directory, passed = pending.pop()
        if directory in passed:
            continue
        for name in beneath.get(directory, ()):
            real = f"{directory.rstrip('/')}/{name}"
            found = effects.get(real)
            if found is not None and found.after is not None:
                yield f"{by_way}/{name}", found
                if found.after.type == "link":
                    pending.append((f"{by_way}/{name}", resolved(real, effects), passed | {directory}))
            if real in beneath:
                pending.append((f"{by_way}/{name}", real, passed | {directory}))


def names_beneath(effects: Mapping[str, Effect]) -> dict[str, list[str]]:
    """Directory -> the names in it that lead to something the program left, however deep."""
    found: dict[str, dict[str, None]] = {}
    for path in effects:
        above, _, name = path.rpartition("/")
        while name and name not in found.setdefault(above or "/", {}):
            found[above or "/"][name] = None
            above, _, name = above.rpartition("/")
    return {directory: list(names) for directory, names in found.items()}


def links_before(home: str) -> list[tuple[str, str]]:
    """(real path, path by way of a link): a home that is a link, links in it, in its hidden directories, in /etc."""
    found = []
    real = os.path.realpath(home)
    if real != home.rstrip("/"):
        found.append((real, home.rstrip("/")))
    hidden = (entry for entry in _entries(home) if entry.name.startswith(".") and entry.is_dir(follow_symlinks=False))
    places = [home, *(entry.path for entry in hidden), "/etc"]
    for entry in (entry for place in places for entry in _entries(place) if entry.is_symlink()):
        target = os.path.realpath(entry.path)
        if target != "/":
            found.append((target, entry.path))
    return found


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(islice(entries, MOST_ENTRIES))
    except OSError:
        return []


def other_ways(path: str, links: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The same path by way of the links."""
    for real, way in links:
        if path == real or path.startswith(real + "/"):
            yield way + path[len(real) :]

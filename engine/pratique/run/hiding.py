"""What is hidden of everybody's: homes are where the machine's accounts have them, not below /home alone."""

from __future__ import annotations

import pwd
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from pratique.policy import paths

#: What a policy writes for the home of anybody.
ANYBODY: Final = "/home/*/"
#: The first number of a person's account (login.defs, UID_MIN); those below are the system's own.
_FIRST: Final = 1000
#: Homes elsewhere that are looked at; a directory service may know of many thousands.
MOST_HOMES: Final = 200


def everywhere(globs: Iterable[str]) -> tuple[str, ...]:
    """These globs, and for each that speaks of anybody's home the same in homes that lie elsewhere."""
    globs = tuple(globs)
    if not any(glob.startswith(ANYBODY) for glob in globs):
        return globs
    beside = [paths.escape(home) + "/" for home in _homes_elsewhere()]
    return (*globs, *(home + glob[len(ANYBODY) :] for glob in globs if glob.startswith(ANYBODY) for home in beside))


def _homes_elsewhere() -> tuple[str, ...]:
    homes = dict.fromkeys(entry.pw_dir.rstrip("/") for entry in pwd.getpwall() if entry.pw_uid >= _FIRST)
    found = (home for home in homes if home.startswith("/") and Path(home).parent != Path("/home") and _is_there(home))
    return tuple(islice(found, MOST_HOMES))


def _is_there(home: str) -> bool:
    try:
        return Path(home).is_dir()
    except OSError:
        return False

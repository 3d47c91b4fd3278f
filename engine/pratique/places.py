"""Where Pratique keeps things on this machine: state, settings, sessions.

Root's state is the machine's (`/var/lib/pratique`, `/etc/pratique`); a person's is their own, by the XDG directories.
`PRATIQUE_STATE` and `PRATIQUE_CONFIG` move either, for tests and for machines laid out differently.
"""

from __future__ import annotations

import os
from pathlib import Path

from pratique.errors import CannotError


def state() -> Path:
    """Decisions, history, sessions. Made on first use, for its owner only (0700). Raises `CannotError`."""
    given = os.environ.get("PRATIQUE_STATE")
    if given:
        place = Path(given)
    elif os.geteuid() == 0:
        place = Path("/var/lib/pratique")
    else:
        place = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "pratique"
    return _made(place)


def config() -> Path:
    """The admin's (or person's) own policies and role file. May not exist."""
    given = os.environ.get("PRATIQUE_CONFIG")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/etc/pratique")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pratique"


def sessions() -> Path:
    """One directory a session while it runs, and what is kept of it afterwards. Raises `CannotError`."""
    return _made(state() / "sessions")


def history() -> Path:
    """The reports of past sessions. Raises `CannotError`."""
    return _made(state() / "history")


def _made(place: Path) -> Path:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotError(
            f"nothing can be kept in {place}: {(error.strerror or str(error)).lower()}",
            hint="PRATIQUE_STATE names another directory for decisions, history and sessions",
        ) from None
    return place

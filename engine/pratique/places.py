"""Where Pratique keeps things on this machine: state, settings, sessions.

Root's state is the machine's (`/var/lib/pratique`, `/etc/pratique`); a person's is their own, by the XDG directories.
`PRATIQUE_STATE` and `PRATIQUE_CONFIG` move either, for tests and for machines laid out differently.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from pratique.errors import CannotError

_ELSEWHERE: Final = "PRATIQUE_STATE names another directory for decisions, history and sessions"


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
            hint=_ELSEWHERE,
        ) from None
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise _not_ours(place)
    return place


def not_ours(error: PermissionError) -> CannotError | None:
    """What a refused access means where it is to something in the state; None when it is not in there."""
    if not isinstance(error.filename, str):
        return None
    try:
        top = state()
    except CannotError as cannot:
        return cannot
    place = Path(error.filename)
    return _not_ours(place) if top in place.parents else None


def _not_ours(place: Path) -> CannotError:
    """As after one command as root with this person's state: what root made there nobody else may use."""
    mend = f"sudo chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(place))}"
    return CannotError(
        f"{place} {_owner(place)}, and may not be used by the one who runs this",
        hint=f"if it is yours: {mend}; {_ELSEWHERE}",
    )


def _owner(place: Path) -> str:
    try:
        return f"belongs to the user {place.lstat().st_uid}"
    except OSError:
        return "belongs to somebody else"

"""What became of a session after it ended.

It waits for a decision, or was discarded before there was one; it is installed, was undone, or nothing came of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from pratique import places
from pratique.errors import InstallerFailed
from pratique.report import Report
from pratique.sandbox import undo
from pratique.sandbox.commit import JOURNAL
from pratique.sandbox.leftovers import KEPT

State = Literal["kept", "discarded", "installed", "undone", "not installed"]

#: Exit codes of what was judged and then kept.
_KEPT_WITH: Final = (0, InstallerFailed.exit_code, 10)


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    state: State
    undone: float | None = None  # Unix time
    can_be_undone: bool = False


def fate(report: Report) -> Fate:
    place = places.sessions() / report.id
    if (place / KEPT).exists():
        return Fate(state="kept")
    if (place / undo.UNDO).exists():
        when = undo.undone(place)
        if when is not None:
            return Fate(state="undone", undone=when)
    if report.decision is None and report.ended == "completed" and report.exit_code in _KEPT_WITH:
        return Fate(state="discarded")
    if not any(effect.kept and effect.type == "file" for effect in report.effects):
        return Fate(state="not installed")
    return Fate(state="installed", can_be_undone=_journalled(place))


def installed_here(session: str) -> bool:
    """Whether the session, of which there is no report, has installed what can still be undone."""
    place = places.sessions() / session
    return _journalled(place) and not (place / undo.UNDO).exists()


def _journalled(place: Path) -> bool:
    return (place / JOURNAL / "log").exists()

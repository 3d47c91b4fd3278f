"""What became of a session after it ended: it waits for a decision, is installed, was undone, or nothing came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from pratique import places
from pratique.report import Report
from pratique.sandbox import undo
from pratique.sandbox.commit import JOURNAL
from pratique.sandbox.leftovers import KEPT

State = Literal["kept", "installed", "undone", "not installed"]


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
    if not any(effect.kept and effect.type == "file" for effect in report.effects):
        return Fate(state="not installed")
    return Fate(state="installed", can_be_undone=_journalled(place))


def installed_here(session: str) -> bool:
    """Whether the session, of which there is no report, has installed what can still be undone."""
    place = places.sessions() / session
    return _journalled(place) and not (place / undo.UNDO).exists()


def _journalled(place: Path) -> bool:
    return (place / JOURNAL / "log").exists()

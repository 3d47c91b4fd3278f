"""Gives up what old installations could be undone with: after so many days, and when it takes too much room."""

from __future__ import annotations

import contextlib
import stat
import time
from pathlib import Path

from pratique.rolefile.record import UndoPart
from pratique.sandbox.commit import JOURNAL
from pratique.sandbox.journal import UNFINISHED
from pratique.sandbox.leftovers import KEPT
from pratique.sandbox.space import remove_tree


def prune(sessions: Path, kept: UndoPart) -> tuple[str, ...]:
    """The ids of the sessions that cannot be undone any more; the newest is never among them. Raises `OSError`."""
    found = sorted(((_ended(place), place) for place in sessions.iterdir() if _is_finished(place)), reverse=True)
    oldest = time.time() - kept.days * 86400
    room = kept.room * 1024 * 1024
    gone = []
    for number, (ended, place) in enumerate(found):
        room -= _size(place / JOURNAL)
        if number > 0 and (ended < oldest or room < 0):
            remove_tree(place)
            gone.append(place.name)
    return tuple(gone)


def _is_finished(place: Path) -> bool:
    journal = place / JOURNAL
    return (journal / "log").exists() and not (journal / UNFINISHED).exists() and not (place / KEPT).exists()


def _ended(place: Path) -> float:
    with contextlib.suppress(OSError):
        return (place / JOURNAL / "log").stat().st_mtime
    return 0.0


def _size(directory: Path) -> int:
    """Bytes that would be free without it: a file that has another name elsewhere takes none here."""
    total = 0
    for entry in directory.iterdir():
        found = entry.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            total += found.st_blocks * 512
    return total

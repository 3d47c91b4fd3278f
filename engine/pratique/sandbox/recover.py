"""Takes back what a command did not finish that was killed, or that the machine stopped under.

Whoever calls this holds the lock of those who change the host, so a transaction that is not ended has nobody any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from pratique.sandbox import journal, restored
from pratique.sandbox.beneath import Beneath
from pratique.sandbox.commit import JOURNAL
from pratique.sandbox.space import remove_tree
from pratique.sandbox.taking_back import in_words, take_back


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction that was cut short. `troubles`, in words: what could not be taken back, and why."""

    session: str
    kind: str  # "commit" or "undo"
    troubles: tuple[str, ...] = ()


def unfinished(sessions: Path) -> tuple[Path, ...]:
    """The journals of transactions that were begun and not ended."""
    return tuple(sorted(found.parent for found in sessions.glob(f"*/*/{journal.UNFINISHED}")))


def installed(place: Path) -> bool:
    """Whether a commit of that session came to its end. One that was cut short is to be taken back before."""
    try:
        found = journal.read(place / JOURNAL)
    except (OSError, journal.JournalError):
        return False
    return found is not None and found.finished


def recover(sessions: Path) -> Iterator[Recovered]:
    """Each transaction that was cut short, taken back. One that cannot be is tried again another time."""
    for directory in unfinished(sessions):
        try:
            found = journal.read(directory)
            if found is None:
                remove_tree(directory)  # it never came as far as to touch anything
            elif found.finished:
                found.make_sure()
            else:
                yield _taken_back(found, directory.parent)
        except (OSError, journal.JournalError) as error:
            kind = "commit" if directory.name == JOURNAL else "undo"
            trouble = f"{directory}: {in_words(error)}" if isinstance(error, OSError) else str(error)
            yield Recovered(session=directory.parent.name, kind=kind, troubles=(trouble,))


def _taken_back(found: journal.Journal, place: Path) -> Recovered:
    with Beneath("/") as host:
        back = take_back(found, host)
    restored.write(place, {**restored.read(place), **back.restored})
    return Recovered(session=place.name, kind=found.header.kind, troubles=(*back.failed, *back.left))

"""Sessions kept to be decided later: the recording beside the quarantine, until it is committed or discarded."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pratique import places, recording
from pratique.errors import PratiqueError, UsageError
from pratique.recording import Recording
from pratique.sandbox.leftovers import KEPT
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.space import remove_tree

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def keep(quarantine: Quarantine, kept: Recording) -> None:
    """What the program wrote stays, and what was seen of it. Raises `OSError`."""
    recording.write(kept, quarantine.spec.place / KEPT)
    quarantine.keep()


def kept() -> tuple[str, ...]:
    """The ids of the sessions that wait for a decision."""
    return tuple(sorted(found.parent.name for found in places.sessions().glob(f"*/{KEPT}")))


def is_kept(session: str) -> bool:
    """Whether it waits for a decision."""
    return (places.sessions() / session / KEPT).exists()


def named(beginning: str) -> str:
    """The id of the kept session that begins so. Raises `UsageError` for none, or more than one."""
    waiting = kept()
    found = [session for session in waiting if session.startswith(beginning)] if beginning else []
    if len(found) == 1:
        return found[0]
    trouble = "no session that was kept" if not found else "more than one session that was kept"
    known = ", ".join((found or waiting)[:5])
    hint = f"kept: {known}" if known else "none is kept; `pratique run --keep INSTALLER` keeps one"
    raise UsageError(f"{trouble} begins with {beginning!r}", hint=hint)


@contextlib.contextmanager
def opened(session: str) -> Iterator[tuple[Recording, Quarantine]]:
    """A kept session, nobody else's for as long as the block runs. It stays kept unless it is discarded.

    Raises `UsageError` when somebody else has it, `PratiqueError` when it cannot be read.
    """
    with _claimed(session) as place:
        found = _read(place)
        try:
            quarantine = Quarantine.reopen(place, tuple(one for one in found.effects if one.type == "file"))
        except (OSError, ValueError) as error:
            raise _unreadable(session, error) from None
        with quarantine:
            yield found, quarantine


def discard(session: str) -> None:
    """Remove what the program wrote. Raises `UsageError` when somebody else is at work on it."""
    with _claimed(session) as place:
        remove_tree(place)


@contextlib.contextmanager
def _claimed(session: str) -> Iterator[Path]:
    claim = places.sessions() / f"{session}.lock"
    lock = os.open(claim, _FLAGS, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another command is at work on {session}", hint="wait until it has ended") from None
        try:
            yield claim.with_suffix("")
        finally:
            claim.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _read(place: Path) -> Recording:
    try:
        return recording.read(place / KEPT)
    except FileNotFoundError:
        raise UsageError(f"{place.name} is not kept any more") from None
    except (OSError, recording.RecordingError) as error:
        raise _unreadable(place.name, error) from None


def _unreadable(session: str, error: Exception) -> PratiqueError:
    return PratiqueError(
        f"what was kept of {session} cannot be read: {error}", hint=f"remove it: pratique discard {session}"
    )

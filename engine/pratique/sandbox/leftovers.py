"""What a session leaves that was killed, and removing it. Nothing of it runs or is mounted: the kernel sees to that.

Two locks tell who is alive, and the kernel drops both with their owners, however those ended. The claim
(`sessions/ID.lock`) is the command's. `PLACE/held` is open in every process of ours that keeps a session running: it
outlives a command that was killed, by the moment its keeper takes to end the rest.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pratique.sandbox import cgroups
from pratique.sandbox.space import remove_tree

HELD: Final = "held"
#: The recording of a session that is kept, to be decided later.
KEPT: Final = "kept.rec"
#: What an installation can be undone with.
_JOURNALS: Final = ("journal", "undo")
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def held(place: Path) -> Iterator[int]:
    """A descriptor that says of the session at `place` that it runs, for as long as anybody has it open."""
    descriptor = os.open(place / HELD, _FLAGS | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)


def runs(place: Path) -> bool:
    """Whether anything of the session at `place` runs still."""
    try:
        descriptor = os.open(place / HELD, _FLAGS)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sweep(sessions: Path) -> None:
    """Remove what dead sessions left: those whose claim is there and nobody holds it.

    A session that ended in good order has no claim any more, and what it keeps on purpose is not touched. Of one that
    had installed something, what that can be undone with stays.
    """
    for claim in sorted(sessions.glob("*.lock")):
        try:
            lock = os.open(claim, _FLAGS)
        except OSError:
            continue  # ended meanwhile
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place = claim.with_suffix("")
            if not runs(place):
                cgroups.remove(place)
                if not (place / KEPT).exists():
                    _remove_all_but_journals(place)
                claim.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # its command runs
        finally:
            os.close(lock)


def _remove_all_but_journals(place: Path) -> None:
    if not place.is_dir():
        return
    for entry in list(place.iterdir()):
        if entry.name not in _JOURNALS:
            remove_tree(entry)
    with contextlib.suppress(OSError):
        place.rmdir()

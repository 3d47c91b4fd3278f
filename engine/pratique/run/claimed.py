"""A claim on a session's place, and what sessions leave whose owner was killed: the next one removes it.

A claim is a locked file beside the place. The kernel drops the lock with its owner, however that ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pratique import places
from pratique.sandbox.space import remove_tree


@contextlib.contextmanager
def claimed() -> Iterator[str]:
    """The id of a new session; nobody removes its place while the block runs. Raises `CannotError`, `OSError`."""
    _remove_abandoned(places.sessions())
    session = secrets.token_hex(4)
    file = places.sessions() / f"{session}.lock"
    while True:
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            break
        os.close(lock)  # somebody took it for an abandoned one before it was locked
    try:
        yield session
    finally:
        file.unlink(missing_ok=True)
        os.close(lock)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two sessions must not install at once: the second looks at the host for conflicts when the first is through."""
    lock = os.open(places.state() / "commit.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_abandoned(sessions: Path) -> None:
    """What a killed session wrote goes. One that had begun to install keeps the originals it put aside."""
    for file in sessions.glob("*.lock"):
        try:
            lock = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # ended meanwhile
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place = file.with_suffix("")
            if not (place / "journal").exists():
                remove_tree(place)
                file.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # it runs
        finally:
            os.close(lock)

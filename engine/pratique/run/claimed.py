"""A claim on a session's place: a locked file beside it. The kernel drops the lock with its owner, however that ended.

What sessions leave whose owner was killed is removed by the next one; see `pratique.sandbox.leftovers`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pratique import places
from pratique.sandbox import leftovers


@contextlib.contextmanager
def claimed() -> Iterator[str]:
    """The id of a new session; nobody removes its place while the block runs. Raises `CannotError`, `OSError`."""
    leftovers.sweep(places.sessions())
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

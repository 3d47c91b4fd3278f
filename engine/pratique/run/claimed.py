"""A claim on a session's place: a locked file beside it. The kernel drops the lock with its owner, however that ended.

What sessions leave whose owner was killed is cleared up by the next command (`clear_up`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator

from pratique import history, places
from pratique.sandbox import leftovers
from pratique.sandbox.recover import Recovered, installed, recover

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def claimed() -> Iterator[str]:
    """The id of a new session; nobody removes its place while the block runs. Raises `CannotError`, `OSError`."""
    session = secrets.token_hex(4)
    file = places.sessions() / f"{session}.lock"
    while True:
        lock = os.open(file, _FLAGS, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            break
        os.close(lock)  # somebody took it for an abandoned one before it was locked
    try:
        yield session
    finally:
        file.unlink(missing_ok=True)
        os.close(lock)


def clear_up() -> tuple[Recovered, ...]:
    """What killed commands left is taken back or removed; what was taken back. Raises `CannotError`, `OSError`.

    While somebody changes the host there is nothing to be cleared up but by them.
    """
    lock = os.open(places.state() / "commit.lock", _FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = tuple(recover(places.sessions()))
        history.settle(lambda session: installed(places.sessions() / session))
        leftovers.sweep(places.sessions())
    except BlockingIOError:
        return ()
    finally:
        os.close(lock)
    return found


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two sessions must not install at once: the second looks at the host for conflicts when the first is through."""
    lock = os.open(places.state() / "commit.lock", _FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for _ in recover(places.sessions()):
            pass  # of somebody who was killed while we waited for them
        yield
    finally:
        os.close(lock)

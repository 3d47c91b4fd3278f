"""Work done by a copy of this process beside it, on another processor: what it came to is sent back as MessagePack.

The copy shares all that is in memory already, so nothing has to be started or sent to it.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

import msgspec

T = TypeVar("T")


@contextmanager
def aside(work: Callable[[], T], kind: type[T]) -> Iterator[Callable[[], T | None]]:
    """Begin this in a copy of this process; what the block gets waits for it, and gives what came of it.

    That is None where there is no second processor or no room for a copy, or when the copy was ended: whoever asked
    does the work then. `work` must change nothing but memory, and its result be of a kind that msgspec can write.
    """
    copy, answer = _begin(work) if len(os.sched_getaffinity(0)) > 1 else (0, None)

    def wait() -> T | None:
        if answer is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                return msgspec.msgpack.decode(answer.read(), type=kind)
        return None

    try:
        yield wait
    finally:
        if answer is not None:
            answer.close()  # a copy that still writes ends by that
            os.waitpid(copy, 0)


def _begin(work: Callable[[], object]) -> tuple[int, BinaryIO | None]:
    """The copy, and where its result comes from: None when there can be none."""
    try:
        reading, writing = os.pipe()
    except OSError:
        return 0, None
    try:
        copy = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return 0, None
    if copy:
        os.close(writing)
        return copy, os.fdopen(reading, "rb")
    # Nothing of the caller's may go on here: no handler, no cleaning up, whatever happens.
    try:
        gc.disable()
        os.close(reading)
        with os.fdopen(writing, "wb") as out:
            out.write(msgspec.msgpack.encode(work()))
    finally:
        os._exit(0)

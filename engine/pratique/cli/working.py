"""A live line for work of our own that takes longer than a moment: what is being done, and for how long already."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Final

from pratique.cli import live_line

#: Work that is done sooner is not worth a line, s.
_A_MOMENT: Final = 1.0
_AGAIN: Final = 0.5  # s


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """`with working("looking at what it left"):`. Nothing is shown where standard error is no terminal."""
    if not live_line.possible():
        yield
        return
    over = threading.Event()
    ticking = threading.Thread(target=_tick, args=(what, over), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        over.set()
        ticking.join()


def _tick(what: str, over: threading.Event) -> None:
    began = time.monotonic()
    shown = False
    while not over.wait(_AGAIN if shown else _A_MOMENT):
        with contextlib.suppress(OSError):  # the terminal has gone: who waits for the work will hear of it
            live_line.draw(f"pratique: {what}, {time.monotonic() - began:.0f} s")
        shown = True
    if shown:
        with contextlib.suppress(OSError):
            live_line.clear()

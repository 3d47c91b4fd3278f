"""A file of lines that is read while others still write it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_PAUSE: Final = 0.05  # s between looks


def lines(path: Path, over: Callable[[], bool]) -> Iterator[bytes]:
    """Every line in its order, with its end, as soon as it is whole; what was begun and never ended is left out.

    Waits for the file too. Ends when `over()` says that nobody writes any more, or ever will. Raises `OSError`.
    """
    while not path.exists():
        if over() and not path.exists():  # it may have come after the first look
            return
        time.sleep(_PAUSE)
    with path.open("rb") as file:
        begun = b""
        while True:
            last = over()  # asked before reading: what was written up to the end is read then
            for line in file:
                begun += line
                if begun.endswith(b"\n"):
                    yield begun
                    begun = b""
            if last:
                return
            time.sleep(_PAUSE)

"""Standard output for one document: whatever else would be printed there, by whomever, goes to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def for_a_document(*, wanted: bool = True) -> Iterator[Callable[[bytes], None]]:
    """Gives the one function that still writes to standard output. Plugins print, and so do programs they start.

    The function raises `OSError` when the document cannot be written. Where none is `wanted`, nothing is different, and
    the function does nothing.
    """
    if not wanted:
        yield lambda _: None
        return
    sys.stdout.flush()
    number = sys.stdout.fileno()
    kept = os.dup(number)
    os.dup2(sys.stderr.fileno(), number)

    def write(document: bytes) -> None:
        with open(kept, "wb", closefd=False) as out:
            out.write(document)

    try:
        yield write
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            pass  # nobody reads standard error
        os.dup2(kept, number)
        os.close(kept)

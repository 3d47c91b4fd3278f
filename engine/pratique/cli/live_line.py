"""The line of a terminal that is drawn anew while something goes on, and is gone when that is over."""

from __future__ import annotations

import os
import shutil
import sys


def possible() -> bool:
    """Whether standard error is a terminal that can take a line back."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def draw(text: str) -> None:
    """In place of what stands in the line, cut to its width: a line that wraps could not be taken back."""
    sys.stderr.write("\r\x1b[2K" + text[: max(20, shutil.get_terminal_size().columns - 1)])
    sys.stderr.flush()


def clear() -> None:
    draw("")

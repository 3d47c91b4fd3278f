"""What others wrote, made fit for a terminal: text, and nothing that steers.

A file name or a line of output can hold what moves the cursor, sets the title, answers in the person's name or turns
writing around. None of it reaches the person's terminal, but where the program was given a terminal of its own.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_UNFIT: Final = "\N{REPLACEMENT CHARACTER}"
#: What output may hold besides printable characters: ends of lines, and what progress bars go back with.
_LAYOUT: Final = frozenset("\n\t\r")
_STEERS: Final = re.compile(rb"[^\n\t\r\x20-\x7e]")  # at first sight: anything but plain ASCII is looked at closely


def printable(text: str, *, keeping: str = "") -> str:
    """No control characters, none that turn the direction of writing, none that are no characters at all."""
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in keeping else _UNFIT for char in valid)


def lines(text: str) -> str:
    """The same for a text of several lines."""
    return printable(text, keeping="\n")


def put(console: Console, text: Text) -> None:
    """Print one of our own lines, whatever got into it.

    On a terminal it is broken between words; a word longer than a line, such as a path, is left whole.
    """
    from pratique.cli.wrapping import broken

    fit = lines(text.plain)
    if fit != text.plain:
        text.plain = fit  # of the same length, so that the styles stay where they are
    for line in text.split("\n", allow_blank=True):
        for part in broken(line, console.width) if console.is_terminal else [line]:
            console.print(part, soft_wrap=True)


class Output:
    """A program's output on its way to a terminal it was not given. Characters may be cut in two between pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._whole = True

    def fit(self, data: bytes) -> bytes:
        if self._whole and not _STEERS.search(data):
            return data
        text = self._decoder.decode(data)
        self._whole = not self._decoder.getstate()[0]
        return "".join(char if char.isprintable() or char in _LAYOUT else _UNFIT for char in text).encode()

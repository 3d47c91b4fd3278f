"""Lines too long for a terminal, broken between words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from rich.text import Text

_WORD: Final = re.compile(r"\s*(?P<word>\S+)")


def broken(line: Text, width: int) -> Iterator[Text]:
    """The line in parts of at most `width` columns, those after the first as far indented.

    A word longer than that is left whole: of a path, the terminal shows more than a line, and it can be copied.
    """
    indent = len(line.plain) - len(line.plain.lstrip(" "))
    cuts, column = [], indent
    for word in _WORD.finditer(line.plain, indent):
        wide = cell_len(word[0])
        if column + wide > width and word.start() > indent:
            cuts.append(word.start("word"))
            column = indent + cell_len(word["word"])
        else:
            column += wide
    first, *others = line.divide(cuts)
    first.rstrip()
    yield first
    for part in others:
        part.rstrip()
        yield part if 2 * indent > width else Text(" " * indent).append_text(part)

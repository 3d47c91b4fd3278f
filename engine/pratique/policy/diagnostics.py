"""What is wrong with a policy, said like a good compiler: where, the line itself, a caret, what to do.

A diagnostic is a value; `render` makes the text of many, sorted, without repeats, and not too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from pratique.policy.model import Location

#: How many are shown before "and N more": what is no policy at all is wrong in every line.
SHOWN: Final = 10

#: What each code means, for the reference (docs/language.md lists them; a test compares).
CODES: Final[Mapping[str, str]] = {
    "P0100": "a word or sign stands where the grammar expects another",
    "P0101": "a block is not closed",
    "P0102": "no event kind of that name",
    "P0103": "the event kind has no such field",
    "P0104": "no `let` of that name",
    "P0105": "no action of that name",
    "P0106": "a word that is none of the choices",
    "P0107": "a text is not closed",
    "P0108": "no such escape in a text",
    "P0109": "not a number, or an unknown unit",
    "P0110": "a character that means nothing",
    "P0111": "nested too deep",
    "P0112": "not a text file",
    "P0113": "the file is too large",
    "P0114": "no policy of that name",
    "P0115": "no alert channel of that name",
    "P0201": "the field cannot be compared in this way",
    "P0202": "not a regular expression",
    "P0203": "not a path pattern",
    "P0204": "not an address or a network",
    "P0205": "a flag is used as a value, or a value as a flag",
    "P0206": "a number outside its limits",
    "P0207": "the field and the value are of different types",
    "P0208": "a value of the wrong type for this statement",
    "P0301": "a file that belongs to no policy",
    "P0302": "a policy with two headers, or a file with two beginnings",
    "P0303": "defined twice",
    "P0304": "set twice",
    "P0305": "policies that extend each other in a circle",
    "P0306": "an override that overrides nothing",
    "P0307": "lets that use each other in a circle",
    "P0308": "a let that grows too large",
    "P0309": "too many actions",
    "P0310": "an action or another block lacks something",
    "P0311": "too much to search texts for",
    "P0312": "a list of hashes that cannot be used",
    "P0401": "a let nobody uses",
    "P0402": "no enabled detector observes this event kind",
    "P0403": "the disclosed weight is greater than the weight",
    "P0404": "reading is watched only on paths that the policy names",
    "P0405": "a disabled action is named",
    "P0406": "an override of the policy's own definition",
    "P0407": "a list of nothing: the comparison never holds",
    "P0408": "an action without weight, which `decide` does not ask for either",
    "P0409": "a `[` in a path pattern that no `]` closes: it stands for itself",
    "P0410": "a size without a unit: these are bytes",
    "P0411": "nothing acts on this block yet",
}


class Note(msgspec.Struct, frozen=True):
    """Another place that matters, and why."""

    where: Location
    message: str


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `length` characters from `where` are underlined; `note` stands behind the carets."""

    code: str
    message: str
    where: Location
    length: int = 1
    severity: Literal["error", "warning"] = "error"
    note: str = ""
    help: str = ""
    related: tuple[Note, ...] = ()


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, each once."""
    once = dict.fromkeys(diagnostics)
    return sorted(once, key=lambda d: (d.where.file, d.where.line, d.where.column, d.code, d.message))


def errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those that keep a policy from being loaded."""
    return [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]


def render(
    diagnostics: Iterable[Diagnostic], texts: Mapping[str, str], *, colour: bool = False, shown: int = SHOWN,
    more: str = "",
) -> str:  # fmt: skip
    """The text of these diagnostics, an empty line between them. `texts`: file name -> its text.

    `more` stands behind the number of those that are not shown: what shows them.
    """
    every = in_order(diagnostics)
    paint = _Paint(colour)
    lines: dict[str, list[str]] = {}
    parts = []
    for diagnostic in every[:shown]:
        for place in (diagnostic.where, *(note.where for note in diagnostic.related)):
            if place.file in texts and place.file not in lines:
                lines[place.file] = texts[place.file].split("\n")
        parts.append(_one(diagnostic, lines, paint))
    if len(every) > shown:
        parts.append(f"and {len(every) - shown} more{more}")
    return "\n\n".join(parts)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 error`, `2 errors`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors and 1 warning in 1 file`, "" when there is nothing."""
    every = in_order(diagnostics)
    bad = len(errors(every))
    parts = [counted(bad, "error")] if bad else []
    if len(every) > bad:
        parts.append(counted(len(every) - bad, "warning"))
    files = len({diagnostic.where.file for diagnostic in every})
    return f"{' and '.join(parts)} in {counted(files, 'file')}" if parts else ""


def _printable(text: str) -> str:
    """What a policy or the name of a file brought into a sentence, so that it cannot steer the terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


class _Paint:
    """Escape sequences, or nothing."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, style: str, text: str) -> str:
        codes = {"error": "1;31", "warning": "1;33", "bold": "1", "frame": "1;34"}
        return f"\x1b[{codes[style]}m{text}\x1b[0m" if self.colour and text else text


def _one(diagnostic: Diagnostic, lines: Mapping[str, list[str]], paint: _Paint) -> str:
    where = diagnostic.where
    margin = len(str(max([where.line, *(note.where.line for note in diagnostic.related)])))
    head = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    out = [head + paint("bold", f": {_printable(diagnostic.message)}")]
    out += _snippet(where, diagnostic.length, diagnostic.note, diagnostic.severity, lines, margin, paint)
    for note in diagnostic.related:
        out += _snippet(note.where, 0, note.message, "frame", lines, margin, paint)
    if diagnostic.help:
        bar = paint("frame", " " * margin + " |")
        out += [bar, paint("frame", " " * margin + " =") + f" help: {_printable(diagnostic.help)}"]
    return "\n".join(out)


def _snippet(
    where: Location, length: int, note: str, style: str, lines: Mapping[str, list[str]], margin: int, paint: _Paint
) -> list[str]:
    arrow = paint("frame", " " * margin + "-->")
    if where.line < 1:
        return [f"{arrow} {_printable(where.file)}"] if where.file else []
    out = [f"{arrow} {_printable(where.file)}:{where.line}:{where.column}"]
    source = lines.get(where.file, [])
    if where.line > len(source):
        return out
    line, column = _cut(source[where.line - 1].rstrip("\r"), where.column)
    # Tabs and other signs that would move the cursor are shown as one blank each, so that the caret stands right.
    shown = "".join(sign if sign.isprintable() else " " for sign in line)
    bar = paint("frame", " " * margin + " |")
    carets = ("^" if length else "-") * max(1, min(length or 1, len(shown) - column + 1))
    number = paint("frame", f"{where.line:>{margin}} |")
    pointer = " " * (column - 1) + paint(style, carets) + (f" {_printable(note)}" if note else "")
    return [*out, bar, f"{number} {shown}".rstrip(), f"{bar} {pointer}"]


def _cut(line: str, column: int, width: int = 160) -> tuple[str, int]:
    """The part of a long line around a column, and the column within it."""
    if len(line) <= width:
        return line, column
    first = max(0, min(column - 1 - width // 3, len(line) - width))
    piece = line[first : first + width]
    head = "..." if first else ""
    return head + piece + ("..." if first + width < len(line) else ""), column - first + len(head)

"""The one canonical style: four blanks a level, one statement a line, long lines wrapped, every comment kept.

A block stays on one line when it was written so, fits, and holds no comment. Formatting twice changes nothing, and
what is parsed from the result equals what was parsed before.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from pratique.policy.layout import Block, Comment, Statement, Word, layout

WIDTH: Final = 120
INDENT: Final = "    "

_TIGHT_BEFORE: Final = frozenset({"COMMA", "RPAR", "RSQB"})
_TIGHT_AFTER: Final = frozenset({"LPAR", "LSQB"})


def format_text(text: str) -> str:
    """The text in canonical style. It must parse without errors; what does not parse has no style."""
    lines = _items(layout(text).items, 0)
    return "".join(f"{line}\n" for line in lines)


def _items(items: list[Statement | Comment], level: int) -> list[str]:
    """The lines of a block's inside. At the top, what takes several lines stands between empty lines."""
    out: list[str] = []
    spread = False  # the item before took several lines
    commented = False  # the line before is a comment on what follows
    for item in items:
        blank = item.blank
        if isinstance(item, Comment):
            lines = [INDENT * level + item.text]
            blank = blank or (level == 0 and spread)
            spread = False
        else:
            lines = _statement(item, level)
            tall = level == 0 and len(lines) > 1
            blank = blank or (not commented and (tall or (level == 0 and spread)))
            spread = tall
        if blank and out:
            out.append("")
        commented = isinstance(item, Comment)
        out += lines
    return out


def _statement(statement: Statement, level: int) -> list[str]:
    flat = _flat(statement.parts)
    if flat is not None and len(INDENT) * level + len(flat) <= WIDTH:
        lines = [INDENT * level + flat]
    else:
        lines = _Wrapping(level).lines(statement.parts)
    if statement.trailing:
        lines[-1] += f"  {statement.trailing}"
    return lines


def _flat(parts: list[Word | Comment | Block]) -> str | None:
    """The statement on one line; None when a comment or a block forbids that."""
    out = ""
    before: Word | Comment | Block | None = None
    for part, after in zip_longest(parts, parts[1:]):
        if isinstance(part, Comment):
            return None
        if _is(part, "COMMA") and _is(after, "RSQB"):
            continue  # the comma behind the last item belongs to lists over several lines
        text = part.text if isinstance(part, Word) else _short(part)
        if text is None:
            return None
        out += (" " if _apart(before, part) else "") + text
        before = part
    return out


def _short(block: Block) -> str | None:
    """The block on one line, when it may stand there."""
    if not block.items and not block.opening:
        return "{}"
    if not block.short or block.opening:
        return None
    inner = []
    for item in block.items:
        if isinstance(item, Comment) or item.trailing or (flat := _flat(item.parts)) is None:
            return None
        inner.append(flat)
    return f"{{ {(', ' if block.fields else '; ').join(inner)} }}"


def _apart(before: Word | Comment | Block | None, part: Word | Comment | Block) -> bool:
    """Whether a blank stands between two parts."""
    if before is None:
        return False
    if isinstance(before, Word) and before.kind in _TIGHT_AFTER:
        return False
    return not (isinstance(part, Word) and part.kind in _TIGHT_BEFORE)


class _Wrapping:
    """Writes a statement over several lines: breaks within lists, after commas and before `and` and `or`."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.line = INDENT * level
        self.done: list[str] = []
        self.margin = level  # of the line being written
        self.fresh = True  # nothing stands in this line yet

    def lines(self, parts: list[Word | Comment | Block]) -> list[str]:
        index = 0
        before: Word | Comment | Block | None = None
        while index < len(parts):
            part = parts[index]
            if isinstance(part, Comment):
                self._put(part.text, True, gap="  ")
                self._next_line(self.level + 1)
            elif isinstance(part, Block):
                self._block(part)
            elif part.kind == "LSQB":
                index = self._list(parts, index, _apart(before, part))
            else:
                if _breakable(before, part) and not self._fits(parts, index):
                    self._next_line(self.level + 1)
                self._put(part.text, _apart(before, part))
            before = parts[index]
            index += 1
        if not self.fresh:
            self.done.append(self.line)
        return self.done

    def _put(self, text: str, apart: bool, gap: str = " ") -> None:
        self.line += (gap if apart and not self.fresh else "") + text
        self.fresh = False

    def _next_line(self, level: int) -> None:
        if not self.fresh:
            self.done.append(self.line)
        self.margin = level
        self.line = INDENT * level
        self.fresh = True

    def _fits(self, parts: list[Word | Comment | Block], index: int) -> bool:
        """Whether all up to the next place for a break fits in this line; a list counts with what opens it."""
        width = len(self.line)
        before: Word | Comment | Block | None = None if index == 0 else parts[index - 1]
        for place in range(index, len(parts)):
            part = parts[place]
            if isinstance(part, Comment) or (place > index and _breakable(before, part)):
                break
            width += _apart(before, part) + (len(part.text) if isinstance(part, Word) else 1)
            if isinstance(part, Block) or part.kind == "LSQB":
                break
            before = part
        return width <= WIDTH

    def _block(self, block: Block) -> None:
        short = _short(block)
        if short is not None and len(self.line) + 1 + len(short) <= WIDTH:
            self._put(short, True)
            return
        margin = self.margin
        self._put("{" + "".join(f"  {one}" for one in block.opening[:1]), True)
        extra: list[Statement | Comment] = [Comment(one) for one in block.opening[1:]]
        inner = _items(extra + block.items, margin + 1)
        self._next_line(margin)
        self.done += inner
        self._put("}", False)

    def _list(self, parts: list[Word | Comment | Block], index: int, apart: bool) -> int:
        """Write the list that begins here: in this line if it fits, else its items in lines of their own."""
        end, depth = index, 0
        while True:
            part = parts[end]
            if isinstance(part, Word):
                depth += (part.kind == "LSQB") - (part.kind == "RSQB")
                if depth == 0:
                    break
            end += 1
        flat = _flat(parts[index : end + 1])
        if flat is not None and len(self.line) + apart + len(flat) <= WIDTH:
            self._put(flat, apart)
            return end
        margin = self.margin
        self._put("[", apart)
        self._next_line(margin + 1)
        before: Word | Comment | Block | None = None
        place = index + 1
        last = max((i for i in range(index + 1, end) if isinstance(parts[i], Word)), default=index)
        while place < end:
            part = parts[place]
            if isinstance(part, Comment):
                self._put(part.text, True, gap="  ")
                self._next_line(margin + 1)
                before = None
                place += 1
                continue
            if isinstance(part, Word) and part.kind == "LSQB":
                place = self._list(parts, place, before is not None)
            elif isinstance(part, Word):
                if part.kind != "COMMA" and not self.fresh and len(self.line) + 1 + len(part.text) + 1 > WIDTH:
                    self._next_line(margin + 1)
                self._put(part.text, part.kind != "COMMA" and before is not None)
            if place == last and not _is(parts[place], "COMMA"):
                self._put(",", False)
            before = parts[place]
            place += 1
        self._next_line(margin)
        self._put("]", False)
        return end


def _is(part: Word | Comment | Block | None, kind: str) -> bool:
    return isinstance(part, Word) and part.kind == kind


def _breakable(before: Word | Comment | Block | None, part: Word | Comment | Block) -> bool:
    """Whether a line may end between these two."""
    if _is(before, "COMMA"):
        return True
    return isinstance(part, Word) and part.kind in ("AND", "OR") and before is not None

"""Which lines of a text belong together, so that one can go without breaking the rest.

A line goes with the comment right above it, with its continuation lines, and with the whole of the construct it is part
of: what stands between a pair of markers, an `if` and its `fi`, braces, a section. In doubt more lines go together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pratique.meaning.pieces import Piece, Run, Token, Tokens

#: Replaced lines in one place that are compared with each other one by one.
_MOST_COMPARED = 60
#: What share of their words two lines must have in common to be one line changed.
_ALIKE = 0.6

_PART = re.compile(rb"[\w.-]+")
_BLANK = re.compile(rb"\s*$")
_COMMENT = re.compile(rb"\s*(?:#|;|//)")
_OPENS = re.compile(rb"\s*[#;\"/!-]+\s*(?:>>>|-*\s*(?:BEGIN|START)\b|\+\+\+|\{\{\{)", re.IGNORECASE)
_CLOSES = re.compile(rb"\s*[#;\"/!-]+\s*(?:<<<|-*\s*(?:END|STOP)\b|---|\}\}\})", re.IGNORECASE)
_SECTION = re.compile(rb"\s*\[.*\]\s*$")
_QUOTED = re.compile(rb"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"")
_WORD = re.compile(rb"[\w-]+|[{}()]|<<-?")
_OPENING = frozenset({b"if", b"case", b"for", b"while", b"until", b"select", b"{", b"("})
_CLOSING = frozenset({b"fi", b"esac", b"done", b"}", b")"})


def lines(content: bytes) -> Tokens:
    """A text in lines, each with its end."""
    if not content:
        return Tokens(())
    cut = not content.endswith(b"\n")
    texts = (content + b"\n" if cut else content).split(b"\n")[:-1]
    return Tokens(tuple(Token(text + b"\n") for text in texts), cut)


def apart(before: Run, after: Run) -> Iterator[Piece]:
    """Splits settings and scripts: lines one by one as far as each stands alone."""
    yield from _split(before, after, structured=True)


def entries(before: Run, after: Run) -> Iterator[Piece]:
    """Splits tables, such as crontabs and hosts: every line is an entry of its own."""
    yield from _split(before, after, structured=False)


def _split(before: Run, after: Run, *, structured: bool) -> Iterator[Piece]:
    if before and after:
        at_old = at_new = 0
        for was, now in _changed(before, after):
            yield from _inserted(before[at_old:was], after[at_new:now], structured)
            yield Piece(before[was : was + 1], after[now : now + 1])
            at_old, at_new = was + 1, now + 1
        if at_old or at_new:
            before, after = before[at_old:], after[at_new:]
    yield from _inserted(before, after, structured)


def _inserted(before: Run, after: Run, structured: bool) -> Iterator[Piece]:
    if before and after:
        yield Piece(before, after)
    elif before:
        yield from (Piece(block, ()) for block in blocks(before, structured=structured))
    else:
        yield from (Piece((), block) for block in blocks(after, structured=structured))


def _changed(before: Run, after: Run) -> Iterator[tuple[int, int]]:
    """Lines that were changed rather than replaced by others: (place before, place after), in order."""
    if max(len(before), len(after)) > _MOST_COMPARED or sum(len(one.text) for one in (*before, *after)) > 64 * 1024:
        return
    old, new = ([Counter(_PART.findall(line.text)) for line in run] for run in (before, after))
    start = 0
    for was, had in enumerate(old):
        for now in range(start, len(new)):
            if 2 * (had & new[now]).total() >= _ALIKE * (had.total() + new[now].total()) > 0:
                yield was, now
                start = now + 1
                break


def blocks(run: Run, *, structured: bool) -> Iterator[Run]:
    """A run of lines in what belongs together. Blank lines go with what follows, the last ones with what is above."""
    start = 0
    last = next((at for at in range(len(run), 0, -1) if run[at - 1].text.strip()), 0)
    while start < len(run):
        end = _end(run, _past_comments(run, start), structured)
        if end >= last:
            end = len(run)
        yield run[start:end]
        start = end


def _past_comments(run: Run, at: int) -> int:
    while (
        at < len(run)
        and not _OPENS.match(run[at].text)
        and (_COMMENT.match(run[at].text) or _BLANK.match(run[at].text))
    ):
        at += 1
    return at


def _end(run: Run, at: int, structured: bool) -> int:
    """Past the last line of what begins here."""
    if at == len(run):
        return at
    if _OPENS.match(run[at].text):
        return next((end + 1 for end in range(at + 1, len(run)) if _CLOSES.match(run[end].text)), len(run))
    if structured and _SECTION.match(run[at].text):
        return next((end for end in range(at + 1, len(run)) if _SECTION.match(run[end].text)), len(run))
    depth = cases = 0
    while at < len(run):
        text = run[at].text.rstrip(b"\r\n")
        at += 1
        if structured:
            words = _words(text)
            cases += words.count(b"case") - words.count(b"esac")
            # A pattern of a `case` ends with a bracket that nothing opened.
            depth += sum(
                (word in _OPENING) - (word in _CLOSING) for word in words if not (cases > 0 and word in (b"(", b")"))
            )
            if depth < 0:  # the end of something that began before: nobody knows what belongs to it
                return len(run)
        indented = structured and at < len(run) and run[at].text[:1] in (b" ", b"\t") and run[at].text.strip()
        if depth == 0 and not text.endswith(b"\\") and not indented:
            return at
    return at


#: In place of what is not closed on its own line, a quotation or a here-document: it counts until the end.
_NEVER_CLOSED = [b"{"] * 1_000


def _words(text: bytes) -> list[bytes]:
    bare = re.split(rb"(?:^|\s)#", _QUOTED.sub(b"", text), maxsplit=1)[0]
    words = _WORD.findall(bare)
    return _NEVER_CLOSED if re.search(rb"['\"`]|<<", bare) else words

"""Which lines of a text file came and went."""

from __future__ import annotations

from collections import Counter

from pratique import Effect, Session

#: Most of a text file that is compared line by line.
LARGEST_TEXT = 64 * 1024  # bytes
#: The same of a file that may hold settings: nothing is to be hidden behind a long comment or a stray zero byte.
LARGEST_SETTINGS = 4 * 1024 * 1024  # bytes
#: Most text an event carries in `added` or `removed`; what is longer is told by several events.
MOST_LINES = 48 * 1024  # characters
_SETTINGS = (".conf", ".pth", ".desktop", ".service", ".timer", ".sh", ".list", ".ini", "rc")


def changed_lines(effect: Effect, content: Effect, session: Session) -> list[tuple[str, str]]:
    """Lines that came and went in a text file, in portions; one empty portion for anything else.

    `content` is what the path leads to: the effect itself, or that of the file behind a link.
    """
    nothing = [("", "")]
    settings = may_hold_settings(effect.path)
    largest = LARGEST_SETTINGS if settings else LARGEST_TEXT
    after = content.after
    if effect.unfit or content.unfit or after is None or after.type != "file" or after.size > largest:
        return nothing
    new = _lines(session.read(content.path, largest + 1), largest, settings)
    was = effect.before is not None and effect.before.type == "file"
    old = _lines(session.read_before(effect.path, largest + 1), largest, settings) if was else []
    if new is None:
        return nothing
    old = old or []  # too large to be read: then every line counts as new
    added = _portions([_shown(line) for line in _more(new, old)])
    removed = _portions([_shown(line) for line in _more(old, new)])
    count = max(len(added), len(removed), 1)
    return list(zip(_filled(added, count), _filled(removed, count), strict=True))


def _more(lines: list[str], than: list[str]) -> list[str]:
    """The lines that are there more often than in the other, as often as they are; the last of equal ones, in order."""
    rest = Counter(than)
    out = []
    for line in lines:
        if rest[line]:
            rest[line] -= 1
        else:
            out.append(line)
    return out


def may_hold_settings(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.startswith("/etc/") or name.startswith(".") or name.endswith(_SETTINGS) or "/.config/" in path


def _portions(lines: list[str]) -> list[str]:
    """The lines joined, as few texts as they fit in; a line that fits in none is cut up."""
    out: list[str] = []
    part: list[str] = []
    room = MOST_LINES
    for line in lines:
        if len(line) + 1 > room and part:
            out.append("\n".join(part))
            part, room = [], MOST_LINES
        while len(line) > MOST_LINES:
            out.append(line[:MOST_LINES])
            line = line[MOST_LINES:]  # noqa: PLW2901
        part.append(line)
        room -= len(line) + 1
    return [*out, "\n".join(part)] if part else out


def _filled(texts: list[str], count: int) -> list[str]:
    return texts + [""] * (count - len(texts))


def _lines(content: bytes | None, largest: int, settings: bool) -> list[str] | None:
    """None for a file with a zero byte that holds no settings: it is no text."""
    if content is None or len(content) > largest or (b"\0" in content and not settings):
        return None
    return content.decode("utf-8", "replace").splitlines()


def _shown(line: str) -> str:
    """Whoever reads settings may well pass over a zero byte, or take the line up to it: it is kept, and seen."""
    return line.replace("\0", r"\0")

"""Globs over paths and registry keys: what they mean, taken apart once, matched in linear time.

`*` stands for any part of one name, `?` for one character of it, `[a-z]` for one of a set (`[!a-z]` for one outside
it). `**` stands for any number of whole names: `/a/**` is everything beneath `/a`, `/a/**/b` is a `b` at any depth
beneath `/a`, itself included, `**/b` a `b` anywhere. `{a,b}` is written out as two globs; braces without a comma are
themselves, so that `{00021401-...}` can be written in a key. `~` in front is the session's home. There is no escape:
`[*]` is a star.

A glob that *folds* is for Windows paths and registry keys: names are parted by `\\`, and case makes no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import re2

#: A glob may not stand for more globs than this once its braces are written out.
MOST_ALTERNATIVES: Final = 1000

#: Signs that make more of a name than its text.
_WILD: Final = frozenset("*?[")

#: One piece of a name: text as it is, or a wildcard.
Piece: TypeAlias = tuple[Literal["text", "any", "one", "set"], str]
#: One name of a glob. `None` is `**`: any number of names.
Name: TypeAlias = "tuple[Piece, ...] | None"


class GlobError(ValueError):
    """A glob that cannot be: too many alternatives, or two stars inside a name."""


def folds(text: str) -> bool:
    r"""Whether text is a Windows path or a registry key, by its beginning.

    >>> folds(r"C:\Windows\win.ini"), folds(r"HKCU\Software\*"), folds("/etc/hosts")
    (True, True, False)
    """
    head = text[:3]
    if head[:1] in ("/", "~"):
        return False  # most of them, soon told
    return (head[1:2] == ":" and head[:1].isalpha()) or head.startswith("\\\\") or text.split("\\")[0].upper() in _ROOTS


_ROOTS: Final = frozenset(
    {"HKCU", "HKLM", "HKCR", "HKU", "HKCC", "HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE", "HKEY_CLASSES_ROOT"}
    | {"HKEY_USERS", "HKEY_CURRENT_CONFIG"}
)


def escape(text: str) -> str:
    """A glob that matches only this text.

    >>> escape("/home/[x]/a*")
    '/home/[[]x]/a[*]'
    """
    return "".join(f"[{char}]" if char in "*?[{" else char for char in text)


def expand(glob: str, home: str) -> tuple[str, ...]:
    """The same as globs without alternatives and without `~`. Raises `GlobError` when there are too many.

    >>> expand("~/.config/{chromium,edge}/**", "/home/ann")
    ('/home/ann/.config/chromium/**', '/home/ann/.config/edge/**')
    """
    return tuple(dict.fromkeys(_at_home(alternative, home) for alternative in _alternatives(glob)))


def expand_home(path: str, home: str) -> str:
    """The path with a leading `~` replaced; for values, where nothing is a wildcard."""
    if path == "~" or path.startswith("~/"):
        return (home.rstrip("/") + path[1:]) or "/"
    return path


def _at_home(glob: str, home: str) -> str:
    return expand_home(glob, escape(home))


def _alternatives(glob: str) -> list[str]:
    """Write out the braces, leftmost first, innermost with their own."""
    done: list[str] = []
    todo = [(glob, 0)]
    while todo:
        text, start = todo.pop()
        braces = _first_braces(text, start)
        if braces is None:
            done.append(text)
        else:
            begin, end, options = braces
            todo.extend((text[:begin] + option + text[end:], begin) for option in reversed(options))
        if len(done) + len(todo) > MOST_ALTERNATIVES:
            raise GlobError(f"{glob!r} stands for more than {MOST_ALTERNATIVES} globs; write fewer alternatives")
    return done


def _first_braces(text: str, start: int) -> tuple[int, int, list[str]] | None:
    """Begin, end and options of the first braces that hold a comma."""
    openings: list[tuple[int, list[int]]] = []
    found: tuple[int, int, list[int]] | None = None
    at = start
    while at < len(text):
        char = text[at]
        if char == "[" and (close := set_end(text, at)):
            at = close
            continue
        if char == "{":
            openings.append((at, []))
        elif char == "," and openings:
            openings[-1][1].append(at)
        elif char == "}" and openings:
            begin, commas = openings.pop()
            if commas and (found is None or begin < found[0]):
                found = (begin, at, commas)
        if found and not any(begin < found[0] for begin, _ in openings):
            break
        at += 1
    if found is None:
        return None
    begin, end, commas = found
    edges = [begin, *commas, end]
    return begin, end + 1, [text[a + 1 : b] for a, b in pairwise(edges)]


def set_end(text: str, at: int) -> int | None:
    """The index behind the `]` that closes the set opened at `at`; None when it is a bracket and no more."""
    first = at + 2 if text[at + 1 : at + 2] == "!" else at + 1
    close = text.find("]", first + 1)
    return None if close < 0 or "/" in text[at:close] else close + 1


@functools.lru_cache(maxsize=65536)
def names(glob: str, fold: bool = False) -> tuple[Name, ...]:
    """The names of an expanded glob, in order; a leading separator makes a first, empty name.

    Raises `GlobError` for `**` beside other characters of a name.
    """
    if fold:
        glob = glob.lower()
        if glob[1:2] == ":":
            glob = glob.replace("/", "\\")
    separator = "\\" if fold else "/"
    out: list[Name] = []
    for name in glob.split(separator):
        if name == "**":
            if not out or out[-1] is not None:
                out.append(None)
        elif "**" in name:
            raise GlobError(f"{glob!r}: `**` stands for whole names; write `*` within a name, or `/**/`")
        else:
            out.append(_pieces(name))
    return tuple(out)


def _pieces(name: str) -> tuple[Piece, ...]:
    if _WILD.isdisjoint(name):
        return (("text", name),)
    out: list[Piece] = []
    text = ""
    at = 0
    while at < len(name):
        char = name[at]
        close = set_end(name, at) if char == "[" else None
        if char not in "*?" and close is None:
            text += char
            at += 1
            continue
        inner = name[at + 1 : close - 1] if close else ""
        if close and len(inner) == 1:
            text += inner  # `[*]`: a set of one is a way to write that character
            at = close
            continue
        if text:
            out.append(("text", text))
            text = ""
        out.append(("set", inner) if close else ("any", "") if char == "*" else ("one", ""))
        at = close or at + 1
    if text or not out:
        out.append(("text", text))
    return tuple(out)


def constant(glob: str, fold: bool = False) -> str | None:
    """The one path the glob stands for, or None when there is a wildcard in it.

    >>> constant("/etc/passwd"), constant("/etc/*")
    ('/etc/passwd', None)
    """
    parts = [literal(name) for name in names(glob, fold)]
    return None if None in parts else ("\\" if fold else "/").join(part or "" for part in parts)


def literal(name: Name) -> str | None:
    """The text of a name without wildcards, or None."""
    if name is None or len(name) != 1 or name[0][0] != "text":
        return None
    return name[0][1]


def constant_directory(glob: str, fold: bool = False) -> str:
    """The deepest directory everything the glob matches lies beneath; "" when there is none.

    >>> constant_directory("/etc/profile.d/**"), constant_directory("/etc/pass*"), constant_directory("**/x")
    ('/etc/profile.d', '/etc', '')
    """
    parts: list[str] = []
    for name in names(glob, fold)[:-1]:
        text = literal(name)
        if text is None:
            break
        parts.append(text)
    separator = "\\" if fold else "/"
    return separator.join(parts) or (separator if parts else "")


def expression(glob: str, fold: bool = False) -> str:
    """The glob as a regular expression for RE2 that matches the whole path."""
    separator = "\\\\" if fold else "/"
    parts = names(glob, fold)
    out = "(?s)^"
    for index, name in enumerate(parts):
        last = index == len(parts) - 1
        if name is None:
            out += ".+" if last else f"(?:.*{separator})?"
        else:
            out += name_expression(name, fold) + ("" if last else separator)
    return out + r"\z"


def name_expression(name: tuple[Piece, ...], fold: bool = False) -> str:
    """One name as a regular expression, without anchors."""
    other = r"[^\\]" if fold else "[^/]"
    out = ""
    for kind, text in name:
        match kind:
            case "text":
                out += re2.escape(text)
            case "any":
                out += f"{other}*"
            case "one":
                out += other
            case "set":
                out += _set_expression(text, "\\" if fold else "/")
    return out


def _set_expression(inner: str, separator: str) -> str:
    negated = inner.startswith("!")
    ranges: list[tuple[int, int]] = []
    rest = inner[1:] if negated else inner
    at = 0
    while at < len(rest):
        if rest[at + 1 : at + 2] == "-" and at + 2 < len(rest):
            low, high = ord(rest[at]), ord(rest[at + 2])
            at += 3
        else:
            low = high = ord(rest[at])
            at += 1
        if low <= high:
            ranges.append((low, high))
    apart = ord(separator)
    if negated:
        ranges.append((apart, apart))
    else:  # a range never takes in the separator
        ranges = [
            part
            for low, high in ranges
            for part in (((low, apart - 1), (apart + 1, high)) if low <= apart <= high else ((low, high),))
            if part[0] <= part[1]
        ]
    if not ranges:
        return r"[^\x00-\x{10FFFF}]"
    inside = "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges)
    return f"[^{inside}]" if negated else f"[{inside}]"


def readable(text: str) -> str:
    """Text that can be given to RE2: a byte that is not UTF-8 (a lone surrogate) becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def compile(glob: str, home: str, fold: bool = False) -> Callable[[str], bool]:
    """A function that tells whether a path matches. For one glob; many at once are for `pratique.policy.match`."""
    options = re2.Options()
    options.log_errors = False
    joined = "|".join(f"(?:{expression(alternative, fold)})" for alternative in expand(glob, home))
    search = re2.compile(joined, options).search

    def matches_glob(path: str) -> bool:
        return search(readable(path.lower() if fold else path)) is not None

    return matches_glob


def matches(glob: str, path: str, home: str, fold: bool = False) -> bool:
    """Whether the path matches the glob."""
    return compile(glob, home, fold)(path)

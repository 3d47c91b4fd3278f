"""Regular expressions, path patterns and network addresses: are they sound, and within bounds?

Each function returns what is wrong in words, "" when nothing is; expressions are compiled by RE2, the engine that will
run them, so that none can take more than linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pratique.policy import paths
from pratique.policy.limits import ALTERNATIVES, LONGEST, WRITTEN_OUT

#: Bytes the checker gives RE2 for one expression: what is compiled in them is compiled in a session, too.
MEMORY: Final = 1 << 20

_BEGINS: Final = re.compile(r"/|~(?:/|$)|\*|\?|\{|[A-Za-z]:[\\/]|\\\\|%\w+%", re.ASCII)
_VARIABLE: Final = re.compile(r"%\w+%", re.ASCII)
_SET: Final = re.compile(r"\[!?.[^\]/]*\]")
_MAGIC: Final = re.compile(r"[*?{}]|\[[^\]/]+\]")


def regex_fault(pattern: str, flags: str) -> tuple[str, int]:
    """What is wrong with a regular expression, and at which of its characters (from 0); ("", 0) when it is sound."""
    for place, flag in enumerate(flags):
        if flag not in "ims" or flag in flags[:place]:
            return f'"{flag}" is no flag; the flags are i (any case), m (lines), s (dot takes line ends)', -1 - place
    if len(pattern) > LONGEST:
        return f"a regular expression may have {LONGEST:,} characters; this one has {len(pattern):,}", 0
    import re2

    try:
        size(with_flags(pattern, flags), MEMORY)
    except re2.error as error:
        message = error.args[0]
        if isinstance(message, bytes):
            message = message.decode("utf-8", "replace")
        reason, _, culprit = str(message).partition(": ")
        return f"not a regular expression: {reason}", max(0, pattern.rfind(culprit)) if culprit else 0
    return "", 0


@lru_cache(maxsize=32_768)
def size(expression: str, memory: int = 32 << 20) -> int:
    """The instructions of an expression, as RE2 counts them. Raises `re2.error` for one it refuses in that memory."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    return int(re2.compile(expression, options).programsize)


def with_flags(pattern: str, flags: str) -> str:
    """The expression with its flags written into it, as RE2 reads them."""
    return f"(?{flags}){pattern}" if flags else pattern


def glob_fault(glob: str, *, rooted: bool, fold: bool) -> str:
    """What is wrong with a glob. `rooted`: it is for paths, which are absolute; `fold`: as `paths.folds` says."""
    if not glob:
        return "an empty pattern matches nothing"
    if len(glob) > LONGEST:
        return f"a pattern may have {LONGEST:,} characters; this one has {len(glob):,}"
    if rooted and not _BEGINS.match(glob):
        return "paths are absolute, so this can never match: begin it with /, ~/, ** or a drive like C:\\"
    if ("{" in glob or "}" in glob) and (fault := _brace_fault(_SET.sub("[]", glob), len(glob))):
        return fault
    try:
        for alternative in paths.expand(glob, "/home") if "{" in glob else (glob,):
            paths.names(alternative, fold)
    except paths.GlobError as error:
        return str(error).rpartition("': ")[2]
    return ""


def _brace_fault(glob: str, length: int) -> str:
    """Unbalanced braces, or braces that stand for too much; counted without writing it out."""
    total = [1]  # for each open group: product within the present alternative
    sums: list[int] = []  # for each open group: sum of its finished alternatives
    for sign in glob:
        if sign == "{":
            if len(sums) >= 8:
                return "braces nest more than 8 deep"
            sums.append(0)
            total.append(1)
        elif sign == "," and sums:
            sums[-1] += total[-1]
            total[-1] = 1
        elif sign == "}":
            if not sums:
                return "a } closes no {"
            alternatives = sums.pop() + total.pop()
            total[-1] *= alternatives
            if total[-1] > ALTERNATIVES or total[-1] * length > WRITTEN_OUT:
                return f"its braces stand for more than {ALTERNATIVES:,} paths, or {WRITTEN_OUT:,} characters of them"
    return "a { is not closed" if sums else ""


def open_bracket(glob: str) -> int:
    """Where the first `[` stands that no `]` of the same name closes; -1 when there is none."""
    at = glob.find("[")
    while at >= 0:
        close = paths.set_end(glob, at)
        if close is None:
            return at
        at = glob.find("[", close)
    return -1


def is_magic(text: str) -> bool:
    """Whether a text holds signs that mean something in a glob."""
    return _MAGIC.search(text) is not None


def is_windows(text: str) -> bool:
    """Whether a path is one of Windows, which are matched without regard to case."""
    return paths.folds(text) or _VARIABLE.match(text) is not None


def network(text: str) -> str | None:
    """The network or address in its usual spelling, None when it is neither."""
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def address(text: str) -> str | None:
    """The address in its usual spelling, None when it is none."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None

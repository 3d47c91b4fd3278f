"""One event in a line: the path or name, and what happened to it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from pratique.cli.plain import printable
from pratique.report import EvidencePart


def counted(count: int, what: str) -> str:
    """
    >>> counted(1, "change"), counted(0, "change")
    ('1 change', '0 changes')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def short(path: str) -> str:
    """The path with `~` for the home of whoever reads it, which keeps lines on the screen and names short."""
    home = os.environ.get("HOME", "").rstrip("/")
    return f"~{path[len(home) :]}" if home and f"{path}/".startswith(f"{home}/") else path


def distinct(evidence: Iterable[EvidencePart]) -> Iterator[str]:
    """A line for each event that says more than the others.

    What was done twice is said once, and that a file was touched is said with what was written into it.
    """
    described = [(where(part), describe(part)) for part in evidence]
    said_more = {path for path, line in described if line != path}
    yield from dict.fromkeys(line for path, line in described if line != path or path not in said_more)


def where(evidence: EvidencePart) -> str:
    """What it is about: a path, name, key or host."""
    fields = evidence.fields
    return printable(
        short(str(fields.get("path") or fields.get("name") or fields.get("key") or fields.get("host") or ""))
    )


def describe(evidence: EvidencePart) -> str:
    """What it is about, and what happened to it."""
    fields, path = evidence.fields, where(evidence)
    if evidence.kind == "file.write":
        counts = [
            f"{sign}{counted(count, 'line')}"
            for sign, text in (("+", fields.get("added")), ("-", fields.get("removed")))
            if (count := len(str(text or "").splitlines()))
        ]
        return "  ".join((path, *counts))
    if evidence.kind == "file.read":
        return f"{path}  opened" + (", saw an empty stand-in" if fields.get("hidden") else "")
    if evidence.kind == "file.mode":
        mode = fields.get("mode")
        return f"{path}  mode {int(mode):o}" if isinstance(mode, int | float) else path
    if evidence.kind == "account.modify":
        return printable(f"{path}  {fields.get('change', '')}")
    if evidence.kind == "file.create":
        return path
    return f"{path}  {evidence.kind.replace('.', ' ')}"

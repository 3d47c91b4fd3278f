"""From policy files to texts. What is no readable text file becomes a diagnostic, never an exception."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pratique import resources
from pratique.errors import UsageError
from pratique.policy.diagnostics import Diagnostic
from pratique.policy.limits import LARGEST
from pratique.policy.model import Location
from pratique.policy.nearest import did_you_mean, listed


def shown(path: Path) -> str:
    """The path as people are shown it: `rules/...` for what is shipped, short when it lies below where they stand."""
    path = Path(os.path.realpath(path.parent)) / path.name  # a link by its own name; Path.resolve raises for a loop
    for above in (resources.directory("rules").parent, Path.cwd()):
        if path.is_relative_to(above) and above != Path("/"):
            return str(path.relative_to(above))
    return str(path)


def read(path: Path) -> str | Diagnostic:
    """The text of a policy file, or what keeps it from being one. Devices and pipes are not waited for."""
    try:
        content = _content(path)
    except OSError as error:
        return _fault(path, f"cannot be read: {error.strerror}", "P0112")
    if content is None:
        return _fault(path, "this is not a regular file", "P0112")
    if len(content) > LARGEST:
        return _fault(path, f"a policy file may have {LARGEST >> 20} MiB; split this one into parts", "P0113")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"this is not UTF-8 text: byte 0x{content[error.start]:02x}"
        return Diagnostic(code="P0112", message=message, where=Location(shown(path), line, column))


def as_far_as_it_goes(path: Path) -> str:
    """What can be read of a file that is no policy file, "" for nothing: it may say of which policy it is a part."""
    try:
        return (_content(path) or b"").decode("utf-8-sig", "replace")
    except OSError:
        return ""


def no_such(path: Path) -> UsageError:
    """What to say of a path that is not there: the name beside it that was meant, or what there is."""
    place = path.absolute().parent
    message = f"no such file or directory: {path}"
    try:
        names = sorted(entry.name for entry in os.scandir(place))
    except OSError:
        return UsageError(message, hint=f"{place} is no directory that can be read")
    policies = [name for name in names if name.endswith(".policy")]
    there = f"policy files in {place}: {listed(policies, 'and')}" if policies else f"there is no policy file in {place}"
    return UsageError(message, hint=did_you_mean(path.name, names) or there)


def _content(path: Path) -> bytes | None:
    """A byte more than a policy file may have, at most; None: not a regular file. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        return file.read(LARGEST + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _fault(path: Path, message: str, code: str) -> Diagnostic:
    return Diagnostic(code=code, message=message, where=Location(shown(path), 0, 0))


def files_below(directory: Path, *, deep: bool = True) -> list[Path]:
    """The `*.policy` files of a directory and, if `deep`, those below it, in order. No hidden ones, no links."""
    found = []
    for top, inner, names in os.walk(directory):
        inner[:] = sorted(name for name in inner if deep and not name.startswith("."))
        found += [Path(top, name) for name in sorted(names) if name.endswith(".policy") and not name.startswith(".")]
    return found

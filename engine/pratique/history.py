"""Past sessions: their reports, one JSON file each, newest kept.

A file that is damaged stays where it is, and is named wherever it would have stood, until somebody removes it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from pratique import places
from pratique.errors import UsageError
from pratique.report import Report, to_json

#: Reports kept; the oldest go first.
MOST_REPORTS: Final = 1000
LARGEST_REPORT: Final = 256 * 1024 * 1024  # bytes
_FORETOLD: Final = ".foretold"  # the report of an installation that is about to be


class DamagedReport(UsageError):
    """A report that cannot be read. What its `session` installed may be undone all the same."""

    def __init__(self, path: Path, reason: str) -> None:
        hint = f"`pratique undo {path.stem}` takes back what it installed, if it did; then: rm {path}"
        super().__init__(f"the report in {path} cannot be read: {reason}", hint=hint)
        self.session = path.stem


class Latest(NamedTuple):
    """Newest first: the reports, and those that are damaged among them."""

    reports: list[Report]
    damaged: list[DamagedReport]


def _directory() -> Path:
    return places.history()


def save(report: Report) -> Path:
    """Keep the report (0600), and drop the oldest beyond `MOST_REPORTS`. Raises `OSError`."""
    path = _directory() / f"{report.id}.json"
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(to_json(report))
    temporary.replace(path)
    path.with_suffix(_FORETOLD).unlink(missing_ok=True)
    for old in _files()[MOST_REPORTS:]:
        old.unlink(missing_ok=True)
    return path


def foretell(report: Report) -> None:
    """Put the report on the disk before the host is touched: whoever is killed after that, and before the report can be
    saved, leaves an installation that can be found and undone all the same. Raises `OSError`.
    """
    path = _directory() / f"{report.id}{_FORETOLD}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(to_json(report))
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def settle(came_to_be: Callable[[str], bool]) -> None:
    """Of what was foretold by commands that were killed, keep what came to be. For who holds the lock of those who
    change the host. Raises `OSError`.
    """
    for path in _directory().glob(f"*{_FORETOLD}"):
        with contextlib.suppress(FileNotFoundError):  # saved meanwhile
            if came_to_be(path.stem):
                path.replace(path.with_suffix(".json"))
            else:
                path.unlink()


def _files() -> list[Path]:
    """Newest first."""
    return sorted(_directory().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def load(session: str) -> Report:
    """The report of the session whose id begins so.

    Raises `UsageError` when there is none, or more than one, `DamagedReport`.
    """
    found = [path for path in _files() if path.stem.startswith(session)] if session else []
    if len(found) != 1:
        known = ", ".join(path.stem for path in (found or _files())[:5]) or "none yet"
        trouble = "no session" if not found else "more than one session"
        raise UsageError(f"{trouble} begins with {session!r}", hint=f"sessions: {known}; `pratique history` lists them")
    return _read(found[0])


def _read(path: Path) -> Report:
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise DamagedReport(path, "it is larger than any report")
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise DamagedReport(path, f"it is not a report ({error})") from None
    except OSError as error:
        raise DamagedReport(path, (error.strerror or str(error)).lower()) from None


def latest(count: int) -> Latest:
    """The newest `count` reports, and those passed over on the way because they are damaged."""
    found = Latest([], [])
    for path in _files():
        if len(found.reports) == count:
            break
        try:
            found.reports.append(_read(path))
        except DamagedReport as damaged:
            found.damaged.append(damaged)
    return found

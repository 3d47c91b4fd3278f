"""Past sessions: their reports, one JSON file each, newest kept."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from pratique import places
from pratique.errors import UsageError
from pratique.report import Report, to_json

#: Reports kept; the oldest go first.
MOST_REPORTS: Final = 1000
LARGEST_REPORT: Final = 256 * 1024 * 1024  # bytes


def _directory() -> Path:
    return places.history()


def save(report: Report) -> Path:
    """Keep the report (0600), and drop the oldest beyond `MOST_REPORTS`. Raises `OSError`."""
    path = _directory() / f"{report.id}.json"
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(to_json(report))
    temporary.replace(path)
    for old in _files()[MOST_REPORTS:]:
        old.unlink(missing_ok=True)
    return path


def _files() -> list[Path]:
    """Newest first."""
    return sorted(_directory().glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def load(session: str) -> Report:
    """The report of the session whose id begins so. Raises `UsageError` when there is none, or more than one."""
    found = [path for path in _files() if path.stem.startswith(session)] if session else []
    if len(found) != 1:
        known = ", ".join(path.stem for path in (found or _files())[:5]) or "none yet"
        trouble = "no session" if not found else "more than one session"
        raise UsageError(f"{trouble} begins with {session!r}", hint=f"sessions: {known}; `pratique history` lists them")
    return _read(found[0])


def _read(path: Path) -> Report:
    try:
        if path.stat().st_size > LARGEST_REPORT:
            raise UsageError(f"{path} is larger than any report; it was not read")
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"{path} is not a report: {error}", hint=f"remove it: rm {path}") from None


def latest(count: int) -> list[Report]:
    """The newest reports, newest first. Files that are no reports are passed over."""
    reports: list[Report] = []
    for path in _files():
        if len(reports) == count:
            break
        try:
            reports.append(_read(path))
        except UsageError:
            continue
    return reports

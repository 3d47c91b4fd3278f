"""What others, installed since, need of the Debian packages that an undo takes away or makes older."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pratique.meaning.relations import STATUS, Relations, broken
from pratique.run import afterwards
from pratique.sandbox.journal import Change, Journal


def complaints(done: Journal) -> tuple[str, ...]:
    """What would be wrong with which package once it is undone, a sentence each; or the one that nobody can tell."""
    change = next((change for change in done.changes if change.path == STATUS), None)
    if change is None or not change.installed or not change.saved:
        return ()
    try:
        return _found(done, change)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return (f"which ones cannot be told: {error.filename or STATUS}: {reason}",)


def _found(done: Journal, change: Change) -> tuple[str, ...]:
    """Raises `OSError`."""
    try:
        status = Path(STATUS).read_bytes()
    except FileNotFoundError:
        return ()  # no package is known of, so none can be broken
    put = (done.directory / change.installed).read_bytes()
    if status == put:
        return ()  # it will be as it was, whatever that was
    before = Relations.read((done.directory / (change.copied or change.saved)).read_bytes())
    installed, now = Relations.read(put), Relations.read(status)
    later = dict(now.packages)
    for name in before.packages.keys() | installed.packages.keys():
        was, came = before.packages.get(name), installed.packages.get(name)
        # Of what others made newer or took away since, nothing of ours is left to be undone.
        if was == came or _version(came) != _version(now.packages.get(name)):
            continue
        if was is None:
            del later[name]
        else:
            later[name] = was
    return tuple(f"{name} {what}" for name, what in sorted(broken(now, Relations(later), _compare)))


def _version(fields: Mapping[str, str] | None) -> str:
    return fields.get("Version", "") if fields is not None else ""


@cache
def _compare(version: str, relation: str, other: str) -> bool:
    """As dpkg orders versions."""
    words = ["dpkg", "--compare-versions", version, relation, other]
    done = subprocess.run(words, env=afterwards.ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0

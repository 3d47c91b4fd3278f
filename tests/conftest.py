"""What every test may ask for: the command itself, run for real, with a state of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest_plugins = ["installers", "signing"]  # found by `pythonpath` in pyproject.toml

ROOT = Path(__file__).resolve().parents[1]


class Ran(NamedTuple):
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Pratique = Callable[..., Ran]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory and a configuration of this test alone, for commands and for code called here."""
    place = tmp_path / "pratique-state"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("PRATIQUE_STATE", str(place))
    monkeypatch.setenv("PRATIQUE_CONFIG", str(tmp_path / "pratique-config"))
    return place


@pytest.fixture
def pratique(state: Path, tmp_path: Path) -> Pratique:
    """Run `pratique WORDS...` in a process of its own, with no terminal: returns its exit code and output."""

    def run(*words: str | os.PathLike[str], env: dict[str, str] | None = None, cwd: Path | None = None,
            timeout: float = 240, user: str | None = None, stdin: Any = subprocess.DEVNULL) -> Ran:  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pratique.cli.main", *map(os.fspath, words)],
            env={**os.environ, **(env or {})}, cwd=cwd or tmp_path, stdin=stdin, user=user,
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


class HostWatch:
    """Whether anything on this machine's root file system changed since a moment.

    ctime cannot be set by a program, and a deletion changes its directory's: a walk that finds no newer ctime shows
    that no file came, went or changed. Left out: this checkout, the tests' own temporary directories and caches.
    """

    def __init__(self, *own: Path) -> None:
        self._own = [ROOT, *own]
        self.start()

    def start(self) -> None:
        """From now on."""
        time.sleep(0.02)  # ctime is as coarse as the kernel's tick
        self._since = time.time_ns()

    def changed(self) -> list[str]:
        """Paths changed since; empty when the host is byte for byte as it was."""
        own = {str(path.resolve()) for path in self._own}
        found: list[str] = []
        pending = ["/"]
        device = os.stat("/").st_dev
        while pending:
            directory = pending.pop()
            try:
                entries = list(os.scandir(directory))
            except (PermissionError, FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                if entry.path in own:
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_dev != device:
                    continue
                if status.st_ctime_ns > self._since:
                    found.append(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
        # A directory that holds one of ours changes with it.
        parents = {str(parent) for path in self._own for parent in path.resolve().parents}
        return [path for path in sorted(found) if path not in parents]


@pytest.fixture
def host_watch(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> HostWatch:
    """Watches the whole root file system; `changed()` says what changed since the last `start()`."""
    return HostWatch(tmp_path, tmp_path_factory.getbasetemp(), ROOT)

"""What every test may ask for: the command itself, run for real, with a state of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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

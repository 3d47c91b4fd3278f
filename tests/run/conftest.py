"""A scene: a person's home, installers to run in it, and a look at what a run left behind."""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_KEPT_AFTER_COMMIT = {"journal"}  # the originals, for taking an installation back


class Scene:
    """A home of this test's own. `run` is the command itself; `left()` says what it left behind."""

    def __init__(self, place: Path, state: Path, pratique: Callable[..., Any]) -> None:
        self.state = state
        self.downloads = place / "downloads"
        self.home = place / "home"
        self.faults = place / "faults"
        for directory in (self.downloads, self.home, self.faults, self.home / ".ssh"):
            directory.mkdir(mode=0o700)
        (self.home / ".bashrc").write_text("# mine\n")
        (self.home / ".ssh" / "id_ed25519").write_text("PRIVATE\n")
        self._pratique = pratique
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "TMPDIR": str(self.faults)}

    def script(self, *lines: str, name: str = "setup.sh") -> Path:
        """An installer: a shell script of these lines."""
        file = self.downloads / name
        file.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        file.chmod(0o755)
        self.start()
        return file

    def python(self, source: str, name: str = "setup.py") -> Path:
        """An installer: a Python program."""
        file = self.downloads / name
        file.write_text(f"#!/usr/bin/env python3\n{source}")
        file.chmod(0o755)
        self.start()
        return file

    def start(self) -> None:
        """From now on every change counts as left behind."""
        self._before = self._look()
        self._mounted = set(_mounts())

    def run(self, *words: str | os.PathLike[str], env: dict[str, str] | None = None, **settings: Any) -> Any:
        return self._pratique("run", *words, env={**self.environment, **(env or {})}, cwd=self.downloads, **settings)

    def pratique(self, *words: str | os.PathLike[str]) -> Any:
        """Another command than `run`."""
        return self._pratique(*words, env=self.environment)

    def left(self) -> list[str]:
        """Processes, mounts, session directories, changed files and reports of faults; [] when all is as it was."""
        return [
            *(f"process {line}" for line in survivors()),
            *(f"mounted {line}" for line in self.mounts()),
            *(f"session {path}" for path in self.sessions()),
            *(f"changed {path}" for path in sorted(self._before ^ self._look())),
            *(f"a fault of ours: {path.read_text()}" for path in self.faults.iterdir()),
        ]

    def mounts(self) -> list[str]:
        new = set(_mounts()) - self._mounted
        return [line for line in new if str(self.state) in line or " overlay pratique " in line]

    def sessions(self) -> list[str]:
        """What the sessions left in the state directory, save what an installation can be taken back with."""
        place = self.state / "sessions"
        found: list[Path] = []
        for one in place.iterdir() if place.is_dir() else ():
            found += (list(one.iterdir()) or [one]) if one.is_dir() else [one]
        return [str(entry) for entry in found if entry.name not in _KEPT_AFTER_COMMIT]

    def _look(self) -> set[tuple[Any, ...]]:
        found: set[tuple[Any, ...]] = set()
        for top in (self.downloads, self.home):
            for directory, names, files in os.walk(top):
                for name in (*names, *files):
                    path = f"{directory}/{name}"
                    status = os.lstat(path)
                    regular = stat.S_ISREG(status.st_mode)
                    content = hashlib.sha256(Path(path).read_bytes()).hexdigest() if regular else ""
                    found.add((path, status.st_ino, status.st_mode, content))
        return found


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text().splitlines()


def survivors() -> list[str]:
    """Descendants of this process that still run. They come to us when their own parents end: see `adopting`."""
    deadline = time.monotonic() + 2
    while True:
        running = []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.status() == psutil.STATUS_ZOMBIE:
                    child.wait(0)
                else:
                    running.append(f"{child.pid} {' '.join(child.cmdline())}")
            except psutil.Error:
                continue
        if not running or time.monotonic() > deadline:
            return running
        time.sleep(0.05)


@pytest.fixture(scope="session", autouse=True)
def adopting() -> Iterator[None]:
    """Orphans become ours, so that a process somebody left running is found for certain."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def scene(tmp_path: Path, state: Path, pratique: Callable[..., Any]) -> Scene:
    return Scene(tmp_path, state, pratique)


@pytest.fixture
def refused(scene: Scene) -> Callable[..., Any]:
    """`refused(5, "changed", "setup.sh")`: run it; it must end so, say so, and leave everything as it was."""

    def run(code: int, *said_and_words: Any, said: str | tuple[str, ...] = "", **settings: Any) -> Any:
        ran = scene.run(*said_and_words, **settings)
        assert ran.code == code, (ran.code, ran.out[-2000:], ran.err[-2000:])
        for text in (said,) if isinstance(said, str) else said:
            assert text in ran.err
        assert "Traceback" not in ran.out + ran.err
        assert scene.left() == []
        return ran

    return run

"""Quarantines to test with: real ones, over this machine's own root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from pratique.sandbox.environment import from_host
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec


class Start(Protocol):
    def __call__(self, *command: str, **settings: Any) -> Quarantine: ...


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A directory of the host that installers in the tests write to."""
    directory = tmp_path / "host"
    directory.mkdir()
    return directory


@pytest.fixture
def quarantine(tmp_path: Path, host: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """`quarantine("make", "install")`: one that starts in `host`; what it leaves is removed after the test."""
    monkeypatch.setenv("PRATIQUE_STATE", str(tmp_path / "state"))
    made: list[Quarantine] = []

    def start(*command: str, **settings: Any) -> Quarantine:
        number = len(made) + 1
        home = settings.pop("home", str(Path.home()))
        uid = settings.pop("uid", os.geteuid())
        environment = from_host(os.environ, home=home, user="", uid=uid) | settings.pop("environment", {})
        spec = Spec(
            id=f"test{number}", command=command, environment=environment,
            place=settings.pop("place", tmp_path / f"place{number}"),
            directory=settings.pop("directory", str(host)), home=home, uid=uid, gid=settings.pop("gid", os.getegid()),
            **{"timeout": 60.0, **settings},
        )  # fmt: skip
        made.append(Quarantine(spec))
        return made[-1]

    yield start
    for one in made:
        one.discard()


@pytest.fixture
def sh(quarantine: Start) -> Start:
    """`sh("echo x > y")`: a quarantine in which that shell script has run, silently and without failing."""

    def run(*script: str, **settings: Any) -> Quarantine:
        one = quarantine("sh", "-ec", "\n".join(script), **settings)
        said: list[bytes] = []
        ended = one.run(on_output=lambda data, _: said.append(data))
        assert ended.exit_status == 0, b"".join(said).decode(errors="replace")
        return one

    return run

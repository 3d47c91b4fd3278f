"""Programs whose every act is known, built here; sessions that run them, and the log those leave."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pratique.events import Event
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Ended

_SOURCES = Path(__file__).parent / "programs"
#: name -> compiler and flags
_BUILDS = {
    "acts": ("gcc",),
    "acts-static": ("gcc", "-static"),
    "acts-musl": ("musl-gcc", "-static"),
    "raw": ("gcc", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"),
    "i386": ("gcc", "-m32", "-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"),
    "crowd": ("gcc", "-pthread"),
    "faults": ("gcc", "-pthread"),
    "ways": ("gcc",),
    "quiet-static": ("gcc", "-static"),
    "apart": ("gcc", "-pthread"),
    "preloaded": ("gcc", "-shared", "-fPIC"),
}


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """`build("acts-static")`: the path of that program."""
    place = tmp_path_factory.mktemp("programs")
    place.chmod(0o755)

    def made(name: str) -> str:
        program = place / name
        if not program.exists():
            source = _SOURCES / f"{name.partition('-')[0]}.c"
            command = [*_BUILDS[name], "-O1", "-w", "-o", str(program), str(source)]
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except FileNotFoundError:
                pytest.fail(f"{command[0]} is missing: .ci/setup installs it")
            except subprocess.CalledProcessError as error:
                pytest.fail(error.stderr)
        return str(program)

    return made


class Log(NamedTuple):
    """What a session did and what was logged of it. Paths below its directory are shown without that."""

    ended: Ended
    events: list[Event]
    directory: str
    said: str
    quarantine: Quarantine

    def of(self, *kinds: str) -> list[tuple[str, str]]:
        """(kind, path) in order; all kinds but `process.exec` when none is named."""
        return [
            (event.kind, str(event.fields.get("path", "")).removeprefix(self.directory + "/"))
            for event in self.events
            if (event.kind in kinds if kinds else event.kind != "process.exec")
        ]

    def program(self, event: Event) -> tuple[str, ...]:
        """The command line of who did it."""
        return next(process.arguments for process in self.ended.processes if process.id == event.process)


@pytest.fixture
def logged(quarantine: Callable[..., Quarantine], host: Path) -> Callable[..., Log]:
    """`logged("acts")`: run it in a quarantine, and read the log."""

    def run(*command: str, **settings: Any) -> Log:
        one = quarantine(*command, **settings)
        said: list[bytes] = []
        ended = one.run(on_output=lambda data, _: said.append(data))
        return Log(ended, list(one.calls()), str(host), b"".join(said).decode(errors="replace"), one)

    return run

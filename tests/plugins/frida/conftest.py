"""Programs run in a real quarantine with the real Frida in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from pratique import hookimpl
from pratique.events import Event, EventKind
from pratique.hookspecs import AgentScript
from pratique.host import Host
from pratique.observing import Observers
from pratique.policy.model import SessionPlan
from pratique.recording import Coverage, ObserverRun
from pratique.run.covering import coverage
from pratique.sandbox.environment import from_host
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Ended, Spec
from pratique.session import LiveSession
from pratique.subject import Subject
from pratique_detectors.frida import plugin


class Seen(NamedTuple):
    ended: Ended
    output: str
    events: list[Event]
    run: ObserverRun
    coverage: Coverage
    effects: list[str]

    def of(self, kind: str, **fields: object) -> list[Event]:
        """The events of a kind that have these fields."""
        return [
            event
            for event in self.events
            if event.kind == kind and all(event.fields.get(name) == value for name, value in fields.items())
        ]

    def values(self, kind: str, field: str) -> list[object]:
        return [event.fields[field] for event in self.of(kind)]


class Extra:
    """A plugin with an agent of its own."""

    def __init__(self, source: str, kinds: Sequence[EventKind] = (), programs: tuple[str, ...] = ("*",)) -> None:
        self.source, self.kinds, self.programs = source, kinds, programs

    @hookimpl
    def event_kinds(self) -> Sequence[EventKind]:
        return self.kinds

    @hookimpl
    def agents(self) -> list[AgentScript]:
        return [AgentScript(name="extra", source=self.source, programs=self.programs)]


Watch = Callable[..., Seen]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """`watch("python3", "-c", "...")`: what Frida saw of it. `meanwhile` is done whenever it prints something."""
    assert plugin.lack() == "", plugin.lack()
    monkeypatch.setenv("PRATIQUE_STATE", str(tmp_path / "state"))
    made: list[Quarantine] = []

    def run(*command: str, instrument: tuple[str, ...] = ("interpreters",), extra: Extra | None = None,
            environment: dict[str, str] | None = None, subject: str = "",
            meanwhile: Callable[[], object] = lambda: None) -> Seen:  # fmt: skip
        home = str(Path.home())
        base = from_host(os.environ, home=home, user="", uid=os.geteuid())
        spec = Spec(
            id=f"frida{len(made)}", place=tmp_path / f"place{len(made)}", command=command, directory=str(tmp_path),
            environment={**base, **(environment or {})}, home=home, uid=os.geteuid(), gid=os.getegid(), timeout=60.0,
        )  # fmt: skip
        quarantine = Quarantine(spec)
        made.append(quarantine)
        host = Host.of({"frida": plugin, **({"extra": extra} if extra else {})})
        known = Subject(path=subject, name="x", kind="elf")
        session = LiveSession(spec.id, known, SessionPlan(instrument=instrument), home, quarantine)
        session.bring([one for answer in host.call("agents", session=session) for one in answer.value])
        quarantine.accompany([one for answer in host.call("companions", session=session) for one in answer.value])
        assert host.failures() == ()
        observers = Observers(host, session.view, tmp_path)
        output: list[bytes] = []

        def heard(data: bytes, _: int) -> None:
            output.append(data)
            meanwhile()

        ended = quarantine.run(on_start=observers.start, on_output=heard)
        session.end((), (), ended.processes)
        logs, runs = observers.finish()
        events = [event for log in logs for event in log]
        paths = [effect.path for effect in quarantine.effects()]
        text = b"".join(output).decode(errors="replace")
        return Seen(ended, text, events, runs[0], coverage(ended, events), paths)

    yield run
    for one in made:
        one.discard()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """`compiled(source, "-lssl")`: path of a program of this C source."""
    place = tmp_path_factory.mktemp("compiled")

    def compile(source: str, *options: str) -> str:
        number = len(list(place.iterdir()))
        file = place / f"program{number}.c"
        file.write_text(source)
        program = place / f"program{number}"
        subprocess.run(["gcc", "-o", program, file, *options], check=True, capture_output=True)
        return str(program)

    return compile

"""A session that has already ended, made of what a test says happened."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pratique.events import Event
from pratique.hookspecs import AgentScript
from pratique.policy.model import Policy, SessionPlan
from pratique.recording import Component, Effect, FileState, Process
from pratique.subject import Subject


def effect(path: str, op: Literal["add", "modify", "delete"] = "add", *, type: str = "file", **more: Any) -> Effect:
    """An effect on a regular file with plausible states; `more` are further fields of `Effect`."""
    state = FileState(type="file", mode=0o644, uid=0, gid=0, size=1)
    given: dict[str, Any] = {
        "id": 0,
        "before": None if op == "add" else state,
        "after": None if op == "delete" else state,
    }
    return Effect(**{**given, **more, "type": type, "op": op, "path": path})


class FakeSession:
    """What an observer is given, without a quarantine.

    `effects` are `Effect`s or just paths (files added); those without a number get one. `files` is what the program
    left, `files_before` what the host had: path -> content. `opened` are the hidden paths it opened,
    `reached` what went over its network. `policy` is what the session is judged by, `plan` what it asks of one.
    """

    def __init__(
        self,
        *,
        id: str = "test",
        subject: Subject | None = None,
        plan: SessionPlan | None = None,
        policy: Policy | None = None,
        home: str = "/home/person",
        settings: Mapping[str, Any] | None = None,
        effects: Iterable[Effect | str] = (),
        files: Mapping[str, bytes | str] | None = None,
        files_before: Mapping[str, bytes | str] | None = None,
        opened: Iterable[str] = (),
        reached: Iterable[Event] = (),
        calls: Iterable[Event] = (),
        processes: Sequence[Process] = (),
        components: Sequence[Component] = (),
        agents: Sequence[AgentScript] = (),
        companions: Mapping[str, Sequence[bytes]] | None = None,
        duration: float = 1.0,
    ) -> None:
        self.id = id
        self.subject = subject or Subject(path="/home/person/installer.sh", name="installer.sh", kind="script")
        self.policy = policy or Policy(name="test", plan=plan or SessionPlan())
        self.plan = plan or self.policy.plan
        self.home = home
        self.settings: Mapping[str, Any] = settings or {}
        self._effects = _numbered(effects)
        self._files = {path: _bytes(content) for path, content in (files or {}).items()}
        self._before = {path: _bytes(content) for path, content in (files_before or {}).items()}
        self._opened = tuple(opened)
        self._reached = tuple(reached)
        self._calls = tuple(calls)
        self._processes = tuple(processes) or (Process(id=0, program=self.subject.path),)
        self._components = tuple(components) or (Component(name=self.subject.name),)
        self._agents = tuple(agents)
        self._companions = dict(companions or {})
        self._duration = duration

    def view(self, settings: Mapping[str, Any]) -> FakeSession:
        """The same session with a plugin's own settings."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def effects(self, *, type: str | None = None, op: str | None = None, under: str | None = None) -> Iterator[Effect]:
        inside = under.rstrip("/") + "/" if under is not None else ""
        for effect in self._effects:
            if (
                type in (None, effect.type)
                and op in (None, effect.op)
                and (under is None or effect.path == under or effect.path.startswith(inside))
            ):
                yield effect

    def read(self, path: str, limit: int = 65536) -> bytes | None:
        content = self._files.get(path)
        return None if content is None else content[:limit]

    def read_before(self, path: str, limit: int = 65536) -> bytes | None:
        content = self._before.get(path)
        return None if content is None else content[:limit]

    def processes(self) -> Sequence[Process]:
        return self._processes

    def components(self) -> Sequence[Component]:
        return self._components

    def opened(self) -> Iterator[str]:
        return iter(self._opened)

    def reached(self) -> Iterator[Event]:
        return iter(self._reached)

    def calls(self) -> Iterator[Event]:
        return iter(self._calls)

    def agents(self) -> Sequence[AgentScript]:
        return self._agents

    def companion(self, name: str) -> Iterator[bytes]:
        return iter(self._companions.get(name, ()))

    def now(self) -> float:
        return self._duration

    def ended(self) -> bool:
        return True


def _numbered(effects: Iterable[Effect | str]) -> tuple[Effect, ...]:
    from msgspec.structs import replace

    found = [effect(one) if isinstance(one, str) else one for one in effects]
    return tuple(replace(one, id=number) if not one.id else one for number, one in enumerate(found, 1))


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content

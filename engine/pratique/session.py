"""The running session, as observers see it: the quarantine behind the `Session` protocol of the hooks."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pratique.errors import PratiqueError
from pratique.events import Event
from pratique.hookspecs import AgentScript
from pratique.policy.model import Policy, SessionPlan
from pratique.recording import Component, Effect, Process
from pratique.sandbox.network import log
from pratique.sandbox.quarantine import Quarantine
from pratique.subject import Subject


class LiveSession:
    """One session for all observers; `view` gives each the settings of its own plugin.

    Observers run in threads of their own: what they wait for (`effects`, the end) is announced through one condition.
    """

    def __init__(
        self, id: str, subject: Subject, plan: SessionPlan, home: str, quarantine: Quarantine,
        policy: Policy = Policy(name=""),  # noqa: B008  # immutable
    ) -> None:  # fmt: skip
        self.id = id
        self.subject = subject
        self.plan = plan
        self.policy = policy
        self.home = home
        self.settings: Mapping[str, Any] = {}
        self._quarantine = quarantine
        self._start = time.monotonic()
        self._over = threading.Event()
        self._outcome: dict[str, Any] = {"effects": (), "components": (), "processes": (), "agents": ()}

    def view(self, settings: Mapping[str, Any]) -> LiveSession:
        """The same session with a plugin's own settings."""
        session = copy.copy(self)
        session.settings = settings
        return session

    def end(self, effects: Sequence[Effect], components: Sequence[Component], processes: Sequence[Process]) -> None:
        """The program has ended and everything it left is known: observers may go on."""
        self._outcome.update(effects=tuple(effects), components=tuple(components), processes=tuple(processes))
        self._over.set()

    def effects(self, *, type: str | None = None, op: str | None = None, under: str | None = None) -> Iterator[Effect]:
        self._over.wait()
        inside = under.rstrip("/") + "/" if under is not None else ""
        for effect in self._outcome["effects"]:
            if type is not None and effect.type != type:
                continue
            if op is not None and effect.op != op:
                continue
            if under is not None and effect.path != under and not effect.path.startswith(inside):
                continue
            yield effect

    def read(self, path: str, limit: int = 65536) -> bytes | None:
        try:
            return self._quarantine.read(path, limit)
        except (OSError, ValueError):  # not there, or no regular file
            return None

    def read_before(self, path: str, limit: int = 65536) -> bytes | None:
        try:
            return self._quarantine.read_before(path, limit)
        except (OSError, ValueError):
            return None

    def processes(self) -> Sequence[Process]:
        return tuple(self._outcome["processes"])

    def components(self) -> Sequence[Component]:
        return tuple(self._outcome["components"])

    def opened(self) -> Iterator[str]:
        lost = 0
        while True:
            # Asked before waiting: what was opened up to the end is in the queue by then.
            last = self._over.is_set()
            try:
                path = self._quarantine.opened.get(timeout=0 if last else 0.1)
            except queue.Empty:
                if last:
                    break
                continue
            if path:
                yield path
            else:
                lost += 1
        if lost:
            raise PratiqueError(f"the kernel's queue of openings was full {lost} times: some are not told of")

    def reached(self) -> Iterator[Event]:
        if self._quarantine.spec.network != "observed":
            return
        for record in log.follow(self._quarantine.spec.place / log.NAME, self.ended):
            event = log.event(record, began=self._start)
            if event is not None:
                yield event

    def calls(self) -> Iterator[Event]:
        return self._quarantine.calls()

    def agents(self) -> Sequence[AgentScript]:
        return tuple(self._outcome["agents"])

    def bring(self, agents: Sequence[AgentScript]) -> None:
        """What plugins have for programs of this session; before it starts."""
        self._outcome["agents"] = tuple(agents)

    def companion(self, name: str) -> Iterator[bytes]:
        return self._quarantine.companion(name)

    def now(self) -> float:
        return time.monotonic() - self._start

    def ended(self) -> bool:
        return self._over.is_set()

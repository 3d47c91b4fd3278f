"""What the host keeps about its plugins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from pratique.events import EventKind

State = Literal["on", "off", "failed"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of one plugin; `error` is "" when it went well."""

    plugin: str
    version: str
    hook: str
    seconds: float
    error: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went wrong. `hook` is the hook that was called, or load or register."""

    plugin: str
    hook: str
    message: str

    def __str__(self) -> str:
        return f"{self.plugin}: {self.hook}: {self.message}"


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin as `pratique plugins` shows it. `why` says why it is off or failed."""

    name: str
    version: str
    distribution: str
    state: State
    why: str
    hooks: tuple[str, ...]
    kinds: tuple[str, ...]
    calls: int
    ms: float  # in all calls together
    load_ms: float
    errors: int


@dataclass(slots=True)
class Plugin:
    """A plugin while the host runs; only the host changes it."""

    name: str
    version: str = ""
    distribution: str = ""
    state: State = "on"
    why: str = ""
    hooks: tuple[str, ...] = ()
    kinds: dict[str, EventKind] = field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    load_seconds: float = 0.0
    errors: int = 0

    def status(self) -> PluginStatus:
        return PluginStatus(
            name=self.name, version=self.version, distribution=self.distribution, state=self.state, why=self.why,
            hooks=self.hooks, kinds=tuple(sorted(self.kinds)), calls=self.calls, ms=round(self.seconds * 1000, 3),
            load_ms=round(self.load_seconds * 1000, 3), errors=self.errors,
        )  # fmt: skip

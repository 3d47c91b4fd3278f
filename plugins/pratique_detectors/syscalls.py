"""Syscalls: what the program and all it started asked of the kernel, call by call, whatever they are written in."""

from __future__ import annotations

from collections.abc import Iterator

from pratique import STANDARD_KINDS, Event, EventKind, Session, hookimpl

_KINDS = frozenset({
    "file.create", "file.write", "file.delete", "file.rename", "file.mode", "file.read", "file.owner", "file.attribute",
    "process.exec", "process.signal", "process.trace", "process.foreign", "sandbox.probe", "net.connect", "net.listen",
    "socket.connect", "mount.call", "kernel.setting", "kernel.module", "device.write", "service.control",
    "firewall.change",
})  # fmt: skip


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name in _KINDS]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    yield from session.calls()

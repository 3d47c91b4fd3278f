"""The commands that mend a role file, whole: a list is set with all that is to stand in it, not only what is new."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pratique.rolefile.record import Allowed, HostFile


def setting(key: str, value: Any, file: Path | None = None) -> str:
    """`pratique host set KEY VALUE`, ready for a shell; an empty list is the key taken out. `file`: given by --host."""
    from pratique.rolefile.editing import flow

    where = f" --host {shlex.quote(str(file))}" if file else ""
    if not value and isinstance(value, list):
        return f"pratique host unset {key}{where}"
    return f"pratique host set {key} {shlex.quote(flow(value))}{where}"


def disabling(role: HostFile, plugins: Iterable[str], file: Path | None = None) -> str:
    """Switches these plugins off, besides those that are."""
    return setting("plugins.disable", _with(role.plugins.disable, plugins), file)


def enabling(role: HostFile, plugins: Collection[str], file: Path | None = None) -> str:
    """Switches on these plugins, wherever the role file leaves them out by name; "" when it does not."""
    part = role.plugins
    commands = []
    if part.use is not None and not set(plugins) <= set(part.use):
        commands.append(setting("plugins.use", _with(part.use, plugins), file))
    if not set(plugins).isdisjoint(part.disable):
        commands.append(setting("plugins.disable", [name for name in part.disable if name not in plugins], file))
    return " && ".join(commands)


def allowing(role: HostFile, distribution: str, file: Path | None = None) -> str:
    """Lets that distribution in, besides those that are allowed."""
    return setting("plugins.allow", [*map(_said, role.plugins.allow or ()), distribution], file)


def not_using(role: HostFile, plugin: str, file: Path | None = None) -> str:
    """Takes the plugin out of those that are used."""
    return setting("plugins.use", [name for name in role.plugins.use or () if name != plugin], file)


def _with(names: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*names, *more)))


def _said(allowed: Allowed) -> str | dict[str, str]:
    return {"name": allowed.name, "sha256": allowed.sha256} if allowed.sha256 else allowed.name

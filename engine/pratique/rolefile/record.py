"""The typed content of a role file: only what is accepted today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

#: The roles a host can have; laptop is all of them on one machine.
ROLES: Final = ("laptop", "endpoint", "site", "center")


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution whose plugins may run; `sha256` (of its contents, `pratique plugins --hash`) pins it."""

    name: str
    sha256: str = ""


class PluginsPart(msgspec.Struct, frozen=True, kw_only=True):
    """Which plugins run. `use` None: all that are installed; `allow` None: those of every distribution."""

    use: tuple[str, ...] | None = None
    disable: tuple[str, ...] = ()
    allow: tuple[Allowed, ...] | None = None
    settings: dict[str, dict[str, Any]] = {}


class UndoPart(msgspec.Struct, frozen=True, kw_only=True):
    """How long what installations replaced is kept, to undo them: for so many days, and so many MiB all together."""

    days: int = 180
    room: int = 4096


class HostFile(msgspec.Struct, frozen=True, kw_only=True):
    """One host. Without a file, these defaults hold; `hosts/laptop.yaml` says the same in an admin's words.

    `policy` is the name of the policy in force; "": the site's own, or else the shipped one. `policies` are directories
    searched for it before the settings directory and the shipped policies; absolute once a file is read.
    """

    role: str = "laptop"
    name: str = ""
    center: str = ""
    policy: str = ""
    policies: tuple[str, ...] = ()
    plugins: PluginsPart = PluginsPart()
    undo: UndoPart = UndoPart()


def keys() -> tuple[str, ...]:
    """The keys a role file can have, with dots that lead into blocks.

    >>> "plugins.disable" in keys(), "plugins" in keys()
    (True, False)
    """
    return tuple(_keys(HostFile, ""))


def _keys(part: type[msgspec.Struct], before: str) -> Iterator[str]:
    for field in msgspec.structs.fields(part):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, f"{before}{field.name}.")
        else:
            yield f"{before}{field.name}"

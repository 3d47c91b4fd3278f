"""Which of the installed plugins are to run, by the role file, and how each is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from pratique.errors import CannotError
from pratique.host.installed import OURS, Distribution, Entry, entries, normalised
from pratique.host.record import Plugin
from pratique.rolefile import Allowed, HostFile

#: Seconds a plugin may take to be imported.
IMPORT_BUDGET: Final = 10.0


class Found(NamedTuple):
    """A plugin and, when it is to run, what loads it."""

    plugin: Plugin
    load: Callable[[], object] | None = None


def chosen(role: HostFile, disable: Sequence[str] = ()) -> list[Found]:
    """Every plugin installed or asked for, in the order they are asked: as `use` has it, otherwise others before ours.

    (Others before ours: whoever installs a launcher for a kind of program we know too wants theirs.) A name that is
    registered twice comes twice, the one that is to stay last, because the host takes them from the end.
    """
    installed = entries()
    use = role.plugins.use
    if use is None:
        order = [entry for entry in installed if entry.distribution.name != OURS]
        order += [entry for entry in installed if entry.distribution.name == OURS]
    else:
        place = {name: number for number, name in enumerate(use)}
        order = sorted(installed, key=lambda entry: place.get(entry.name, len(place)))
    order = _first_claim_last(order, installed)
    found = [_judge(entry, role, disable) for entry in order]
    missing = [name for name in use or () if all(entry.name != name for entry in installed)]
    found += [Found(Plugin(name, state="failed", why="the role file uses it, but it is not installed"))
              for name in missing]  # fmt: skip
    return found


def _first_claim_last(order: list[Entry], installed: list[Entry]) -> list[Entry]:
    """The host loads from the end: of two claims on a name the earlier in `installed` must stand behind the other."""
    rank = {id(entry): number for number, entry in enumerate(installed)}
    claims: dict[str, list[Entry]] = {}
    for entry in order:
        claims.setdefault(entry.name, []).append(entry)
    for several in claims.values():
        several.sort(key=lambda entry: -rank[id(entry)])
    return [claims[entry.name].pop(0) for entry in order]


def _judge(entry: Entry, role: HostFile, disable: Sequence[str]) -> Found:
    owner = entry.distribution
    plugin = Plugin(entry.name, owner.version, owner.name)
    if entry.name in disable:
        plugin.state, plugin.why = "off", "disabled on the command line"
    elif entry.name in role.plugins.disable:
        plugin.state, plugin.why = "off", "disabled in the role file"
    elif role.plugins.use is not None and entry.name not in role.plugins.use:
        plugin.state, plugin.why = "off", "not among those the role file uses"
    elif not among(owner, role.plugins.allow):
        plugin.state, plugin.why = "off", f"the role file does not allow the distribution {owner.name}"
    elif refusal := changed(owner, entry.target, role.plugins.allow):
        plugin.state, plugin.why = "failed", refusal
    else:
        return Found(plugin, partial(load, entry.target))
    return Found(plugin)


def among(owner: Distribution, allow: Sequence[Allowed] | None) -> bool:
    """Whether the role file's allow list has this distribution; without a list every one is allowed."""
    return allow is None or any(normalised(allowed.name) == owner.name for allowed in allow)


def changed(owner: Distribution, target: str, allow: Sequence[Allowed] | None) -> str:
    """Why an allowed distribution's plugin is not the one that the allow list has the hash of; "" when it is."""
    pinned = next((allowed.sha256 for allowed in allow or () if normalised(allowed.name) == owner.name), "")
    return _not_the_same(owner, target, pinned) if pinned else ""


def _not_the_same(owner: Distribution, target: str, sha256: str) -> str:
    from pratique.host.fingerprint import fingerprint, holds

    try:
        found = fingerprint(owner)
        if found != sha256.lower():
            return f"the role file allows {owner.name} with the hash {sha256[:12]}..., but it has {found[:12]}..."
        module = target.partition(":")[0]
        return "" if holds(owner, module) else f"{module} would not be loaded from {owner.name}, whose hash is allowed"
    except CannotError as error:
        return f"its hash cannot be checked: {error}"


def load(target: str) -> object:
    """The module, or the object in it, that an entry point names. Raises whatever the plugin's code raises."""
    module, _, attributes = target.partition(":")
    found: object = importlib.import_module(module)
    for name in filter(None, attributes.split(".")):
        found = getattr(found, name)
    return found

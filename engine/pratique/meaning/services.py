"""Services, timers and init scripts, read out of the files that register them.

systemd: unit files in its search path, and links in `*.wants` and `*.requires`, which are what `systemctl enable` makes
(systemd.unit(5)). System V: scripts in `/etc/init.d`, and the `S` links in `/etc/rc?.d`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from pratique.meaning.packages import Ownership
from pratique.recording import Effect

_UNIT_TYPES = r"(?:service|timer|socket|path|target|mount|automount|swap|slice)"
_UNIT = re.compile(
    rf"^(?:/etc|/usr/lib|/lib|/usr/local/lib|.*/\.config|.*/\.local/share)/systemd/(?:system|user)/"
    rf"(?P<name>[^/]+\.(?P<type>{_UNIT_TYPES}))$"
)
_WANTED = re.compile(
    rf"^(?:/etc|/usr/lib|/lib|/usr/local/lib|.*/\.config)/systemd/(?:system|user)/[^/]+\.(?:wants|requires|upholds)/"
    rf"(?P<name>[^/]+\.{_UNIT_TYPES})$"
)
_INIT_SCRIPT = re.compile(r"^/etc/init\.d/(?P<name>[^/]+)$")
_INIT_LINK = re.compile(r"^/etc/rc[0-6S]\.d/S\d*(?P<name>[^/]+)$")
_ANY_INIT_LINK = re.compile(r"^/etc/rc[0-6S]\.d/[SK]\d*(?P<name>[^/]+)$")
_DROP_IN = re.compile(rf"^.*/systemd/(?:system|user)/(?P<name>[^/]+\.{_UNIT_TYPES})\.d(?:/[^/]+)?$")
_NOT_SCRIPTS = frozenset({"README", "skeleton", "functions"})


def changes(
    effects: Sequence[Effect], ownership: Ownership, read: Callable[[str, int], bytes | None]
) -> Iterator[Effect]:
    """Effects of type "service": details say name, type, what (add or enable), and the package that brings the unit.

    A unit that is added has with it what is nothing without it: the links that start it, its other names, its drop-ins.
    """
    files = [
        effect
        for effect in effects
        if effect.type == "file" and not (effect.op == "modify" and effect.after and effect.after.type == "directory")
    ]
    with_unit: dict[str, list[int]] = {}
    for effect in files:
        for name in _belongs_to(effect):
            with_unit.setdefault(name, []).append(effect.id)
    for effect in files:
        path = effect.path
        if match := _WANTED.match(path):
            unit = _unit(effect, ownership, match["name"])
            yield _service(effect, match["name"], "systemd", "enable", unit, ownership)
        elif match := _UNIT.match(path):
            if effect.after is not None and effect.after.type == "link":
                # A link here is an alias (or a mask, when it leads to /dev/null), not a unit of its own.
                continue
            more = with_unit.get(match["name"], ()) if effect.op == "add" else ()
            yield _service(effect, match["name"], match["type"], "add", path, ownership, more)
        elif (match := _INIT_SCRIPT.match(path)) and match["name"] not in _NOT_SCRIPTS:
            more = with_unit.get(f"init.d/{match['name']}", ()) if effect.op == "add" else ()
            yield _service(effect, match["name"], "init", "add", path, ownership, more)
        elif match := _INIT_LINK.match(path):
            yield _service(effect, match["name"], "init", "enable", f"/etc/init.d/{match['name']}", ownership)


def _belongs_to(effect: Effect) -> Iterator[str]:
    """The names of the units (for init scripts `init.d/NAME`) that a file is of no use without."""
    path = effect.path
    if match := _WANTED.match(path):
        yield match["name"]
    elif match := _ANY_INIT_LINK.match(path):
        yield f"init.d/{match['name']}"
    elif match := _DROP_IN.match(path):
        yield match["name"]
    elif _UNIT.match(path) and effect.after is not None and effect.after.type == "link":
        yield effect.after.target.rpartition("/")[2]


def _unit(effect: Effect, ownership: Ownership, unit: str) -> str:
    """The unit file the link leads to; the link itself is made by a maintainer script. "": no package's."""
    target = effect.after.target if effect.after else ""
    candidates = (
        target,
        f"/usr{target}",
        f"/lib/systemd/system/{unit}",
        f"/usr/lib/systemd/system/{unit}",
        effect.path,
    )
    return next((path for path in candidates if ownership.package_of(path) is not None), "")


def _service(
    effect: Effect, name: str, kind: str, what: str, unit: str, ownership: Ownership, more: Sequence[int] = ()
) -> Effect:
    """`unit`: the file whose package brings the service. Of the package managers only dpkg's packages do that."""
    details = {"name": name, "unit": kind, "what": what}
    package = ownership.package_of(unit)
    if package is not None:
        details["package"] = package
        if unit in ownership.of_dpkg:
            details["by_package_manager"] = "true"
    return Effect(
        id=0, type="service", op=effect.op, path=effect.path, process=effect.process,
        component=package or effect.component, details=details, parts=tuple(dict.fromkeys((effect.id, *more))),
    )  # fmt: skip

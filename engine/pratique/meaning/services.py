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
_NOT_SCRIPTS = frozenset({"README", "skeleton", "functions"})


def changes(
    effects: Sequence[Effect], ownership: Ownership, read: Callable[[str, int], bytes | None]
) -> Iterator[Effect]:
    """Effects of type "service": details say name, type, what (add or enable), and the package that brings the unit."""
    for effect in effects:
        if effect.type != "file" or (effect.op == "modify" and effect.after and effect.after.type == "directory"):
            continue
        path = effect.path
        if match := _WANTED.match(path):
            yield _service(
                effect, match["name"], "systemd", "enable", _package_of_unit(effect, ownership, match["name"])
            )
        elif match := _UNIT.match(path):
            if effect.after is not None and effect.after.type == "link":
                # A link here is an alias (or a mask, when it leads to /dev/null), not a unit of its own.
                continue
            yield _service(effect, match["name"], match["type"], "add", effect.details.get("package"))
        elif (match := _INIT_SCRIPT.match(path)) and match["name"] not in _NOT_SCRIPTS:
            yield _service(effect, match["name"], "init", "add", effect.details.get("package"))
        elif match := _INIT_LINK.match(path):
            package = ownership.package_of(f"/etc/init.d/{match['name']}")
            yield _service(effect, match["name"], "init", "enable", package)


def _package_of_unit(effect: Effect, ownership: Ownership, unit: str) -> str | None:
    """The package whose unit file the link leads to: the link itself is made by its maintainer script."""
    target = effect.after.target if effect.after else ""
    for candidate in (target, f"/usr{target}", f"/lib/systemd/system/{unit}", f"/usr/lib/systemd/system/{unit}"):
        package = ownership.package_of(candidate)
        if package is not None:
            return package
    return effect.details.get("package")


def _service(effect: Effect, name: str, kind: str, what: str, package: str | None) -> Effect:
    details = {"name": name, "unit": kind, "what": what}
    if package is not None:
        details.update(package=package, by_package_manager="true")
    return Effect(
        id=0, type="service", op=effect.op, path=effect.path, process=effect.process,
        component=package or effect.component, details=details, parts=(effect.id,),
    )  # fmt: skip

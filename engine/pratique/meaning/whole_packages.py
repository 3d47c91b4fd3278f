"""All that goes with a package: its records, links and services, and the packages that are of no use without it.

A package that is refused must be really absent. dpkg keeps a stanza in its status file, files named after the package,
lines in lists all packages share, and links that lead to one of several alternatives; pip and npm keep a package in
places of its own.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from pratique.meaning.changed import Changed
from pratique.meaning.relations import STATUS, Relations
from pratique.meaning.shared_files import PACKAGE_RECORDS
from pratique.recording import Effect, Share

_INFO: Final = "/var/lib/dpkg/info/"
_ALTERNATIVES: Final = "/var/lib/dpkg/alternatives/"
_CHOSEN: Final = "/etc/alternatives/"
_LARGEST: Final = 64 * 1024 * 1024
_LARGEST_LIST: Final = 16 * 1024 * 1024
#: What dpkg and ucf leave beside a settings file.
_BESIDE: Final = (".dpkg-dist", ".dpkg-old", ".dpkg-new", ".dpkg-bak", ".ucf-dist", ".ucf-old")
_MERGED: Final = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")

Reader = Callable[[str, int], bytes | None]


def whole(
    found: Sequence[Effect], files: Iterable[Effect], changed: Changed, read: Reader, read_before: Reader
) -> list[Effect]:
    """The effects again, the packages among them with everything that goes with them. Ids are settled by now."""
    by_path = {effect.path: effect for effect in files if effect.type == "file"}
    packages = [effect for effect in found if effect.type == "package"]
    managers: dict[str, _Manager] = {
        "dpkg": _Dpkg(packages, by_path, changed, read, read_before),
        "pip": _Pip(packages, by_path, read),
        "npm": _Npm(packages, by_path, read),
    }
    services: dict[str, list[int]] = {}
    for effect in found:
        if effect.type == "service" and "package" in effect.details:
            services.setdefault(effect.details["package"], []).extend(effect.parts)
    out = []
    for effect in found:
        manager = managers.get(effect.details.get("manager", "")) if effect.type == "package" else None
        if manager is not None:
            remains = manager.remains(effect)
            parts = (*effect.parts, *manager.parts(effect), *services.get(effect.details["package"], ()))
            effect = msgspec.structs.replace(  # noqa: PLW2901
                effect,
                parts=tuple(dict.fromkeys(parts)),
                shares=tuple(manager.shares(effect)),
                details={**effect.details, "remains": remains} if remains else effect.details,
                needs=tuple(sorted(manager.needs(effect))),
            )
        out.append(effect)
    return out


class _Manager(Protocol):
    """What one package manager knows of its packages."""

    def parts(self, package: Effect) -> Iterable[int]:
        """Ids of the files that are the package's alone."""
        ...

    def shares(self, package: Effect) -> Iterable[Share]: ...

    def needs(self, package: Effect) -> Iterable[int]: ...

    def remains(self, package: Effect) -> str:
        """What a refusal leaves behind, in words."""
        ...


class _Dpkg:
    def __init__(
        self, packages: Sequence[Effect], by_path: Mapping[str, Effect], changed: Changed, read: Reader,
        read_before: Reader,
    ) -> None:  # fmt: skip
        self._packages = {e.details["package"]: e for e in packages if e.details["manager"] == "dpkg"}
        self._by_path = by_path
        self._read = read
        self._read_before = read_before
        self._info: dict[str, list[Effect]] = {}
        self._links: dict[str, list[Effect]] = {}
        for path, effect in by_path.items():
            if path.startswith(_INFO):
                package = path.removeprefix(_INFO).rpartition(".")[0].partition(":")[0]
                self._info.setdefault(package, []).append(effect)
            if effect.after is not None and effect.after.type == "link":
                self._links.setdefault(effect.after.target, []).append(effect)
        self._paths = {name: self._listed(name) for name in self._packages}
        self._relations = Relations.read(read(STATUS, _LARGEST) or b"") if self._packages else None
        self._alternatives = dict(self._offered())
        self._pieces: dict[tuple[str, str], list[int]] = {}
        for path in PACKAGE_RECORDS if self._packages else ():
            for key, pieces in changed.keys(path).items():
                self._pieces.setdefault((path, key.partition(":")[0]), []).extend(pieces)

    def _listed(self, name: str) -> set[str]:
        """The paths the package had or has, by its lists."""
        out: set[str] = set()
        for effect in self._info.get(name, ()):
            if effect.path.endswith(".list"):
                for read in (self._read, self._read_before):
                    for path in (
                        (read(effect.path, _LARGEST_LIST) or b"").decode("utf-8", "surrogateescape").split("\n")
                    ):
                        out.update((path, f"/usr{path}") if path.startswith(_MERGED) else (path,))
        return out - {"", "/."}

    def _offered(self) -> Iterator[tuple[str, set[str]]]:
        """Each changed file of alternatives -> the packages of this session that offer one."""
        for path, effect in self._by_path.items():
            if path.startswith(_ALTERNATIVES) and effect.after is not None:
                lines = set((self._read(path, _LARGEST_LIST) or b"").decode("utf-8", "surrogateescape").split("\n"))
                yield path, {name for name, own in self._paths.items() if not lines.isdisjoint(own)}

    def parts(self, package: Effect) -> Iterator[int]:
        name = package.details["package"]
        yield from (effect.id for effect in self._info.get(name, ()))
        for path in self._paths[name]:
            for candidate in (path, *(path + suffix for suffix in _BESIDE)):
                if candidate in self._by_path:
                    yield self._by_path[candidate].id
            for link in self._links.get(path, ()):
                if link.path.startswith(_CHOSEN):
                    yield link.id
                    yield from (outer.id for outer in self._links.get(link.path, ()) if outer.op == "add")

    def shares(self, package: Effect) -> Iterator[Share]:
        name = package.details["package"]
        for path in PACKAGE_RECORDS:
            pieces = self._pieces.get((path, name), ())
            if pieces or path == STATUS:
                yield Share(self._by_path[path].id, tuple(sorted(pieces)))
        for path, names in self._alternatives.items():
            if name in names:
                yield Share(self._by_path[path].id, ())

    def remains(self, package: Effect) -> str:
        return ""

    def needs(self, package: Effect) -> Iterator[int]:
        """Those that alone provide what this one depends on, and removals of what it cannot be together with."""
        assert self._relations is not None
        if package.op == "delete":
            return
        name = package.details["package"]
        for alternatives in self._relations.depends(name):
            providers = {provider for one in alternatives for provider in self._relations.providers(one.name)}
            versioned = any(one.version for one in alternatives)
            if len(providers) == 1:
                (only,) = providers
                other = self._packages.get(only)
                if other is not None and only != name and (other.op == "add" or (other.op == "modify" and versioned)):
                    yield other.id
        for rival in self._relations.conflicts(name):
            other = self._packages.get(rival.name)
            if other is not None and other.op in ("delete", "modify") and rival.name != name:
                yield other.id


class _Pip:
    """A distribution is in one place, save for what its RECORD names elsewhere."""

    _REQUIRED: Final = re.compile(r"^Requires-Dist: *([A-Za-z0-9._-]+)([^;\n]*)(;.*)?$", re.MULTILINE)

    def __init__(self, packages: Sequence[Effect], by_path: Mapping[str, Effect], read: Reader) -> None:
        own = [package for package in packages if package.details["manager"] == "pip"]
        self._packages = {_normal(package.details["package"]): package for package in own}
        self._records = {posixpath.dirname(package.path): package.id for package in own}
        self._within: dict[int, list[int]] = {}
        for path, effect in by_path.items():
            for directory in (path, posixpath.dirname(path)):
                if directory in self._records:
                    self._within.setdefault(self._records[directory], []).append(effect.id)
        self._read = read

    def parts(self, package: Effect) -> Iterable[int]:
        return self._within.get(package.id, ())

    def shares(self, package: Effect) -> Iterable[Share]:
        return ()

    def remains(self, package: Effect) -> str:
        return ""

    def needs(self, package: Effect) -> Iterator[int]:
        if package.op == "delete":
            return
        metadata = posixpath.join(posixpath.dirname(package.path), "METADATA")
        text = (self._read(metadata, 1024 * 1024) or b"").decode("utf-8", "replace").partition("\n\n")[0]
        for name, _, marker in self._REQUIRED.findall(text):
            other = self._packages.get(_normal(name))
            if other is not None and other.id != package.id and other.op == "add" and "extra" not in marker:
                yield other.id


def _normal(name: str) -> str:
    """PEP 503"""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Npm:
    """A package is a directory; what is nested in it goes with it, as do the links that start its programs."""

    def __init__(self, packages: Sequence[Effect], by_path: Mapping[str, Effect], read: Reader) -> None:
        self._roots = {package.path: package for package in packages if package.details["manager"] == "npm"}
        self._within: dict[int, list[int]] = {}
        for path, effect in by_path.items():
            inner = path
            if effect.after is not None and effect.after.type == "link" and "/.bin/" in path:
                inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), effect.after.target))
            while "/node_modules/" in inner:
                if inner in self._roots:
                    self._within.setdefault(self._roots[inner].id, []).append(effect.id)
                inner = posixpath.dirname(inner)
        self._read = read

    def parts(self, package: Effect) -> Iterable[int]:
        return self._within.get(package.id, ())

    def shares(self, package: Effect) -> Iterable[Share]:
        return ()

    def remains(self, package: Effect) -> str:
        """A project's own list of what it wants is nobody's part: npm would bring the package again."""
        project = package.path.partition("/node_modules/")[0]
        wanted = self._manifest(project)
        lists = [wanted.get(field) for field in ("dependencies", "devDependencies", "optionalDependencies")]
        name = package.details["package"]
        if package.op == "add" and any(isinstance(one, dict) and name in one for one in lists):
            return f"{project}/package.json still names {name}"
        return ""

    def _manifest(self, directory: str) -> dict[str, object]:
        try:
            found = json.loads(self._read(f"{directory}/package.json", 1024 * 1024) or b"{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def needs(self, package: Effect) -> Iterator[int]:
        """Node.js looks a package up in the nearest `node_modules` that has it."""
        wanted = self._manifest(package.path).get("dependencies")
        for name in wanted if isinstance(wanted, dict) else ():
            directory = package.path
            while directory not in ("", "/"):
                other = self._roots.get(f"{directory}/node_modules/{name}")
                if other is not None:
                    if other.id != package.id and not other.path.startswith(f"{package.path}/"):
                        yield other.id
                    break
                directory = posixpath.dirname(directory)

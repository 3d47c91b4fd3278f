"""Which Debian packages depend on which, and cannot be together with which, by dpkg's status file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

STATUS: Final = "/var/lib/dpkg/status"

_FIELD: Final = re.compile(r"^([A-Za-z-]+):((?:.*\n?)(?:[ \t].*\n?)*)", re.MULTILINE)
_ONE: Final = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^)\s]+)\s*\))?")

#: Whether a version stands in this relation to another: ("1.2", ">=", "1.0").
Compare: TypeAlias = Callable[[str, str, str], bool]


class Wanted(NamedTuple):
    """One package of a relation, with the versions that will do; none named: any."""

    name: str
    relation: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.relation} {self.version})" if self.version else self.name


class Relations:
    """Who depends on whom, among the packages that are installed."""

    def __init__(self, packages: Mapping[str, Mapping[str, str]]) -> None:
        """`packages`: the fields of each, by its name; name:architecture where it is not dpkg's own."""
        self.packages = packages
        self._provided: dict[str, dict[str, str]] = {}
        for name, fields in packages.items():
            self._provided.setdefault(name.partition(":")[0], {})[name] = fields.get("Version", "")
            for one in (one for group in _clauses(fields.get("Provides", "")) for one in group):
                self._provided.setdefault(one.name, {}).setdefault(name, one.version)

    @classmethod
    def read(cls, status: bytes) -> Relations:
        """What dpkg's status file says."""
        installed = []
        for stanza in status.decode("utf-8", "replace").split("\n\n"):
            if "Package:" not in stanza:
                continue
            fields = {name: value.strip() for name, value in _FIELD.findall(stanza)}
            if fields.get("Status", "").endswith(" installed"):
                installed.append(fields)
        own = next((fields.get("Architecture", "") for fields in installed if fields.get("Package") == "dpkg"), "")
        return cls({_name(fields, own): fields for fields in installed})

    def depends(self, name: str) -> Iterator[list[Wanted]]:
        """Groups of alternatives, any of which will do."""
        fields = self.packages.get(name, {})
        for field in ("Pre-Depends", "Depends"):
            yield from _clauses(fields.get(field, ""))

    def conflicts(self, name: str) -> Iterator[Wanted]:
        fields = self.packages.get(name, {})
        for field in ("Conflicts", "Breaks"):
            yield from (one for group in _clauses(fields.get(field, "")) for one in group)

    def offered(self, name: str, to: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The packages that are or provide this one, each with the version of it ("": none said).

        `to`: the fields of a package that needs it: only those of an architecture that will do for it.
        """
        offers = self._provided.get(name, {})
        if to is None:
            return offers
        return {provider: version for provider, version in offers.items() if _serves(self.packages[provider], to)}

    def providers(self, name: str) -> set[str]:
        return set(self.offered(name))

    def matching(self, wanted: Wanted, compare: Compare, to: Mapping[str, str] | None = None) -> set[str]:
        """The packages that are what is wanted. Who provides a name without a version is not of any version."""
        return {
            provider
            for provider, version in self.offered(wanted.name, to).items()
            if not wanted.version or (version and compare(version, wanted.relation, wanted.version))
        }


def _name(fields: Mapping[str, str], own: str) -> str:
    name, architecture = fields.get("Package", ""), fields.get("Architecture", "")
    return name if not own or architecture in ("", "all", own) else f"{name}:{architecture}"


def _serves(package: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the architectures of both let one be what the other needs: Debian's multiarch specification."""
    architectures = {package.get("Architecture", ""), other.get("Architecture", "")} - {"", "all"}
    return len(architectures) < 2 or package.get("Multi-Arch", "") in ("foreign", "allowed")


def broken(now: Relations, later: Relations, compare: Compare) -> Iterator[tuple[str, str]]:
    """What `later` lacks or has too much that was right `now`: a package and, in words, what is wrong with it."""
    for name, fields in later.packages.items():
        stays = now.packages.get(name) == fields
        for group in later.depends(name):
            # Comparing versions takes its time: only where something may have become different.
            if stays and all(now.offered(one.name) == later.offered(one.name) for one in group):
                continue
            if not _met(later, group, compare, fields) and not (stays and not _met(now, group, compare, fields)):
                yield name, f"needs {' or '.join(map(str, group))}"
        for rival in later.conflicts(name):
            if stays and now.offered(rival.name) == later.offered(rival.name):
                continue
            there = later.matching(rival, compare) - {name}
            if stays:
                there -= now.matching(rival, compare)
            if there:
                yield name, f"cannot be together with {', '.join(sorted(there))}"


def _met(relations: Relations, group: Iterable[Wanted], compare: Compare, to: Mapping[str, str]) -> bool:
    return any(relations.matching(one, compare, to) for one in group)


def _clauses(text: str) -> Iterator[list[Wanted]]:
    for clause in text.split(","):
        group = [
            Wanted(match[1], match[2] or "", match[3] or "")
            for one in clause.split("|")
            if (match := _ONE.match(one))
        ]  # fmt: skip
        if group:
            yield group

"""Which package of a batch a program is run for, by the places package managers give to what they run.

dpkg runs a package's maintainer scripts from its records, npm a package's scripts in the package's directory, pip and
gem build a package in a directory of its own. The name found so counts only when the manager recorded such a package as
installed or removed in this session: a program cannot make itself a package by where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pratique.events import Event
from pratique.meaning.packages import node_package
from pratique.meaning.running import file_run
from pratique.recording import Effect, Process

_INFO: Final = re.compile(
    r"^/var/lib/dpkg/info/(?P<package>[^/:]+)(?::[^/.]+)?\.(?:preinst|postinst|prerm|postrm|config)$"
)
#: Where dpkg has the scripts of the package that it is unpacking; they go to the records by their package's name.
_UNPACKING: Final = "/var/lib/dpkg/tmp.ci/"
#: debconf's questions, asked before anything is unpacked (dpkg-preconfigure(8), apt-extracttemplates(1)).
_ASKING: Final = re.compile(r"^/(?:tmp|var/cache/debconf/tmp\.ci|var/tmp)/(?P<package>[^/]+)\.config\.\w{6}$")
#: pip's directory for a source archive it fetched by name ...
_PIP_NAMED: Final = re.compile(r"/pip-install-[^/]+/(?P<package>[^/]+)_[0-9a-f]{32}(?:/|$)")
#: ... and for a directory or an archive given to it, which tells no name.
_PIP_GIVEN: Final = re.compile(r"^.*/pip-req-build-[^/]+")
_METADATA: Final = re.compile(r"/(?P<package>[^/]+?)(?:-[^/-]+)?\.(?:egg|dist)-info(?:/|$)")
_GEM_RECORD: Final = re.compile(r"^(?P<top>.*)/specifications/(?P<package>[^/]+)-(?P<version>[0-9][^/-]*)\.gemspec$")
_GEM_FILE: Final = re.compile(r"^(?P<top>.*)/gems/(?P<package>[^/]+)-(?P<version>[0-9][^/-]*)(?:/|$)")

_MANAGERS: Final = frozenset({
    "dpkg", "dpkg-deb", "apt", "apt-get", "aptitude", "npm", "npm-cli.js", "npx-cli.js", "pip", "pip3", "gem",
})  # fmt: skip


def is_manager(process: Process, file: str) -> bool:
    """Whether a process that runs this file of the host is a package manager at work."""
    if (file or process.program).rsplit("/", 1)[-1] in _MANAGERS:
        return True
    words = process.arguments
    return not file and any(words[at : at + 2] == ("-m", "pip") for at in range(1, min(len(words), 8)))


def of_scripts(processes: Iterable[Process]) -> frozenset[int]:
    """The processes of maintainer scripts, and of all they started: what they do is not dpkg's doing."""
    found: set[int] = set()
    for process in sorted(processes, key=lambda process: process.id):  # a parent is known before its children
        file = file_run(process)
        if process.parent in found or _INFO.match(file) or file.startswith(_UNPACKING):
            found.add(process.id)
    return frozenset(found)


class Batch:
    """The packages that came or went in a session."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self._names: dict[str, set[str]] = {"dpkg": set(), "npm": set(), "pip": set()}
        self._owner: dict[str, str] = {}
        self._gems: dict[tuple[str, str, str], str] = {}  # directory of gems, name, version
        for effect in effects:
            if effect.type == "package":
                names = self._names.setdefault(effect.details.get("manager", ""), set())
                names.add(effect.details.get("package", ""))
            elif effect.type == "file" and "package" in effect.details:
                self._owner[effect.path] = effect.details["package"]
            elif effect.op != "delete" and (match := _GEM_RECORD.match(effect.path)):
                self._gems[match["top"], match["package"], match["version"]] = match["package"]
        self._pip_names = {_plain(name): name for name in self._names["pip"]}
        self._given: dict[str, str] = {}  # pip's directories without a name -> package
        self._unpacked: list[tuple[float, str]] = []  # when which package's scripts went to dpkg's records

    @property
    def gems(self) -> Iterable[str]:
        return dict.fromkeys(self._gems.values())

    def learn(self, event: Event, directory: str) -> None:
        """Take from an act on a file, by a process started in `directory`, what tells a package's name."""
        path = str(event.fields.get("path", ""))
        if event.kind == "file.rename" and path.startswith(_UNPACKING):
            match = _INFO.match(str(event.fields.get("to", "")))
            if match is not None:
                self._unpacked.append((event.time, match["package"]))
        elif self._pip_names and "-info" in path:
            place = _PIP_GIVEN.match(path) or _PIP_GIVEN.match(directory)
            match = _METADATA.search(path)
            name = self._pip_names.get(_plain(match["package"])) if match is not None else None
            if place is not None and name is not None:
                self._given.setdefault(place[0], name)

    def of_file(self, path: str, time: float) -> str:
        """The package whose file this is, or whose script, when it is run at that time; "" for none."""
        if path.startswith(_UNPACKING):
            known = self._names["dpkg"]
            after = [name for when, name in self._unpacked if when >= time]
            return after[0] if after and after[0] in known else next(iter(known)) if len(known) == 1 else ""
        match = _INFO.match(path) or _ASKING.match(path)
        if match is not None and match["package"] in self._names["dpkg"]:
            return match["package"]
        return self._owner.get(path, "") or self.of_directory(path)

    def of_directory(self, path: str) -> str:
        """The package whose directory this is, or lies in; "" for none."""
        if self._names["npm"] and (name := node_package(path.rstrip("/") + "/")) in self._names["npm"]:
            return name or ""
        if self._pip_names:
            if match := _PIP_NAMED.search(path):
                return self._pip_names.get(_plain(match["package"]), "")
            if match := _PIP_GIVEN.match(path):
                return self._given.get(match[0], "") or self._only_one()
        return self.of_gem(path)

    def of_gem(self, path: str) -> str:
        """The gem that was installed in this session and whose directory the path lies in; "" for none."""
        match = _GEM_FILE.match(path) if self._gems else None
        return self._gems.get((match["top"], match["package"], match["version"]), "") if match else ""

    def _only_one(self) -> str:
        return next(iter(self._names["pip"])) if len(self._names["pip"]) == 1 else ""


def _plain(name: str) -> str:
    """A Python project's name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()

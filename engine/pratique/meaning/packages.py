"""Which package manager recorded what as installed, and which file belongs to which package.

dpkg's own records are read from `/var/lib/dpkg` (status, info/*.list), pip's from `*.dist-info/RECORD` (PEP 376 and the
"Recording installed projects" specification), npm's from the `node_modules` tree. All of it was written by the program
under judgement, so every read is bounded and nothing is believed beyond "the package manager recorded this". Any
program can write such records: whose the files are is told by them in any case, but that a file is the package
manager's doing only where the person started that package manager. A script that calls apt-get is taken for the author
of all that it leaves.
"""

from __future__ import annotations

import csv
import io
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pratique.recording import Effect
from pratique.subject import Subject

_STATUS = "/var/lib/dpkg/status"
_LARGEST_STATUS = 64 * 1024 * 1024  # bytes; that of a full desktop has about 6 MiB
_LARGEST_LIST = 16 * 1024 * 1024
_MOST_PACKAGES = 20_000

_FIELD = re.compile(rb"^(Package|Status|Version|Architecture): (.*)$", re.MULTILINE)
_DIST_INFO = re.compile(r"^(?P<site>.*)/(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/RECORD$")
#: What follows an installation prefix in the path of its site-packages (sysconfig's posix schemes).
_PREFIX = re.compile(r"/lib(?:64)?/python[^/]*/(?:site|dist)-packages$")
_NODE_MODULE = re.compile(r"^(?:.*/)?node_modules/((?:@[^/]+/)?[^/@.][^/]*)(/.*)?$")

#: Directories that merged-/usr systems keep as links; package lists may still name the old place.
_MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")

#: What apt and dpkg write for themselves, beside the files of packages.
_DPKG_BOOKKEEPING = (
    "/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/apt/", "/var/cache/debconf/", "/var/log/apt/", "/var/log/dpkg.log",
    "/var/log/alternatives.log", "/etc/ld.so.cache", "/var/cache/ldconfig/", "/var/lib/ucf/", "/var/cache/man/",
    "/var/lib/systemd/deb-systemd-helper-enabled/", "/var/lib/systemd/deb-systemd-user-helper-enabled/",
    "/etc/alternatives/", "/var/lib/update-rc.d/", "/var/lib/pam/", "/usr/share/info/dir", "/var/lib/fontconfig/",
)  # fmt: skip
_NPM_BOOKKEEPING = ("/.package-lock.json", "/package-lock.json", "/package.json")

Reader = Callable[[str, int], bytes | None]


#: Commands that install by dpkg.
_DPKG_COMMANDS = frozenset({"apt", "apt-get", "aptitude", "dpkg"})


def manager_started(subject: Subject) -> str:
    """The package manager the person started: by the kind of file, or by the command."""
    if subject.kind == "deb" or (subject.kind == "command" and Path(subject.path).name in _DPKG_COMMANDS):
        return "dpkg"
    return subject.kind if subject.kind in ("pip", "npm") else ""


class Ownership(msgspec.Struct, frozen=True):
    """Files by package, and the packages that came or went, as effects."""

    owner: Mapping[str, str]
    of_dpkg: frozenset[str]  # the paths whose owner dpkg recorded
    changes: tuple[Effect, ...]
    used_dpkg: bool
    used_npm: bool
    started: str  # the package manager the person started: dpkg, pip, npm; "" for anything else

    def package_of(self, path: str) -> str | None:
        """The package that recorded this path as its own in this session."""
        package = self.owner.get(path)
        if package is None and self.used_npm:
            package = node_package(path)
        return package

    def is_by_manager(self, effect: Effect) -> bool:
        """Whether the package manager itself put this package's file there, as it always does.

        Neither pip nor npm ever gives a file more rights than its user has.
        """
        if effect.path in self.of_dpkg:
            return self.started == "dpkg"
        privileged = effect.after is not None and effect.after.type == "file" and effect.after.mode & 0o6000
        return self.started in ("pip", "npm") and not privileged and not effect.details.get("capabilities")

    def is_bookkeeping(self, path: str) -> bool:
        """Whether a package manager that ran in this session keeps its own records here."""
        if self.used_dpkg and self.started == "dpkg" and path.startswith(_DPKG_BOOKKEEPING):
            return True
        return (
            self.used_npm
            and self.started == "npm"
            and ("/.npm/" in path or "/node_modules/" in path or path.endswith(_NPM_BOOKKEEPING))
        )


def node_package(path: str) -> str | None:
    """The innermost npm package a path lies in.

    >>> node_package("/home/ann/app/node_modules/@esbuild/linux-x64/bin/esbuild")
    '@esbuild/linux-x64'
    """
    at = path.rfind("/node_modules/")
    if at < 0:
        return None
    match = _NODE_MODULE.match(path[at:])
    return match.group(1) if match and match.group(2) else None


def ownership(effects: Sequence[Effect], read: Reader, read_before: Reader, started: str) -> Ownership:
    """Read what the package managers recorded during the session. `started`: see `Ownership`."""
    by_path = {effect.path: effect for effect in effects if effect.type == "file"}
    owner: dict[str, str] = {}
    changes: list[Effect] = []
    used_dpkg = _STATUS in by_path
    if used_dpkg:
        before, after = read_before(_STATUS, _LARGEST_STATUS) or b"", read(_STATUS, _LARGEST_STATUS) or b""
        changes.extend(_dpkg(before, after, by_path, read, owner))
    of_dpkg = frozenset(owner)
    for effect in effects:
        if effect.path.endswith(".dist-info/RECORD") and (match := _DIST_INFO.match(effect.path)):
            changes.append(_pip(effect, match, by_path, read, owner))
    node_roots = _node_roots(by_path)
    for root, (name, parts) in node_roots.items():
        manifest = by_path.get(f"{root}/package.json")
        if manifest is not None and manifest.op == "add":
            version = _npm_version(manifest.path, read)
            changes.append(_package(name, version, "npm", "add", root, tuple(parts)))
    return Ownership(owner, of_dpkg, tuple(changes), used_dpkg, bool(node_roots), started)


def _node_roots(by_path: Mapping[str, Effect]) -> dict[str, tuple[str, list[int]]]:
    """Directory of each npm package touched -> (its name, ids of the effects in it)."""
    roots: dict[str, tuple[str, list[int]]] = {}
    for path, effect in by_path.items():
        name = node_package(path)
        if name is not None:
            root = path[: path.rfind("/node_modules/") + len("/node_modules/") + len(name)]
            roots.setdefault(root, (name, []))[1].append(effect.id)
    return roots


def _package(name: str, version: str, manager: str, op: str, path: str, parts: tuple[int, ...]) -> Effect:
    return Effect(
        id=0, type="package", op=op, path=path, component=name, parts=parts,  # type: ignore[arg-type]
        details={"package": name, "version": version, "manager": manager, "by_package_manager": "true"},
    )  # fmt: skip


def _stanzas(status: bytes) -> set[bytes]:
    return set(status.split(b"\n\n"))


def _dpkg(
    before: bytes, after: bytes, by_path: Mapping[str, Effect], read: Reader, owner: dict[str, str]
) -> Iterator[Effect]:
    old, new = _stanzas(before), _stanzas(after)
    was = _packages(old - new)
    now = _packages(new - old)
    for count, (key, (version, state)) in enumerate(now.items()):
        if count >= _MOST_PACKAGES:
            break
        name, architecture = key
        listed = read(f"/var/lib/dpkg/info/{name}.list", _LARGEST_LIST)
        if listed is None:
            listed = read(f"/var/lib/dpkg/info/{name}:{architecture}.list", _LARGEST_LIST) or b""
        parts = []
        for line in listed.decode("utf-8", "surrogateescape").splitlines():
            for path in (line, f"/usr{line}") if line.startswith(_MERGED) else (line,):
                effect = by_path.get(path)
                if effect is not None:
                    owner[path] = name
                    parts.append(effect.id)
        if state.endswith(" installed"):
            op = "modify" if key in was and was[key][1].endswith(" installed") else "add"
            yield _package(name, version, "dpkg", op, _STATUS, tuple(parts))
        elif key in was and was[key][1].endswith(" installed"):
            yield _package(name, version, "dpkg", "delete", _STATUS, tuple(parts))
    for key in was.keys() - now.keys():
        yield _package(key[0], was[key][0], "dpkg", "delete", _STATUS, ())


def _packages(stanzas: set[bytes]) -> dict[tuple[str, str], tuple[str, str]]:
    """(name, architecture) -> (version, status) of these stanzas, by name."""
    found = {}
    for stanza in stanzas:
        fields = {name.decode(): value.decode("utf-8", "replace").strip() for name, value in _FIELD.findall(stanza)}
        name = fields.get("Package", "")
        if name and "/" not in name:
            found[name, fields.get("Architecture", "")] = (fields.get("Version", ""), fields.get("Status", ""))
    return dict(sorted(found.items()))


def _pip(
    effect: Effect, match: re.Match[str], by_path: Mapping[str, Effect], read: Reader, owner: dict[str, str]
) -> Effect:
    name, version, site = match["name"], match["version"], match["site"]
    if effect.op == "delete":
        return _package(name, version, "pip", "delete", effect.path, (effect.id,))
    prefix = (_PREFIX.sub("", site) or site) + "/"
    text = (read(effect.path, _LARGEST_LIST) or b"").decode("utf-8", "surrogateescape")
    parts = []
    for row in csv.reader(io.StringIO(text.replace("\0", ""))):
        if not row:
            continue
        # A path is relative to the directory that holds .dist-info, and may leave it by "..".
        path = posixpath.normpath(posixpath.join(site, row[0]))
        listed = by_path.get(path)
        # A record is the package's own word: it is believed below its installation prefix, and nowhere else.
        if listed is not None and prefix != "/" and path.startswith(prefix):
            owner.setdefault(path, name)
            parts.append(listed.id)
    return _package(name, version, "pip", "add" if effect.op == "add" else "modify", effect.path, tuple(parts))


def _npm_version(manifest: str, read: Reader) -> str:
    try:
        data = json.loads(read(manifest, 1024 * 1024) or b"{}")
    except (ValueError, RecursionError):
        return ""
    return str(data.get("version", "")) if isinstance(data, dict) else ""

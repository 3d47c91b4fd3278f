"""Reading a role file: every mistake in it at once, each with its line and column and what to write instead."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pratique.errors import HostFileError
from pratique.rolefile.problems import Place, Problem, Problems, nearest, render
from pratique.rolefile.record import ROLES, Allowed, HostFile, PluginsPart, UndoPart

#: Bytes; a role file is a page of text.
LARGEST: Final = 256 * 1024
DEEPEST: Final = 20
#: Characters of a value that are quoted where it is the wrong one.
LONGEST_CALLED: Final = 60
_KEYS: Final = ("role", "name", "center", "policy", "policies", "plugins", "undo")
_PLUGIN_KEYS: Final = ("use", "disable", "allow", "settings")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read(path: Path) -> HostFile:
    """The checked content of the file, with its `policies` made absolute. Raises `HostFileError`."""
    host = parse(text_of(path), str(path))
    beside = path.absolute().parent
    return msgspec.structs.replace(host, policies=tuple(str(beside / _own(place)) for place in host.policies))


def _own(place: str) -> Path:
    """`~/policies` is in the home of whoever runs this; without a home it stays a name."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        return Path(place)


def text_of(path: Path) -> str:
    """The file as text. Raises `HostFileError` when it is no readable text of reasonable size."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        hint = "`pratique host path` says which file is used and why"
        raise HostFileError(f"{path}: cannot be read: {error.strerror}", hint=hint) from None
    if len(raw) > LARGEST:
        raise HostFileError(f"{path}: larger than {LARGEST // 1024} KiB; a role file is a page of text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise HostFileError(f"{path}:{line}: not UTF-8 text (byte 0x{raw[error.start]:02x})",
                            hint=f"edit {path}:{line}") from None  # fmt: skip


def parse(text: str, name: str = "host.yaml") -> HostFile:
    """The checked content of a role file's text. Raises `HostFileError` with every problem found."""
    document = load(text, name)
    reader = _Reader()
    host = reader.host(document)
    if reader.problems.found:
        raise HostFileError(render(reader.problems.found, name, text), hint=_where_to_edit(reader.problems.found, name))
    return host


def _where_to_edit(problems: list[Problem], name: str) -> str:
    return f"edit {name}:{min(problem.place for problem in problems).line} (nothing was changed or loaded)"


def yaml() -> YAML:
    """The YAML dialect of role files: order, comments and quotes are kept."""
    dialect = YAML(typ="rt", pure=True)
    dialect.preserve_quotes = True
    dialect.width = 4096
    return dialect


def load(text: str, name: str) -> CommentedMap:
    """The text as a mapping that remembers its lines. Raises `HostFileError` when it is not plain YAML."""
    try:
        problem = _unsafe(text)
        document = None if problem else yaml().load(text)
    except MarkedYAMLError as error:
        problem = _from_yaml(error, text)
    except (YAMLError, ValueError, RecursionError) as error:
        problem = Problem(Place(1, 1), f"not YAML: {' '.join(str(error).split())[:200]}")
    if problem is None and document is not None and not isinstance(document, CommentedMap):
        problem = Problem(Place(1, 1), "expected keys such as `role: laptop`, found " + _called(document))
    if problem is not None:
        raise HostFileError(render([problem], name, text), hint=_where_to_edit([problem], name))
    return document if document is not None else CommentedMap()


def _unsafe(text: str) -> Problem | None:
    """What YAML allows and a role file does not need: references (which can grow without bound), tags, deep nesting."""
    depth = 0
    for event in yaml().parse(text):
        kind = type(event).__name__
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            return Problem(place, "anchors (&) and aliases (*) are not accepted in a role file", "write the value out")
        if getattr(event, "tag", None):
            return Problem(place, f"the tag {event.tag} is not accepted in a role file", "write a plain value")
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
            if depth > DEEPEST:
                return Problem(place, f"nested more than {DEEPEST} deep")
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1
    return None


def _from_yaml(error: MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    what = " ".join(str(error.problem or error.context or "not YAML").split())
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        return Problem(place, "a tab; YAML is indented with spaces", "put two spaces in its place")
    if "duplicate key" in what:
        key = what.removeprefix("found duplicate key").split(" with value")[0].strip()
        return Problem(place, f"the key {key} is given twice")
    return Problem(place, f"not YAML: {what}")


def _called(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a block of keys"
    if isinstance(value, list):
        return "a list"
    text = f"{value!r}" if isinstance(value, str) else f"{value}"
    return text if len(text) <= LONGEST_CALLED else f"{text[: LONGEST_CALLED - 4]}...{text[-1]}"


class _Reader:
    """Walks the document once and notes what is wrong; what it returns is only good when nothing was noted."""

    def __init__(self) -> None:
        self.problems = Problems()

    def host(self, document: CommentedMap) -> HostFile:
        self.known(document, _KEYS, "a role file")
        role = self.text(document, "role", "laptop")
        if role not in ROLES:
            self.problems.value(document, "role", f'no role "{role}"; the roles are {", ".join(ROLES)}',
                                nearest(role, ROLES))  # fmt: skip
        return HostFile(
            role=role,
            name=self.text(document, "name", ""),
            center=self.text(document, "center", ""),
            policy=self.text(document, "policy", ""),
            policies=self.texts(document, "policies") or (),
            plugins=self.plugins(document),
            undo=self.undo(document),
        )

    def undo(self, document: CommentedMap) -> UndoPart:
        part = self.block(document, "undo")
        if part is None:
            return UndoPart()
        self.known(part, ("days", "room"), "undo")
        return UndoPart(
            days=self.number(part, "days", UndoPart().days, "days"),
            room=self.number(part, "room", UndoPart().room, "MiB"),
        )

    def number(self, part: CommentedMap, key: str, default: int, unit: str) -> int:
        """A whole number, zero included."""
        given = part.get(key, default)
        if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
            return int(given)
        self.problems.value(part, key, f"{key} is a number of {unit}; found {_called(given)}")
        return default

    def plugins(self, document: CommentedMap) -> PluginsPart:
        part = self.block(document, "plugins")
        if part is None:
            return PluginsPart()
        self.known(part, _PLUGIN_KEYS, "plugins", "a plugin's settings stand under plugins: settings: NAME:")
        return PluginsPart(
            use=self.names(part, "use"),
            disable=self.names(part, "disable") or (),
            allow=self.allow(part),
            settings=self.settings(part),
        )

    def allow(self, part: CommentedMap) -> tuple[Allowed, ...] | None:
        given = part.get("allow")
        if given is None:
            return None
        wanted = "a list of distributions, each a name or {name: ..., sha256: ...}"
        if not isinstance(given, list):
            self.problems.value(part, "allow", f"allow is {wanted}; found {_called(given)}")
            return None
        found = []
        for number, item in enumerate(given):
            if isinstance(item, str) and _NAME.fullmatch(item):
                found.append(Allowed(name=str(item)))
            elif isinstance(item, CommentedMap):
                self.known(item, ("name", "sha256"), "an entry of allow")
                name, sha256 = self.text(item, "name", ""), self.text(item, "sha256", "")
                if not name:
                    self.problems.item(given, number, "this entry of allow has no name")
                if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
                    self.problems.value(item, "sha256", f'a hash has 64 digits 0-9 a-f; found "{sha256}"',
                                        "`pratique plugins --hash NAME` prints it")  # fmt: skip
                found.append(Allowed(name=name, sha256=sha256.lower()))
            else:
                self.problems.item(given, number, f"allow is {wanted}; found {_called(item)}")
        return tuple(found)

    def settings(self, part: CommentedMap) -> dict[str, dict[str, Any]]:
        given = self.block(part, "settings")
        found: dict[str, dict[str, Any]] = {}
        for name in given or ():
            values = self.block(given, name)
            if values is not None:
                found[str(name)] = {str(key): self.plain(values, key) for key in values}
        return found

    def plain(self, owner: Any, key: Any) -> Any:
        """A setting as plain text, number, truth value, list or mapping: what every plugin can expect."""
        value = owner[key]
        if isinstance(value, CommentedMap):
            return {str(name): self.plain(value, name) for name in value}
        if isinstance(value, list):
            return [self.plain(value, number) for number in range(len(value))]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        self.problems.at(owner, key, f"a setting is text, a number, true, false, a list or a block; found {value}",
                         "put it in quotes if it is text")  # fmt: skip
        return None

    def known(self, part: CommentedMap, keys: tuple[str, ...], where: str, otherwise: str = "") -> None:
        for key in part:
            if key not in keys:
                help_text = nearest(str(key), keys) or otherwise or f"the keys of {where} are {', '.join(keys)}"
                self.problems.key(part, key, f'unknown key "{key}" in {where}', help_text)

    def text(self, part: CommentedMap, key: str, default: str) -> str:
        value = part.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.problems.value(part, key, f"{key} is a text; found {_called(value)}", "put it in quotes")
            return default
        return str(value)

    def texts(self, part: CommentedMap, key: str) -> tuple[str, ...] | None:
        value = part.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            help_text = f"write {key}: [{value}]" if isinstance(value, str) else ""
            self.problems.value(part, key, f"{key} is a list of texts; found {_called(value)}", help_text)
            return None
        for number, item in enumerate(value):
            if not isinstance(item, str):
                self.problems.item(value, number, f"{key} is a list of texts; found {_called(item)} in it")
        return tuple(str(item) for item in value)

    def names(self, part: CommentedMap, key: str) -> tuple[str, ...] | None:
        names = self.texts(part, key)
        for number, name in enumerate(names or ()):
            if names and names.index(name) != number:
                self.problems.item(part[key], number, f'"{name}" stands in {key} twice')
        return names

    def block(self, part: CommentedMap | None, key: Any) -> CommentedMap | None:
        value = None if part is None else part.get(key)
        if value is None or isinstance(value, CommentedMap):
            return value
        self.problems.value(part, key, f"{key} is a block of keys; found {_called(value)}")
        return None

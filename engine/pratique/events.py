"""What can be observed: one `Event`, the `EventKind` that names its shape, and the kinds every observer shares.

A detector that sees a file being written and one that sees it in the diff of the overlay must say the same
word for it, or a policy could not be written once. So the kinds more than one observer can emit stand here, in
`STANDARD_KINDS`; a plugin declares kinds of its own with the `event_kinds` hook.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

FieldValue: TypeAlias = "str | int | float | bool | None"


class Field(StrEnum):
    """The type of one field of an event. The policy checker allows only comparisons that make sense for it."""

    text = "text"  # str
    path = "path"  # str: absolute, links resolved, overlay prefix removed; or a Windows path
    key = "key"  # str: a registry key, matched without regard to case
    number = "number"  # int or float
    size = "size"  # int, bytes
    mode = "mode"  # int, the permissions of a file; octal digits wherever a person reads or writes it
    duration = "duration"  # float, seconds
    flag = "flag"  # bool
    address = "address"  # str: an IPv4 or IPv6 address


#: Fields every event has besides its own: who did it.
COMMON_FIELDS: Final[Mapping[str, Field]] = {
    "program": Field.path,  # executable of the acting process ("" when the observer cannot know it)
    "component": Field.text,  # name of the component the act is counted for
    "observer": Field.text,
}


class EventKind:
    """The name, meaning and typed fields of one sort of event.

    >>> EventKind("font.replace", "A system font file was replaced", family=Field.text, path=Field.path)
    EventKind('font.replace', family=text, path=path)
    """

    __slots__ = ("name", "doc", "fields")

    def __init__(self, name: str, doc: str, /, **fields: Field) -> None:
        words = name.split(".")
        if len(words) < 2 or not all(word.replace("_", "a").isalnum() and word.islower() for word in words):
            raise ValueError(f"an event kind is lower-case words joined by dots, like 'file.write'; got {name!r}")
        for field, kind in fields.items():
            if field in COMMON_FIELDS:
                raise ValueError(f"{name}: the field {field!r} exists for every event already")
            if kind is Field.mode and not is_mode(name, field):
                raise ValueError(f"{name}: only `mode` of kinds like 'file.write' is of the type mode; got {field!r}")
            if kind in (Field.number, Field.size, Field.duration) and is_mode(name, field):
                raise ValueError(f"{name}: `mode` is the permissions of a file: declare it Field.mode, or rename it")
        self.name = name
        self.doc = doc
        self.fields: Mapping[str, Field] = fields

    def __repr__(self) -> str:
        inner = "".join(f", {name}={kind}" for name, kind in self.fields.items())
        return f"EventKind({self.name!r}{inner})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventKind) and self.name == other.name and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(self.name)


def is_mode(kind: str, field: str) -> bool:
    """Whether a number in this field of these events is a `Field.mode`. Reports hold names and no types: names tell."""
    return field == "mode" and kind.startswith("file.")


class Event:
    """One observed thing.

    `time` is in seconds since the session began; `process` is the id of a `Process` of the session (0: the program
    itself, or unknown); `seq` orders events within the session; `effect` is the number of the lasting `Effect`
    this event was read from, when there is one. Fields not declared by the kind are refused by the recorder.
    """

    __slots__ = ("kind", "fields", "time", "process", "observer", "seq", "component", "effect")

    def __init__(
        self,
        kind: str,
        /,
        *,
        time: float = 0.0,
        process: int = 0,
        observer: str = "",
        seq: int = 0,
        component: str = "",
        effect: int | None = None,
        **fields: FieldValue,
    ) -> None:
        self.kind = kind
        self.fields: dict[str, FieldValue] = fields
        self.time = time
        self.process = process
        self.observer = observer
        self.seq = seq
        self.component = component
        self.effect = effect

    def __repr__(self) -> str:
        inner = "".join(f", {name}={value!r}" for name, value in self.fields.items())
        return f"Event({self.kind!r}{inner}, seq={self.seq})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # mutable until the recorder has numbered it

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        out: dict[str, Any] = {"kind": self.kind, "seq": self.seq, "time": self.time, "process": self.process}
        if self.observer:
            out["observer"] = self.observer
        if self.component:
            out["component"] = self.component
        if self.effect is not None:
            out["effect"] = self.effect
        out["fields"] = self.fields
        return out

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """Inverse of `as_dict`. Raises `ValueError` saying which part is missing or of the wrong type."""
        try:
            kind, fields = data["kind"], data["fields"]
            event = cls(kind)
            event.fields = dict(fields)
            event.seq = int(data.get("seq", 0))
            event.time = float(data.get("time", 0.0))
            event.process = int(data.get("process", 0))
            event.observer = str(data.get("observer", ""))
            event.component = str(data.get("component", ""))
            effect = data.get("effect")
            event.effect = None if effect is None else int(effect)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an event: {error}") from None
        if not isinstance(kind, str):
            raise ValueError(f"not an event: kind must be text, found {type(kind).__name__}")
        for name, value in event.fields.items():
            if not isinstance(name, str) or not isinstance(value, str | int | float | bool | None):
                raise ValueError(f"not an event: field {name!r} must be text, a number or true/false")
        return event


class EventSequence(Sequence[Event]):
    """Events that are not all in memory. `in_order`: of time, and of number within it."""

    in_order: bool


class Vocabulary(Mapping[str, EventKind]):
    """The kinds a policy may speak of. Two different declarations of one name are refused."""

    def __init__(self, kinds: Iterable[EventKind] = ()) -> None:
        self._kinds: dict[str, EventKind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: EventKind) -> None:
        known = self._kinds.setdefault(kind.name, kind)
        if known != kind:
            raise ValueError(f"event kind {kind.name!r} is declared twice with different fields: {known!r}, {kind!r}")

    def __getitem__(self, name: str) -> EventKind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


_F = Field

STANDARD_KINDS: Final[tuple[EventKind, ...]] = (
    # -- files. A new file with content, and a link that leads elsewhere, is `file.create` and `file.write`.
    EventKind(
        "file.create",
        "A file, directory, link, socket, pipe or device came into being",
        path=_F.path,
        type=_F.text,
        target=_F.path,
        mode=_F.mode,
        by_package_manager=_F.flag,
        package=_F.text,
        outcome=_F.text,
    ),
    EventKind(
        "file.write",
        "The content at a path changed (a link: to what it leads to); `added` and `removed` hold the lines of a text",
        path=_F.path,
        size=_F.size,
        added=_F.text,
        removed=_F.text,
        executable=_F.flag,
        by_package_manager=_F.flag,
        package=_F.text,
        outcome=_F.text,
    ),
    EventKind(
        "file.delete",
        "A file, directory or link went away; `lost`: a file from before the session, its content nowhere else now",
        path=_F.path,
        type=_F.text,
        lost=_F.flag,
        by_package_manager=_F.flag,
        package=_F.text,
        outcome=_F.text,
    ),
    EventKind("file.rename", "A file changed its name", path=_F.path, to=_F.path, outcome=_F.text),
    EventKind(
        "file.read",
        "A path the policy names was opened for reading; `hidden`: it saw an empty stand-in",
        path=_F.path,
        hidden=_F.flag,
    ),
    EventKind(
        "file.mode",
        "Permissions or capabilities of a file were set",
        path=_F.path,
        mode=_F.mode,
        setuid=_F.flag,
        setgid=_F.flag,
        world_writable=_F.flag,
        capabilities=_F.text,
        by_package_manager=_F.flag,
        package=_F.text,
        outcome=_F.text,
    ),
    EventKind(
        "file.owner", "Owner or group of a file changed", path=_F.path, owner=_F.text, group=_F.text, outcome=_F.text
    ),
    EventKind(
        "file.attribute", "An extended attribute was set", path=_F.path, name=_F.text, value=_F.text, outcome=_F.text
    ),
    # -- processes
    EventKind("process.exec", "A program was started", path=_F.path, arguments=_F.text, user=_F.text, outcome=_F.text),
    EventKind(
        "process.signal",
        "A signal was sent; `outside`: to a process the installer did not start",
        target=_F.path,
        signal=_F.number,
        outside=_F.flag,
        outcome=_F.text,
    ),
    EventKind(
        "process.foreign",
        "A program made a system call in the way of another machine, which could not be read, and was ended for it",
        machine=_F.text,
        number=_F.number,
    ),
    EventKind(
        "sandbox.probe",
        "Something was looked at that tells a sandbox from a machine; `sign`: a file, a program, $VARIABLE",
        sign=_F.text,
    ),
    EventKind(
        "process.trace", "Another process was attached to or its memory written", target=_F.path, outcome=_F.text
    ),
    EventKind(
        "process.instrument",
        "Agents were put into a program as it started; `took`: how long it was held for that",
        path=_F.path,
        agents=_F.text,
        took=_F.duration,
    ),
    EventKind(
        "process.uninstrumented",
        "A program, or forked children of one, ran without the agents it should have had",
        path=_F.path,
        reason=_F.text,
    ),
    # -- network
    EventKind(
        "net.resolve",
        "A name was looked up; `address`: the first it led to; `refused`: it was not answered",
        host=_F.text,
        address=_F.address,
        refused=_F.flag,
    ),
    EventKind(
        "net.connect",
        "A connection was opened; `host`: the name it was for; `refused`: it was not let out",
        address=_F.address,
        port=_F.number,
        host=_F.text,
        protocol=_F.text,
        loopback=_F.flag,
        refused=_F.flag,
        outcome=_F.text,
    ),
    EventKind(
        "socket.connect",
        "A socket of the person's, given to the session, was connected to",
        path=_F.path,
        outcome=_F.text,
    ),
    EventKind(
        "net.listen",
        "A port was opened for others",
        address=_F.address,
        port=_F.number,
        loopback=_F.flag,
        outcome=_F.text,
    ),
    # -- the system's own records, read from the files that hold them
    EventKind(
        "account.add",
        "A user account was added",
        name=_F.text,
        uid=_F.number,
        home=_F.path,
        shell=_F.path,
        can_log_in=_F.flag,
    ),
    EventKind("account.modify", "A user account or its groups changed", name=_F.text, uid=_F.number, change=_F.text),
    EventKind("account.delete", "A user account went away", name=_F.text, uid=_F.number),
    EventKind(
        "service.add",
        "A service, timer or socket unit or an init script was put in place",
        name=_F.text,
        path=_F.path,
        type=_F.text,
        by_package_manager=_F.flag,
        package=_F.text,
    ),
    EventKind(
        "service.enable",
        "A service was set to start by itself",
        name=_F.text,
        path=_F.path,
        by_package_manager=_F.flag,
        package=_F.text,
    ),
    EventKind("service.control", "The service manager was asked to act", name=_F.text, verb=_F.text, outcome=_F.text),
    EventKind(
        "package.install",
        "A package manager recorded a package as installed",
        name=_F.text,
        version=_F.text,
        manager=_F.text,
    ),
    EventKind("package.remove", "A package manager recorded a package as removed", name=_F.text, manager=_F.text),
    # -- what an overlay cannot hold; `outcome` of any kind: "denied" (it failed), "pretended" (it only seemed to work)
    EventKind(
        "mount.call",
        "A file system was mounted or unmounted",
        source=_F.path,
        target=_F.path,
        type=_F.text,
        outcome=_F.text,
    ),
    EventKind("kernel.setting", "A kernel setting was written", path=_F.path, value=_F.text, outcome=_F.text),
    EventKind("kernel.module", "A kernel module was loaded", name=_F.text, outcome=_F.text),
    EventKind(
        "firewall.change", "A program that rules the firewall was told to change it", command=_F.text, outcome=_F.text
    ),
    EventKind("device.write", "A device was written directly", path=_F.path, outcome=_F.text),
    # -- what the person saw
    EventKind("prompt.show", "A question was put to the person", text=_F.text),
    EventKind(
        "prompt.answer",
        "A question was answered; `by`: person, policy or pipe",
        text=_F.text,
        answer=_F.text,
        by=_F.text,
    ),
    EventKind(
        "control.leave",
        "The page a control stands on was left; `touched`: the person changed or pressed it; `by`: who left the page",
        control=_F.text,
        label=_F.text,
        ticked=_F.flag,
        touched=_F.flag,
        window=_F.text,
        by=_F.text,
    ),
    EventKind("window.open", "A window appeared", title=_F.text, text=_F.text, closable=_F.flag, fullscreen=_F.flag),
    EventKind("window.raise", "A window put itself in front", title=_F.text),
    # -- Windows
    EventKind("registry.add", "A registry value was added", key=_F.key, name=_F.text, value=_F.text),
    EventKind("registry.modify", "A registry value was changed", key=_F.key, name=_F.text, value=_F.text),
    EventKind("registry.delete", "A registry key or value went away", key=_F.key, name=_F.text),
    # -- signatures
    EventKind("signature.match", "A signature matched a file", path=_F.path, rule=_F.text, source=_F.text),
)

#: Kinds that say what became of a path: what was undone before the end, and not used, is none of them (decision 0022).
IN_THE_END: Final = frozenset({"file.create", "file.write", "file.delete", "file.mode", "file.owner"})

#: What makes two events of a kind the same act, when different observers tell of it: who and when aside. An event that
#: lacks one of these is like no other, and so is every event of a kind that is not here.
IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "file.create": ("path",),
    "file.write": ("path",),
    "file.delete": ("path",),
    "file.rename": ("path", "to"),
    "file.read": ("path",),
    "file.mode": ("path",),
    "file.owner": ("path",),
    "file.attribute": ("path", "name"),
    "process.exec": ("path",),
    "process.signal": ("target", "signal"),
    "process.trace": ("target",),
    "sandbox.probe": ("sign",),
    "net.resolve": ("host",),
    "net.connect": ("address", "port"),
    "socket.connect": ("path",),
    "net.listen": ("address", "port"),
    "account.add": ("name",),
    "account.modify": ("name",),
    "account.delete": ("name",),
    "service.add": ("path",),
    "service.enable": ("path",),
    "service.control": ("name", "verb"),
    "package.install": ("name", "manager"),
    "package.remove": ("name", "manager"),
    "mount.call": ("target",),
    "kernel.setting": ("path",),
    "kernel.module": ("name",),
    "firewall.change": ("command",),
    "device.write": ("path",),
    "prompt.show": ("text",),
    "prompt.answer": ("text", "answer"),
    "control.leave": ("control", "window"),
    "window.open": ("title",),
    "window.raise": ("title",),
    "registry.add": ("key", "name"),
    "registry.modify": ("key", "name"),
    "registry.delete": ("key", "name"),
    "signature.match": ("path", "rule"),
}

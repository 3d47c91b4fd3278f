"""Whose doing: every process, and every change it made, counts for one component.

A component is the program that was started, each program it dropped and ran, and each package of a package manager's
batch. The acts of a process count for the component whose file it runs, an interpreter's for its script; a program of
the host (`cp`, `tar`, `sh -c`) acts for whoever called it, also when that one has ended meanwhile. `attribute` is a
pure function of what was seen, so that a recording tells the same story whenever it is read.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pratique.events import Event
from pratique.meaning.batches import Batch, is_manager
from pratique.meaning.running import file_run
from pratique.recording import Component, Effect, FileState, Process
from pratique.subject import Subject

#: Components of one session. What is dropped and run beyond counts for whoever ran it.
MOST_COMPONENTS: Final = 1000

#: Kinds of program that unpack an archive and start one program of it: the two are one program.
_UNPACKED_AND_STARTED: Final = frozenset({"makeself", "appimage"})

#: Kinds of subject that are started by a program of the host.
_COMMANDS: Final = frozenset({"command", "npm", "pip"})

#: Directories that merged-/usr systems keep as links to their namesakes below /usr.
_MERGED: Final = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")

_SUFFIX: Final = re.compile(r"\.(?:sh|bash|py|pl|rb|m?js|cjs|php|lua|tcl|run|bin|exe|jar|appimage)$", re.IGNORECASE)
#: What mktemp(1) puts behind a name.
_RANDOM: Final = re.compile(r"\.(?=[a-z0-9]*[A-Z])(?=[A-Z0-9]*[a-z])[A-Za-z0-9]{6,10}$")


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen, each with its component. The first component is the program that was started."""

    processes: tuple[Process, ...]
    components: tuple[Component, ...]
    effects: tuple[Effect, ...]


def main_component(subject: Subject) -> Component:
    """The component for the program that was started."""
    name = subject.name or (subject.command[0] if subject.command else subject.path.rsplit("/", 1)[-1]) or "program"
    if subject.kind in _COMMANDS and name == " ".join(subject.command):
        # Of a command line the command is name enough.
        name = subject.kind if subject.kind != "command" else subject.command[0].rsplit("/", 1)[-1]
    return Component(name=name, sha256=subject.sha256)


def attribute(
    subject: Subject, processes: Sequence[Process], effects: Sequence[Effect], events: Iterable[Event], *,
    ended: float = float("inf"),
) -> Attribution:  # fmt: skip
    """Give every process and effect its component.

    `effects` know their process (the one that wrote the path last) and, where a package manager recorded it, their
    package. `events` are read once, for when files came into being; what bears a time after `ended`, the end of the
    program, was read from what it left and tells no time. Work and memory are bounded by processes and effects.
    """
    seen = _Seen(subject, processes, effects)
    seen.learn(events, ended)
    # A parent is known before its children: ids are given in the order of starting.
    for process in sorted(processes, key=lambda process: process.id):
        seen.component_of[process.id] = _component(process, seen)
    return Attribution(
        processes=tuple(
            msgspec.structs.replace(process, component=seen.component_of[process.id]) for process in processes
        ),
        effects=tuple(
            msgspec.structs.replace(effect, component=_component_of_effect(effect, seen)) for effect in effects
        ),
        components=seen.roll.components,
    )


class _Seen:
    """Everything that is known while processes and effects are gone through."""

    def __init__(self, subject: Subject, processes: Sequence[Process], effects: Sequence[Effect]) -> None:
        self.effects = {effect.id: effect for effect in effects}
        self.files = {process.id: file_run(process) for process in processes}
        self.batch = Batch(effects)
        self.written = _Written([*self.files.values(), *(process.program for process in processes)], effects)
        self.roll = _Roll(subject, effects, self.batch.gems)
        self.component_of: dict[int, str] = {0: self.roll.main}
        self.managers: set[int] = set()  # processes of package managers
        self._directories = {process.id: process.directory for process in processes}

    def learn(self, events: Iterable[Event], ended: float) -> None:
        for event in events:
            if event.kind.startswith("file.") and event.kind != "file.read" and event.time < ended:
                self.written.learn(event)
                self.batch.learn(event, self._directories.get(event.process, ""))

    def writer(self, effect: Effect) -> str:
        """The component whose process wrote the path last."""
        return self.component_of.get(effect.process, self.roll.main)

    def is_of(self, package: str, effect: Effect | None) -> bool:
        """Whether a package's file is its own work or the package manager's, and not put there by somebody else."""
        return effect is None or effect.process in self.managers or self.writer(effect) in (self.roll.main, package)


def _component(process: Process, seen: _Seen) -> str:
    main = seen.roll.main
    if process.id == 0:
        return main
    carrier = seen.component_of.get(process.parent, main) if process.parent is not None else main
    file = seen.files[process.id]
    # An interpreter that was brought along counts where nothing is known of the script.
    for path in dict.fromkeys((file, process.program)):
        if not path:
            continue
        effect = seen.written.effect(path)
        package = seen.batch.of_file(path, process.started)
        if package and seen.is_of(package, effect):
            return package
        if seen.roll.is_subject(path, effect):
            return main
        if seen.written.dropped(path, process.started):
            return seen.roll.dropped(path, effect, carrier)
    if is_manager(process, file):
        seen.managers.add(process.id)
    # By its directory only what a package manager itself started: others choose where they stand.
    if process.directory and (carrier == main or process.parent in seen.managers):
        return seen.batch.of_directory(process.directory) or carrier
    return carrier


def _component_of_effect(effect: Effect, seen: _Seen) -> str:
    main, details = seen.roll.main, effect.details
    if effect.type == "package":
        return details.get("package") or seen.writer(effect)
    own = effect
    if effect.type != "file" and not effect.process and effect.parts:
        own = seen.effects.get(effect.parts[0], effect)
    package = details.get("package") or (seen.batch.of_gem(effect.path) if effect.type == "file" else "")
    if package:
        # Records say whose a file is; but what another component put there is that one's doing.
        return package if seen.is_of(package, own) else seen.writer(own)
    program = seen.roll.whose_program(effect) if effect.type == "file" else ""
    # The package manager's own records are written by it for all of its packages.
    return program or (main if details.get("by_package_manager") == "true" else seen.writer(own))


class _Written:
    """Which of the files that were run came into being during the session, and when."""

    def __init__(self, files: Iterable[str], effects: Iterable[Effect]) -> None:
        self._by_path = {effect.path: effect for effect in effects if effect.type == "file"}
        self._since: dict[str, float] = {}
        self._wanted = {_real(path) for path in files if path}
        self._directories = {parent for path in self._wanted for parent in _parents(path)}

    def learn(self, event: Event) -> None:
        """Take notice of an act on a file: whether it puts content at a path."""
        path = str(event.fields.get("to" if event.kind == "file.rename" else "path", ""))
        if event.kind in ("file.create", "file.write", "file.rename") and (
            path in self._wanted or (event.kind == "file.rename" and path in self._directories)
        ):
            self._since[path] = min(event.time, self._since.get(path, event.time))

    def effect(self, path: str) -> Effect | None:
        return self._by_path.get(_real(path))

    def dropped(self, path: str, time: float) -> bool:
        """Whether what a process ran from this path at that time was put there by the session."""
        path = _real(path)
        if self._since.get(path, time + 1) <= time:
            return True
        if any(self._since.get(parent, time + 1) <= time for parent in _parents(path)):
            return True  # in a directory that was moved here
        effect = self._by_path.get(path)
        if effect is None or effect.op == "delete" or effect.after is None or effect.after.type != "file":
            return False
        # What was there before, and was replaced while or after it ran, was the host's.
        return effect.op == "add" or path not in self._since


class _Roll:
    """The components so far, by name and by what they are known by."""

    def __init__(self, subject: Subject, effects: Sequence[Effect], gems: Iterable[str]) -> None:
        main = main_component(subject)
        self.main = main.name
        self._subject = subject
        self._found: dict[str, Component] = {main.name: main}
        packages = {e.details["package"]: None for e in effects if e.type == "package" and "package" in e.details}
        packages |= {e.details["package"]: None for e in effects if e.type == "file" and "package" in e.details}
        self._packages = [*packages, *(gem for gem in gems if gem not in packages)]
        self._by_content: dict[str, str] = {}
        self._by_path: dict[str, str] = {}
        self._starts = subject.kind in _UNPACKED_AND_STARTED

    @property
    def components(self) -> tuple[Component, ...]:
        """The program itself, what it brought along, and the packages."""
        found = dict(self._found)
        for name in self._packages:
            found.setdefault(name, Component(name=name, kind="package"))
        return tuple(found.values())

    def is_subject(self, path: str, effect: Effect | None) -> bool:
        """Whether this is the program that was started, or a copy of it. A command is a program of the host."""
        if self._subject.kind in _COMMANDS:
            return False
        return path == self._subject.path or bool(self._subject.sha256 and _sha256(effect) == self._subject.sha256)

    def dropped(self, path: str, effect: Effect | None, carrier: str) -> str:
        """The component of a program that was dropped and run."""
        path, sha256 = _real(path), _sha256(effect)
        known = self._by_path.get(path) or self._by_content.get(sha256)
        if known is None:
            known = self._new(path, sha256, carrier)
        self._by_path.setdefault(path, known)
        if sha256:
            self._by_content.setdefault(sha256, known)
        return known

    def _new(self, path: str, sha256: str, carrier: str) -> str:
        if carrier == self.main and self._starts and self._is_start(path):
            self._starts = False
            return self.main
        if len(self._found) >= MOST_COMPONENTS:
            return carrier
        name = self._free(plain_name(path), sha256)
        self._found[name] = Component(name=name, sha256=sha256, kind="dropped", path=path)
        return name

    def _is_start(self, path: str) -> bool:
        """Whether this is the program of the archive that its header says is started; where it says none, the first."""
        said = self._subject.facts.get("runs", "")
        try:
            words = shlex.split(said)
        except ValueError:
            words = said.split()
        return not words or path.rsplit("/", 1)[-1] in {word.rsplit("/", 1)[-1] for word in words}

    def _free(self, name: str, sha256: str) -> str:
        """A name no other component has: told apart by the content, or else by a number."""
        taken = {*self._found, *self._packages}
        if name not in taken:
            return name
        told = f"{name}-{sha256[:6]}" if sha256 else f"{name}-2"
        number = 2
        while told in taken:
            number += 1
            told = f"{name}-{number}"
        return told

    def whose_program(self, effect: Effect) -> str:
        """The component that was brought along as this file, or of which this is a copy; "" for none."""
        dropped = self._by_path.get(effect.path) or self._by_content.get(_sha256(effect), "")
        return dropped if dropped != self.main else ""


def plain_name(path: str) -> str:
    """A program's name as people would say it.

    >>> plain_name("/tmp/selfgz/toolbar-helper.sh"), plain_name("/tmp/setup.aB3dEf"), plain_name("/opt/x/.sh")
    ('toolbar-helper', 'setup', '.sh')
    """
    name = path.rstrip("/").rsplit("/", 1)[-1]
    return _SUFFIX.sub("", _RANDOM.sub("", name)) or name


def _sha256(effect: Effect | None) -> str:
    after: FileState | None = effect.after if effect is not None else None
    return after.sha256 if after is not None else ""


def _real(path: str) -> str:
    path = posixpath.normpath(path)
    return f"/usr{path}" if path.startswith(_MERGED) else path


def _parents(path: str) -> list[str]:
    return [path[:at] for at, letter in enumerate(path) if letter == "/" and at]

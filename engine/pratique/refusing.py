"""A component refused by itself: which changes go with it, and what of the rest is of no use without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pratique.errors import UsageError
from pratique.recording import Component, Effect, Recording

#: Files of refused components that the text of what stays is searched for.
_MOST_NAMES: Final = 1000


def main(recording: Recording) -> str:
    """The name of the program's own component; "" when the recording has none."""
    return recording.components[0].name if recording.components else ""


def named(components: Sequence[Component], names: Iterable[str]) -> frozenset[str]:
    """The components of these names, which somebody typed. The first component is the program itself.

    Raises `UsageError` for a name no component has, and for the program itself, which is refused with all the rest.
    """
    known = {component.name for component in components[1:]}
    wanted = frozenset(names)
    for name in sorted(wanted - known):
        if components and name == components[0].name:
            raise UsageError(
                f"{name} is the program itself: without it nothing is left; nothing was committed",
                hint="`--refuse` installs nothing",
            )
        there = ", ".join(component.name for component in components[1:]) or "none; there is only the program itself"
        raise UsageError(
            f"there is no component {name!r}; nothing was committed", hint=f"components that can be left out: {there}"
        )
    return wanted


def effects(recording: Recording, component: str) -> frozenset[int]:
    """Ids of the changes that go with a component: its own, and the files it had a hand in.

    Of a file that several components wrote nobody can say which of its content is whose, and it goes as a whole. Only
    records of which each component has a share (an account in passwd, a package in dpkg's status) are left to be taken
    apart.
    """
    sharers: dict[int, set[str]] = {}
    for effect in recording.effects:
        for file in {share.file for share in effect.shares} or (effect.parts if effect.type == "account" else ()):
            sharers.setdefault(file, set()).add(effect.component)
    touched = _paths_touched(recording, component)
    found: set[int] = set()
    for effect in recording.effects:
        shared = sharers.get(effect.id, set())
        if effect.component == component:
            if shared <= {component}:
                found.add(effect.id)
        elif effect.type == "file" and effect.path in touched and component not in shared and not _kept_for_all(effect):
            found.add(effect.id)
    return frozenset(found)


def _kept_for_all(effect: Effect) -> bool:
    """Whether it is a record that a package manager keeps for all of its packages."""
    return effect.details.get("by_package_manager") == "true" and "package" not in effect.details


def _paths_touched(recording: Recording, component: str) -> set[str]:
    processes = {process.id for process in recording.processes if process.component == component}
    if not processes:
        return set()
    return {
        str(event.fields.get("to" if event.kind == "file.rename" else "path", ""))
        for event in recording.events
        if event.process in processes and event.kind.startswith("file.") and event.kind != "file.read"
    }


def depending(recording: Recording, refused: frozenset[str], left_out: frozenset[int]) -> tuple[str, ...]:
    """What stays although it needs something of these components, in words for the person who is about to decide."""
    by_id = {effect.id: effect for effect in recording.effects}
    stays = [effect for effect in recording.effects if effect.id not in left_out and not effect.unfit]
    gone = {by_id[i].path: by_id[i] for i in left_out if i in by_id and by_id[i].component in refused}
    said: dict[str, None] = {}
    for effect in stays:
        for need in effect.needs:
            if need in left_out and need in by_id and by_id[need].component in refused:
                said[f"{_name(effect)} needs {_name(by_id[need])}"] = None
        if effect.after is not None and effect.after.type == "link" and effect.after.target in gone:
            said[f"{effect.path} leads to {effect.after.target}"] = None
    said |= dict.fromkeys(_runs(recording, refused, stays))
    said |= dict.fromkeys(_mentions(recording, gone, {effect.id for effect in stays}))
    return tuple(said)


def _name(effect: Effect) -> str:
    return effect.details.get("package") or effect.details.get("name") or effect.path


def _runs(recording: Recording, refused: frozenset[str], stays: Sequence[Effect]) -> Iterator[str]:
    """Programs that stay and that were seen to run one that goes. An installer that runs what it brings is not kept."""
    kept = {effect.path for effect in stays if effect.type == "file"}
    by_id = {process.id: process for process in recording.processes}
    for process in recording.processes:
        parent = by_id.get(process.parent) if process.parent is not None else None
        if parent is None or process.component not in refused or parent.component in refused:
            continue
        for path in (parent.program, *parent.arguments[1:3]):
            if path in kept:
                yield f"{path} runs {process.component}"
                break


def _mentions(recording: Recording, gone: dict[str, Effect], stays: set[int]) -> Iterator[str]:
    """Texts that stay and speak of a program that goes: a start script, a menu entry, a unit."""
    programs = [path for path, effect in gone.items() if _is_program(effect)][:_MOST_NAMES]
    if not programs:
        return
    mention = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, programs))})(?![\w/-])")
    for event in recording.events:
        if event.kind == "file.write" and event.effect in stays and (text := event.fields.get("added")):
            found = mention.search(str(text))
            if found is not None:
                yield f"{event.fields.get('path')} speaks of {found[0]}"


def _is_program(effect: Effect) -> bool:
    after = effect.after
    return effect.type == "file" and after is not None and after.type == "file" and bool(after.mode & 0o111)

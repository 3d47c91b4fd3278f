"""What changed files mean: packages, accounts and services, and the component each change is counted for.

The diff of the overlay speaks of files. An administrator thinks of packages that were installed, accounts that were
added, services that were switched on and lines that were put into settings. `give_meaning` reads the latter out of the
former: each becomes an `Effect` of its own, with the file effects it consists of and its share of the files it has in
common with others, and every file effect learns its component and package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from pratique.meaning import accounts, packages, services, whole_packages
from pratique.meaning.batches import of_scripts
from pratique.meaning.changed import Changed
from pratique.meaning.components import attribute, main_component
from pratique.meaning.packages import Ownership
from pratique.meaning.unaltered import unaltered
from pratique.recording import Component, Effect
from pratique.subject import Subject

#: (path, most bytes) -> content as the program left it, or None when there is no such regular file.
Reader: TypeAlias = Callable[[str, int], bytes | None]

__all__ = ["Reader", "attribute", "give_meaning", "main_component", "of_scripts", "unaltered"]


def give_meaning(
    effects: Sequence[Effect], subject: Subject, read: Reader, read_before: Reader
) -> tuple[tuple[Effect, ...], tuple[Component, ...]]:
    """File effects in, all effects and the components out. Ids of the file effects stay as they are."""
    main = main_component(subject)
    changed = Changed(effects, read, read_before)
    ownership = packages.ownership(effects, read, read_before, packages.manager_started(subject))
    owned = tuple(_with_owner(effect, ownership, main.name) for effect in effects)
    found: list[Effect] = []
    first = max((effect.id for effect in owned), default=-1) + 1
    for several in (
        ownership.changes,
        tuple(services.changes(owned, ownership, read)),
        accounts.changes(owned, changed, read, read_before),
        tuple(changed.lines()),
    ):
        start = first + len(found)
        found += [
            msgspec.structs.replace(
                effect, id=start + place, component=effect.component or main.name,
                needs=tuple(start + needed for needed in effect.needs),
            )
            for place, effect in enumerate(several)
        ]  # fmt: skip
    numbered = whole_packages.whole(found, owned, changed, read, read_before)
    counts = changed.pieces()
    owned = tuple(
        msgspec.structs.replace(effect, pieces=counts[effect.id]) if effect.id in counts else effect for effect in owned
    )
    names = dict.fromkeys(effect.component for effect in (*owned, *numbered))
    components = {main.name: main}
    for name in names:
        components.setdefault(name, Component(name=name, kind="package"))
    return (*owned, *numbered), tuple(components.values())


def _with_owner(effect: Effect, ownership: Ownership, main: str) -> Effect:
    package = ownership.package_of(effect.path)
    if package is not None:
        details = {**effect.details, "package": package}
        if ownership.is_by_manager(effect):
            details["by_package_manager"] = "true"
        return msgspec.structs.replace(effect, component=package, details=details)
    if ownership.is_bookkeeping(effect.path):
        details = {**effect.details, "by_package_manager": "true"}
        return msgspec.structs.replace(effect, component=main, details=details)
    return msgspec.structs.replace(effect, component=effect.component or main)

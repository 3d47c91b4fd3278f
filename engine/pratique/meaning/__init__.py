"""What changed files mean: packages, accounts and services, and the component each change is counted for.

The diff of the overlay speaks of files. An administrator thinks of packages that were installed, accounts that were
added and services that were switched on. `give_meaning` reads the latter out of the former: each becomes an `Effect` of
its own whose `parts` are the file effects it consists of, and every file effect learns its component and package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from pratique.meaning import accounts, packages, services
from pratique.meaning.components import attribute, main_component
from pratique.meaning.packages import Ownership
from pratique.recording import Component, Effect
from pratique.subject import Subject

#: (path, most bytes) -> content as the program left it, or None when there is no such regular file.
Reader: TypeAlias = Callable[[str, int], bytes | None]

__all__ = ["Reader", "attribute", "give_meaning", "main_component"]


def give_meaning(
    effects: Sequence[Effect], subject: Subject, read: Reader, read_before: Reader
) -> tuple[tuple[Effect, ...], tuple[Component, ...]]:
    """File effects in, all effects and the components out. Ids of the file effects stay as they are."""
    main = main_component(subject)
    ownership = packages.ownership(effects, read, read_before, packages.manager_started(subject))
    owned = tuple(_with_owner(effect, ownership, main.name) for effect in effects)
    found = [
        *ownership.changes,
        *services.changes(owned, ownership, read),
        *accounts.changes(owned, read, read_before),
    ]
    first = max((effect.id for effect in owned), default=-1) + 1
    numbered = tuple(
        msgspec.structs.replace(effect, id=first + index, component=effect.component or main.name)
        for index, effect in enumerate(found)
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

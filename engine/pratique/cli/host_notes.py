"""What is odd in a valid role file: names nobody here has, and what the policy would no longer be told.

None of it is an error, since a file may be written for another machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pratique.errors import PolicyError, PratiqueError
from pratique.rolefile import HostFile, mending, read
from pratique.rolefile.problems import nearest

if TYPE_CHECKING:
    from pratique.policies.search import Library

_NOT_OURS: Final = "plugins.allow leaves out pratique"


def notes(path: Path, key: str = "") -> list[str]:
    """Every note on the file, or those on what `key` decides."""
    role = read(path)
    named = [*_plugins_not_here(role), *_policies_not_here(role)]
    if key:
        named = [note for note in named if f"{note.split()[0]}.".startswith(f"{key}.")]
    if key and key.split(".")[0] not in ("plugins", "policy", "policies"):
        return named
    return named if any(note.startswith(_NOT_OURS) for note in named) else [*named, *_policy(role, path)]


def mend_of_policy(role: HostFile, file: Path | None = None) -> str:
    """The command for a role file whose policy there is not, or that says none of several; "" for any other."""
    from pratique.policies.force import own_name

    library = _library(role)
    try:
        wrong = role.policy not in library.names() if role.policy else not own_name(library)
    except PolicyError:
        return mending.setting("policy", "NAME", file)
    return mending.setting("policy", [], file) if wrong else ""


def _plugins_not_here(role: HostFile) -> list[str]:
    from pratique.host.installed import OURS, entries, normalised
    from pratique.host.loading import changed

    installed = entries()
    names = {entry.name for entry in installed}
    distributions = {entry.distribution.name for entry in installed}
    part = role.plugins
    found = []
    for key, given in (("use", part.use or ()), ("disable", part.disable), ("settings", tuple(part.settings))):
        found += [f"plugins.{key} names {name}, which is not installed here" for name in given if name not in names]
    found += [
        f"plugins.allow names {allowed.name}, and no distribution of that name with plugins is installed here"
        for allowed in part.allow or ()
        if normalised(allowed.name) not in distributions
    ]
    found += dict.fromkeys(
        f"plugins.allow keeps the plugins of {entry.distribution.name} out: {refusal}"
        for entry in installed
        if (refusal := changed(entry.distribution, entry.target, part.allow))
    )
    if part.allow is not None and all(normalised(allowed.name) != OURS for allowed in part.allow):
        found.append(f"{_NOT_OURS}, so every shipped plugin is off: next to nothing is observed")
    return found


def _policies_not_here(role: HostFile) -> list[str]:
    found = [f"policies names {place}, which is no directory" for place in role.policies if not Path(place).is_dir()]
    known = _library(role).names()
    if role.policy and role.policy not in known:
        hint = nearest(role.policy, known) or f"there are {', '.join(known)}"
        found.append(f"policy names {role.policy}, and there is no such policy; {hint}")
    return found


def _policy(role: HostFile, path: Path) -> list[str]:
    """What is to be said of the policy this file puts in force, and of what it listens to. Loads the plugins."""
    from pratique import policies
    from pratique.cli import listening
    from pratique.cli.standard_output import for_a_document
    from pratique.host import Host
    from pratique.policies.force import own_name

    places = [Path(place) for place in role.policies]
    try:
        with for_a_document():  # a plugin may print while it is loaded
            host = Host.open(path)
            name = role.policy or own_name(_library(role))
            checked = policies.check_in_force(host.vocabulary(), name=name, directories=places)
            observed = host.observed_kinds()
    except PratiqueError as error:
        return [] if role.policy else [f"{error}; {error.hint}"]
    policy = checked.policies.get(name)
    if policy is None:
        return [f"the files of the policy {name} have errors here; `pratique doctor` shows them"]
    unobserved = policy.plan.kinds - observed
    return [listening.sentence(unobserved)] if unobserved else []


def _library(role: HostFile) -> Library:
    from pratique.policies.search import Library, search_path

    return Library(search_path(Path(place) for place in role.policies))

"""What an admin says about one host, in one YAML file: its role, its policy, its plugins.

`find` says which file holds, `read` checks it, `change` rewrites it with every comment in place.
"""

from __future__ import annotations

import os
from pathlib import Path

from pratique import places, resources
from pratique.rolefile.record import ROLES as ROLES
from pratique.rolefile.record import Allowed as Allowed
from pratique.rolefile.record import HostFile as HostFile
from pratique.rolefile.record import PluginsPart as PluginsPart


def shipped(role: str = "laptop") -> Path:
    """The role file of that name that comes with Pratique."""
    return resources.directory("hosts") / f"{role}.yaml"


def find(given: Path | None = None) -> Path:
    """The file that holds: the one given, `PRATIQUE_HOST`, `host.yaml` in the settings directory, the shipped laptop's.

    A file that was asked for is answered whether it exists or not; reading it says so.
    """
    return _search(given)[0]


def reason(given: Path | None = None) -> str:
    """Why `find` answers what it answers, in words."""
    return _search(given)[1]


def _search(given: Path | None) -> tuple[Path, str]:
    if given is not None:
        return given, "given with --host"
    if named := os.environ.get("PRATIQUE_HOST"):
        return Path(named), "named by PRATIQUE_HOST"
    own = places.config() / "host.yaml"
    if os.path.lexists(own):  # a dangling link was meant to say something: reading it complains
        return own, "in the settings directory"
    return shipped(), f"shipped; there is no {own}"


def read(path: Path) -> HostFile:
    """The checked content. Raises `HostFileError` with every problem, line and column."""
    from pratique.rolefile.reading import read as read_file

    return read_file(path)


def current(given: Path | None = None) -> HostFile:
    """`read(find(given))`. The shipped laptop file says what the defaults say, so that it need not be parsed."""
    path = find(given)
    return HostFile() if given is None and path == shipped() else read(path)

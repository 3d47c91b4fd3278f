"""Where the shipped grammar, rules and role files lie, and the files that policies name beside themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def directory(name: Literal["grammar", "rules", "hosts"]) -> Path:
    """The directory of that name. Raises `FileNotFoundError` when the installation is broken."""
    for candidate in (_PACKAGE / "data" / name, _PACKAGE.parents[1] / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{name}/ is missing from this installation of pratique: install it again")


def beside(policy_file: str, named: str) -> Path:
    """The file a policy names: as it stands when absolute, else relative to the policy file, else to the shipped files.

    The last is for policies that name what is shipped (`rules/keys/debian.gpg`). A name that leads nowhere is returned
    relative to the policy file, for the message about it.
    """
    wanted = Path(named).expanduser()
    if wanted.is_absolute():
        return wanted
    first = Path(policy_file).absolute().parent / wanted
    shipped = directory("rules").parent / wanted
    return shipped if not first.exists() and shipped.exists() else first

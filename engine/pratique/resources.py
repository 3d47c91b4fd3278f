"""Where the shipped grammar, rules and role files lie: in a checkout and in an installed wheel."""

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

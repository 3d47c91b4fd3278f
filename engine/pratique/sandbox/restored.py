"""What a commit that failed put back: no change by others, though the kernel notes one more change of each file.

Kept beside the session (`PLACE/restored`), so that a later commit of it is not refused for what we did ourselves.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pratique.sandbox.states import Identity

NAME: Final = "restored"


def write(place: Path, restored: Mapping[str, Identity]) -> None:
    """Best effort: where it cannot be written, a later commit is refused, which does no harm."""
    with contextlib.suppress(OSError):
        (place / NAME).write_text(json.dumps(restored), "ascii")


def read(place: Path) -> dict[str, Identity]:
    """By path; empty when nothing was put back."""
    try:
        found = json.loads((place / NAME).read_text("ascii"))
        return {str(path): Identity(*map(int, numbers)) for path, numbers in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

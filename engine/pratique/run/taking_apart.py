"""The content of files of which only a part is admitted: what the program left, without the pieces that are refused."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.errors import ConflictError
from pratique.meaning import shared_files
from pratique.recording import Recording
from pratique.sandbox.quarantine import Quarantine


def contents(quarantine: Quarantine, recording: Recording, refused: Mapping[int, frozenset[int]]) -> dict[str, bytes]:
    """Path -> content, for the files whose effects have refused pieces.

    Raises `ConflictError` when a file on the host is not the one the session began with, `OSError`.
    """
    found: dict[str, bytes] = {}
    for effect in recording.effects:
        if effect.id not in refused:
            continue
        limit = shared_files.LARGEST + 1
        before = quarantine.read_before(effect.path, limit) if effect.before is not None else b""
        change = shared_files.change(effect.path, before, quarantine.read(effect.path, limit))
        if change is None or len(change.pieces) != effect.pieces:
            raise ConflictError(
                f"the host changed since the session began; nothing was committed:\n  {effect.path}: was changed",
                hint="run the installer again",
            )
        found[effect.path] = change.without(refused[effect.id])
    return found

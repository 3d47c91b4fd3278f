"""Which deleted files are lost: those that were there before the session and whose content is nowhere else now.

A file that was only renamed, or was the session's own, is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pratique import Effect, Session

#: Content compared, of one file and of all; what is larger counts as lost, for nobody looked.
MOST_OF_ONE: Final = 16 * 1024 * 1024  # bytes
MOST_OF_ALL: Final = 256 * 1024 * 1024


class Lost:
    """Told of all effects of a session; asked about each deletion."""

    def __init__(self, effects: Iterable[Effect], session: Session) -> None:
        self._session = session
        self._left = MOST_OF_ALL
        self._contents: dict[int, set[str]] = {}  # size -> hashes of what the session wrote
        for effect in effects:
            if effect.after is not None and effect.after.type == "file":
                self._contents.setdefault(effect.after.size, set()).add(effect.after.sha256)

    def __contains__(self, effect: Effect) -> bool:
        before = effect.before
        if before is None or before.type != "file":
            return False
        if effect.unfit:  # a stand-in's, say: what it was deleted for was not its size
            return True
        return before.size > 0 and not self._is_elsewhere(effect.path, before.size)

    def _is_elsewhere(self, path: str, size: int) -> bool:
        written = self._contents.get(size)
        if not written or size > min(MOST_OF_ONE, self._left):
            return False
        self._left -= size
        import hashlib  # loads a large library, which most commands have no use for

        content = self._session.read_before(path, size)
        return content is not None and hashlib.sha256(content).hexdigest() in written

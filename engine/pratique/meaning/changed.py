"""The files of a session that several things share a change of: each is taken apart once, when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from pratique.meaning import shared_files
from pratique.meaning.pieces import Change, Piece
from pratique.recording import Effect, Share

#: Most text of one file that is told line by line; of a longer change nobody reads every line.
_MOST_TEXT: Final = 64 * 1024  # characters
_MOST_PIECES: Final = 500

Reader = Callable[[str, int], bytes | None]


class Changed:
    """What changed in the files at which accounts, packages and settings meet."""

    def __init__(self, effects: Iterable[Effect], read: Reader, read_before: Reader) -> None:
        self._files = {effect.path: effect for effect in effects if effect.type == "file"}
        self._read = read
        self._read_before = read_before
        self._changes: dict[str, Change | None] = {}
        self._keys: dict[str, Mapping[str, tuple[int, ...]]] = {}

    def change(self, path: str) -> Change | None:
        """The file's change in pieces; None when it did not change, or goes and stays as a whole."""
        if path not in self._changes:
            effect = self._files.get(path)
            self._changes[path] = self._compared(effect) if effect is not None else None
        return self._changes[path]

    def keys(self, path: str) -> Mapping[str, tuple[int, ...]]:
        """Whose records changed in the file: key -> the numbers of its pieces."""
        if path not in self._keys:
            change = self.change(path)
            keys: dict[str, tuple[int, ...]] = {}
            for number, piece in enumerate(change.pieces if change else ()):
                keys[piece.key] = (*keys.get(piece.key, ()), number)
            keys.pop("", None)
            self._keys[path] = keys
        return self._keys[path]

    def share(self, path: str, is_own: Callable[[str], bool]) -> Share | None:
        """The pieces of the file's change whose keys are one's own."""
        own = [number for key, numbers in self.keys(path).items() if is_own(key) for number in numbers]
        return Share(self._files[path].id, tuple(sorted(own))) if own else None

    def indivisible(self, path: str) -> int | None:
        """The id of the file's effect, when it changed and cannot be taken apart."""
        effect = self._files.get(path)
        return effect.id if effect is not None and self.change(path) is None else None

    def without(self, path: str, shares: Iterable[Share]) -> bytes | None:
        """The file as it would be without these; None when there is no such file."""
        change, effect = self.change(path), self._files.get(path)
        if change is None or effect is None:
            return self._read(path, shared_files.LARGEST)
        return change.without({piece for share in shares if share.file == effect.id for piece in share.pieces})

    def pieces(self) -> dict[int, int]:
        """Of each file that was taken apart: how many pieces its change has."""
        return {self._files[path].id: len(change.pieces) for path, change in self._changes.items() if change}

    def lines(self) -> Iterator[Effect]:
        """Effects of type "lines": what was done to a text file, where that is more than one thing.

        details: added, removed.
        """
        for path, effect in self._files.items():
            if not _may_be_lines(effect):
                continue
            change = self.change(path)
            if change is None or not 2 <= len(change.pieces) <= _MOST_PIECES:
                continue
            texts = [(_text(piece, "after"), _text(piece, "before")) for piece in change.pieces]
            if sum(len(added) + len(removed) for added, removed in texts) > _MOST_TEXT:
                continue
            for number, (added, removed) in enumerate(texts):
                yield Effect(
                    id=0, type="lines", op="delete" if not added else "modify" if removed else "add", path=path,
                    process=effect.process, component=effect.component, shares=(Share(effect.id, (number,)),),
                    details={"added": added, "removed": removed},
                )  # fmt: skip

    def _compared(self, effect: Effect) -> Change | None:
        if effect.unfit or effect.after is None or effect.after.type != "file" or not _was_file_or_nothing(effect):
            return None
        largest = shared_files.largest(effect.path)
        if max(state.size for state in (effect.before, effect.after) if state is not None) > largest:
            return None
        after = self._read(effect.path, largest)
        before = self._read_before(effect.path, largest) if effect.before is not None else b""
        if before is None or after is None:
            return None
        return shared_files.change(effect.path, before, after)


def _was_file_or_nothing(effect: Effect) -> bool:
    return effect.before is None or effect.before.type == "file"


def _may_be_lines(effect: Effect) -> bool:
    """A new file is the work of one hand and stays whole, unless each of its lines stands for itself."""
    if shared_files.is_record(effect.path):
        return False
    return shared_files.is_table(effect.path) or effect.before is not None


def _text(piece: Piece, side: str) -> str:
    """The lines as an event tells them."""
    run = piece.before if side == "before" else piece.after
    return "\n".join(b"".join(token.text for token in run).decode("utf-8", "replace").splitlines())

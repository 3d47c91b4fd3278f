"""What the session wrote, by the path it has in the session: the upper layers, opened when asked for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.layers import Layer, layer_of
from pratique.sandbox.states import Identity, attributes_of


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Where the session's writes are; and what a failed commit put back, which is no change by others."""

    id: str
    place: Path
    layers: tuple[Layer, ...]
    started_ns: int  # the file system's own clock when the session began
    restored: dict[str, Identity]  # added to by a commit that fails


class Layers:
    """A context manager; its methods raise `OSError`, and `ValueError` for what should be a file and is not."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._open: dict[int, Beneath] = {}

    def __enter__(self) -> Layers:
        return self

    def __exit__(self, *_: object) -> None:
        for layer in self._open.values():
            layer.close()

    def find(self, path: str) -> tuple[Beneath, str]:
        """The layer that holds the path, and the path within it."""
        layer = layer_of(path, self._written.layers)
        if layer is None:
            raise FileNotFoundError(errno.ENOENT, "in no layer", path)
        if layer.number not in self._open:
            upper = self._written.place / "upper" / str(layer.number)
            self._open[layer.number] = Beneath(upper, insist=os.geteuid() != 0)
        return self._open[layer.number], "/" + path.removeprefix(layer.at).lstrip("/")

    def entry(self, path: str) -> tuple[int, str]:
        """The open directory that holds the path, and its name there."""
        layer, within = self.find(path)
        above, name = split(within)
        return layer.directory(above), name

    def stat(self, path: str) -> os.stat_result:
        layer, within = self.find(path)
        return layer.lstat(within)

    def is_copy(self, path: str) -> bool:
        """Whether the overlay copied it from the host, where it may have had another name."""
        layer, within = self.find(path)
        above, name = split(within)
        entry = f"/proc/self/fd/{layer.directory(above)}/{name}"
        try:
            names = os.listxattr(entry, follow_symlinks=False)
        except OSError:
            return False
        return any(kind in names for kind in ("trusted.overlay.origin", "user.overlay.origin"))

    def open_file(self, path: str) -> int:
        layer, within = self.find(path)
        return layer.open_file(within)

    def directory_attributes(self, path: str) -> dict[str, bytes]:
        layer, within = self.find(path)
        return attributes_of(layer.directory(within))

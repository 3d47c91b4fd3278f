"""Waiting until what was written is on the disk: one by one when it is little, a whole file system when it is much.

A call for each of some thousand files costs a write of the file system's own journal each; one call for the whole file
system costs one, but waits for what everybody else has written there as well.
"""

from __future__ import annotations

import os

from pratique.sandbox import linux
from pratique.sandbox.beneath import is_readable

#: Up to so many changes, each file and directory is waited for by itself.
FEW = 64


class Durable:
    """Collects what was written, until `wait` has seen it on the disk. A context manager. All raise `OSError`."""

    def __init__(self, changes: int) -> None:
        self._each = changes <= FEW
        self._open: dict[tuple[int, int], int] = {}
        self._unreadable = False  # one of the directories lets nobody wait for it by itself

    def __enter__(self) -> Durable:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def file(self, descriptor: int) -> None:
        """The content of an open file; the directory it is in is given besides, and with it its file system."""
        if self._each:
            os.fsync(descriptor)

    def directory(self, descriptor: int) -> None:
        """The names in an open directory, its owner, mode and times."""
        self._note(descriptor)

    def _note(self, descriptor: int) -> None:
        if not is_readable(descriptor):
            self._unreadable = True
            return
        found = os.fstat(descriptor)
        key = (found.st_dev, found.st_ino if self._each else 0)
        if key not in self._open:
            self._open[key] = os.dup(descriptor)

    def wait(self) -> None:
        for descriptor in self._open.values():
            if self._each:
                os.fsync(descriptor)
            else:
                linux.syncfs(descriptor)
        if self._unreadable:
            os.sync()
            self._unreadable = False
        self.__exit__()

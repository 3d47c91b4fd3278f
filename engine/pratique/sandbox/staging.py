"""Makes ready, beside its final place and on the disk, everything a transaction will put on the host.

A new directory is made with all that will be in it, under one temporary name; anything else new or changed under one of
its own. Nothing of the host's own is touched yet, and what is put in place later needs neither room nor time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from pratique.recording import FileState
from pratique.sandbox import copying, originals
from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.durable import Durable
from pratique.sandbox.journal import Change, Put
from pratique.sandbox.states import attributes, attributes_of, type_of


class Source(Protocol):
    """Where the new state of a path comes from."""

    def find(self, path: str) -> tuple[int, str]:
        """An open directory and the name in it. Raises `OSError`."""
        ...

    def open(self, path: str) -> int:
        """The regular file there, for reading. Raises `OSError`, `ValueError`."""
        ...

    def content(self, path: str) -> bytes | None:
        """What a file is to hold in place of what it holds there; None: nothing else."""
        ...

    def may_be_linked(self, descriptor: int | None, like: FileState) -> bool:
        """Whether this very file may become the host's, because it is as it should be and nobody else can change it.

        None: it is no regular file.
        """
        ...

    def twin(self, path: str) -> str:
        """Another path that is to be the same file, "" for none; it may or may not be part of the transaction."""
        ...


def places(changes: Iterable[Change]) -> dict[str, str]:
    """For each change that puts something, the path where it is made ready; changes come sorted by path."""
    out: dict[str, str] = {}
    for change in changes:
        if change.after is None or (change.was_directory and change.becomes_directory):
            continue
        above, name = split(change.path)
        if change.temporary:
            out[change.path] = f"{above.rstrip('/')}/{change.temporary}"
        else:
            out[change.path] = f"{out[above]}/{name}"
    return out


class Staging:
    """One transaction's temporary files. All methods raise `OSError`."""

    def __init__(self, host: Beneath, source: Source, changes: tuple[Change, ...]) -> None:
        self._host = host
        self._source = source
        self._changes = {change.path: change for change in changes}
        self._places = places(changes)
        self._put: dict[str, Put] = {}
        self.current = ""  # the path being worked on, for whoever explains an error

    def make(self) -> dict[str, Put]:
        """All of it, on the disk; what came of each path."""
        with Durable(len(self._changes)) as durable:
            for path, place in self._places.items():
                self.current = path
                change = self._changes[path]
                if change.becomes_directory:
                    self._make_directory(path, place)
                else:
                    self._make(change, place, durable)
            self._dress_directories(durable)
            durable.wait()
        return self._put

    def _make_directory(self, path: str, place: str) -> None:
        above, name = split(place)
        os.mkdir(name, 0o700, dir_fd=self._host.directory(above))

    def _dress_directories(self, durable: Durable) -> None:
        """Deepest first: what is put in a directory changes its time, and its mode may lock us out."""
        for path in reversed(self._places):
            self.current = path
            change, place = self._changes[path], self._places[path]
            if change.becomes_directory:
                assert change.after is not None
                descriptor = self._host.directory(place)
                copying.dress(descriptor, change.after.state, change.after.attributes)
                durable.directory(descriptor)
                self._note(path, os.fstat(descriptor), change.after.attributes)
            if change.temporary:
                durable.directory(self._host.directory(split(place)[0]))

    def _make(self, change: Change, place: str, durable: Durable) -> None:
        assert change.after is not None
        like = change.after.state
        above, name = split(place)
        if self._link_to_twin(change, name, above):
            return
        directory = self._host.directory(above)
        own: dict[str, bytes] = {}
        if like.type == "file":
            own = self._make_file(change.path, like, name, directory, durable)
        elif not (self._source.may_be_linked(None, like) and self._link(change.path, name, directory)):
            if like.type in ("socket", "device"):
                source, original = self._source.find(change.path)
                originals.copy(original, source, name, directory, durable)
            else:
                copying.other(name, directory, like)
        self._note(change.path, os.stat(name, dir_fd=directory, follow_symlinks=False), own)

    def _make_file(
        self, path: str, like: FileState, name: str, directory: int, durable: Durable
    ) -> dict[str, bytes]:  # fmt: skip
        """Its extended attributes."""
        content = self._source.content(path)
        source = self._source.open(path)
        try:
            if content is None and self._source.may_be_linked(source, like) and self._link(path, name, directory):
                durable.file(source)
                return attributes_of(source)
            copying.file(source, name, directory, like, durable, content)
            return attributes_of(source)
        finally:
            os.close(source)

    def _link(self, path: str, name: str, directory: int) -> bool:
        """Whether it could be made as another name of the very file it comes from."""
        within, original = self._source.find(path)
        try:
            os.link(original, name, src_dir_fd=within, dst_dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            if error.errno not in originals.CANNOT_LINK:
                raise
            return False
        return True

    def _link_to_twin(self, change: Change, name: str, above: str) -> bool:
        """Whether it could be made as another name of a file that is part of this, or is on the host already."""
        twin = self._source.twin(change.path)
        if not twin or self._source.content(twin) != self._source.content(change.path):
            return False
        if twin not in self._put and twin in self._changes:
            return False
        twin_above, twin_name = split(self._places.get(twin, twin))
        twin_directory = os.dup(self._host.directory(twin_above))
        try:
            directory = self._host.directory(above)
            os.link(twin_name, name, src_dir_fd=twin_directory, dst_dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            if error.errno not in originals.CANNOT_LINK:
                raise
            return False
        finally:
            os.close(twin_directory)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        self._note(change.path, found, attributes(name, directory, type_of(found)))
        return True

    def _note(self, path: str, found: os.stat_result, attributes: Mapping[str, bytes]) -> None:
        self._put[path] = Put(
            path=path, inode=found.st_ino, mtime_ns=found.st_mtime_ns, uid=found.st_uid, gid=found.st_gid,
            attributes=dict(attributes),
        )  # fmt: skip


def with_temporaries(changes: Iterable[Change], session: str, kind: str) -> tuple[Change, ...]:
    """Sorted by path, and with a temporary name for all that is not made inside a new directory."""
    in_order = sorted(changes, key=lambda change: os.fsencode(change.path))
    new: set[str] = set()
    out = []
    for number, change in enumerate(in_order, start=1):
        puts = change.after is not None and not (change.was_directory and change.becomes_directory)
        if puts and change.becomes_directory:
            new.add(change.path)
        if puts and split(change.path)[0] not in new:
            out.append(msgspec.structs.replace(change, temporary=f".pratique-{session}-{kind}-{number}"))
        else:
            out.append(change)
    return tuple(out)

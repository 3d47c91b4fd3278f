"""The journal of one transaction: what is about to change, what was there before, and how far it has come.

`DIRECTORY/log` holds one JSON line a record; originals lie beside it under a number (`originals` keeps them). Whatever
a line announces begins only when the line is on the disk, so after a crash the log says all there is to know:

    no `Ready`              nothing was touched
    `Ready`, no `Staged`    some temporary files may lie beside their final places
    `Staged`, no `Done`     some of the changes were made; every original is kept, and what was put is known by inode
    `Done`                  all changes were made, or all were taken back
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from pratique.recording import FileState
from pratique.sandbox.space import remove_tree

FORMAT: Final = 1
#: Lies in the directory of a transaction that is not ended, so that those are found without reading every log.
UNFINISHED: Final = "unfinished"


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="header", tag_field="is"):
    id: str  # of the session
    kind: Literal["commit", "undo"] = "commit"
    started: float = 0.0  # Unix time
    format: int = FORMAT


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A state of a path; `attributes` are filled in for directories, whose originals are not kept as files."""

    state: FileState
    attributes: dict[str, bytes] = {}


class Change(msgspec.Struct, frozen=True, kw_only=True, tag="change", tag_field="is", omit_defaults=True):
    """One path, before and after. None: nothing there.

    `saved` is the original's name in the journal; `copied`, where a hard link to it does not suffice, that of a copy.
    `installed` is that of the new text, where a text file is replaced: others may change it, and then tell us apart.
    """

    path: str
    before: Kept | None = None
    after: Kept | None = None
    saved: str = ""
    copied: str = ""
    installed: str = ""
    temporary: str = ""  # the name beside `path` under which it is made ready

    @property
    def was_directory(self) -> bool:
        return self.before is not None and self.before.state.type == "directory"

    @property
    def becomes_directory(self) -> bool:
        return self.after is not None and self.after.state.type == "directory"


class Times(msgspec.Struct, frozen=True, kw_only=True, tag="times", tag_field="is"):
    """The modification time of a directory that is itself not changed, but something in it is."""

    path: str
    mtime_ns: int


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready", tag_field="is"):
    """Everything above is on the disk, originals included."""


class Put(msgspec.Struct, frozen=True, kw_only=True, tag="put", tag_field="is", omit_defaults=True):
    """What is ready to be put at `path`, as it really came out; told from anything else there by its inode."""

    path: str
    inode: int
    mtime_ns: int
    uid: int
    gid: int
    attributes: dict[str, bytes] = {}


class Staged(msgspec.Struct, frozen=True, kw_only=True, tag="staged", tag_field="is"):
    """All that will be put is on the disk beside its place."""


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done", tag_field="is", omit_defaults=True):
    ended: float = 0.0  # Unix time
    taken_back: bool = False
    times: dict[str, int] = {}  # modification times of the directories in `Times`, afterwards


_Record = Header | Change | Times | Ready | Put | Staged | Done
_decoder: msgspec.json.Decoder[_Record] = msgspec.json.Decoder(_Record)


class JournalError(Exception):
    """The log cannot be read: what was found, and in which line."""


class Journal:
    """One transaction. `create` and `read` make it; the methods write the next record and wait for the disk."""

    def __init__(self, directory: Path, header: Header, changes: Iterable[Change], times: Iterable[Times]) -> None:
        self.directory = directory
        self.header = header
        self.changes = tuple(changes)
        self.times = {one.path: one.mtime_ns for one in times}
        self.ready = False
        self.staged: dict[str, Put] | None = None
        self.done: Done | None = None
        self.torn_at: int | None = None  # where in the log a last line begins that cannot be read

    def begin(self) -> None:
        """Everything known beforehand is written; the originals are there already. Raises `OSError`."""
        times = (Times(path=path, mtime_ns=mtime_ns) for path, mtime_ns in self.times.items())
        self._write((self.header, *self.changes, *times, Ready()))
        for directory in (self.directory, self.directory.parent, self.directory.parent.parent):
            _fsync(directory)
        self.ready = True

    def make_staged(self, put: Mapping[str, Put]) -> None:
        self._write((*put.values(), Staged()))
        self.staged = dict(put)

    def end(self, done: Done) -> None:
        self._write((done,))
        self.done = done
        self._unmark()

    def make_sure(self) -> None:
        """The same for a last line that is read: whoever wrote it may have been killed before it was on the disk."""
        _fsync(self.directory / "log")
        self._unmark()

    def _unmark(self) -> None:
        (self.directory / UNFINISHED).unlink(missing_ok=True)

    def forget(self) -> None:
        """Nothing in it will be needed. Only the one who ends a transaction, or takes it back, may say so."""
        remove_tree(self.directory)
        with contextlib.suppress(OSError):
            _fsync(self.directory.parent)

    def forget_originals(self) -> None:
        """The log stays, as a record of what was done."""
        for entry in list(self.directory.iterdir()):
            if entry.name != "log":
                remove_tree(entry)

    @property
    def finished(self) -> bool:
        """All changes are on the host, and the originals are kept."""
        return self.done is not None and not self.done.taken_back

    def _write(self, records: Iterable[_Record]) -> None:
        text = b"".join(_line(record) for record in records)
        log = os.open(self.directory / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if self.torn_at is not None:
                os.ftruncate(log, self.torn_at)  # or what is written now would be torn as well
                self.torn_at = None
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(log, rest) :]
            os.fsync(log)
        finally:
            os.close(log)


def read(directory: Path) -> Journal | None:
    """The journal kept there; None when it was never begun, so that nothing was touched.

    A last line that is torn was being written when the machine stopped: what it announces has not begun. Raises
    `JournalError` for any other line that cannot be read, `OSError` when there is no journal.
    """
    try:
        text = (directory / "log").read_bytes()
    except FileNotFoundError:
        if directory.is_dir():
            return None
        raise
    records: list[_Record] = []
    lines = text.split(b"\n")
    whole = len(text) - len(lines[-1])
    for number, line in enumerate(lines[:-1], start=1):
        try:
            records.append(_parsed(line))
        except (ValueError, msgspec.ValidationError) as error:
            if number == len(lines) - 1:
                whole -= len(line) + 1
                break
            raise JournalError(f"{directory}/log:{number}: {error}") from None
    journal = _put_together(directory, records)
    if journal is not None and whole < len(text):
        journal.torn_at = whole
    return journal


def _put_together(directory: Path, records: list[_Record]) -> Journal | None:
    if not any(isinstance(record, Ready) for record in records):
        return None
    if not isinstance(records[0], Header):
        raise JournalError(f"{directory}/log:1: expected a header, found {type(records[0]).__name__.lower()}")
    if records[0].format != FORMAT:
        raise JournalError(f"{directory}/log:1: expected format {FORMAT}, found {records[0].format}")
    journal = Journal(
        directory,
        records[0],
        (record for record in records if isinstance(record, Change)),
        (record for record in records if isinstance(record, Times)),
    )
    journal.ready = True
    if any(isinstance(record, Staged) for record in records):
        journal.staged = {record.path: record for record in records if isinstance(record, Put)}
    # Who could not be sure of the one took the transaction back, and wrote another.
    journal.done = next((record for record in reversed(records) if isinstance(record, Done)), None)
    return journal


def _line(record: _Record) -> bytes:
    """One record in JSON. Names that are not UTF-8 hold surrogates, which only the slower of two encoders can write."""
    try:
        return msgspec.json.encode(record) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record)).encode("ascii") + b"\n"


def _parsed(line: bytes) -> _Record:
    if b"\\ud" in line:
        record: _Record = msgspec.convert(json.loads(line), _Record)
        return record
    return _decoder.decode(line)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

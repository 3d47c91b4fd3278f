"""Carries a transaction out: all of its changes come to be on the host, or none of them.

In this order, each step on the disk before the next begins: originals and journal; everything new, beside its place;
the changes themselves, each a rename or a removal; the journal's last line. What is interrupted in between is taken
back by `taking_back`, at once or by the next command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from pratique.errors import PratiqueError
from pratique.sandbox import copying, linux, merging, originals
from pratique.sandbox.beneath import Beneath, handle, split
from pratique.sandbox.durable import Durable
from pratique.sandbox.journal import UNFINISHED, Change, Done, Header, Journal, Times
from pratique.sandbox.staging import Source, Staging, with_temporaries

#: What an owner needs to take entries out of a directory.
_TAKE_OUT = 0o300


class Step:
    """The path being worked on, for whoever explains what went wrong."""

    def __init__(self) -> None:
        self.path = ""


def begin(
    directory: Path, session: str, changes: Iterable[Change], host: Beneath, step: Step, source: Source | None = None
) -> Journal:
    """The journal, with every original kept. On failure nothing of it is left.

    `source`, for what can be undone later: where the new texts are, which are kept as well. Raises `OSError`, and
    `PratiqueError` where an earlier one is in its place.
    """
    kind: Literal["commit", "undo"] = "undo" if source is None else "commit"
    prepared = with_temporaries(changes, session, kind)
    make_place(directory)
    try:
        (directory / UNFINISHED).touch(mode=0o600)
        with Durable(len(prepared)) as durable:
            kept = tuple(_keep_originals(directory, prepared, host, durable, step, source))
            durable.wait()
        journal = Journal(directory, Header(id=session, kind=kind, started=time.time()), kept, _times(kept, host))
        journal.begin()
    except BaseException:
        Journal(directory, Header(id=session), (), ()).forget()
        raise
    return journal


def make_place(directory: Path) -> None:
    """For a journal. Raises `PratiqueError` where one is that was taken back and is needed still, `OSError`."""
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise PratiqueError(
            f"this was begun before and cut short, and what could not be taken back is kept in {directory}",
            hint="mend what stands in its way and try again"
            if (directory / UNFINISHED).exists()
            else "what belongs where is in its log: put it in place, remove that directory and try again",
        ) from None


def _keep_originals(
    directory: Path, changes: Iterable[Change], host: Beneath, durable: Durable, step: Step, source: Source | None
) -> Iterable[Change]:
    own = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        durable.directory(own)
        for number, change in enumerate(changes, start=1):
            if change.before is None or change.was_directory:
                yield change
                continue
            step.path = change.path
            above, name = split(change.path)
            saved, copied = originals.keep(
                name, host.directory(above), own, number, durable, for_long=source is not None
            )
            installed = _keep_text(change, source, own, number, durable) if source is not None else ""
            yield msgspec.structs.replace(change, saved=saved, copied=copied, installed=installed)
    finally:
        os.close(own)


def _keep_text(change: Change, source: Source, own: int, number: int, durable: Durable) -> str:
    """The name of a copy of the new text that replaces an old one; "" for anything else."""
    states = [kept.state for kept in (change.before, change.after) if kept is not None]
    largest = merging.largest(change.path)
    if len(states) < 2 or any(one.type != "file" or one.size > largest for one in states):
        return ""
    content = source.content(change.path)
    if content is None:
        with open(source.open(change.path), "rb") as file:
            content = file.read(largest + 1)
    if b"\0" in content or len(content) > largest:
        return ""
    name = f"{number}.installed"
    target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=own)
    try:
        copying.write(target, content)
        durable.file(target)
    finally:
        os.close(target)
    return name


def _times(changes: Iterable[Change], host: Beneath) -> Iterable[Times]:
    """Of the directories in which something comes or goes; those that are changed themselves have theirs kept there."""
    changes = tuple(changes)
    own = {change.path for change in changes if change.was_directory or change.becomes_directory}
    for path in dict.fromkeys(split(change.path)[0] for change in changes):
        if path not in own:
            yield Times(path=path, mtime_ns=os.fstat(host.directory(path)).st_mtime_ns)


def carry_out(
    journal: Journal, host: Beneath, source: Source, step: Step, *, times: Mapping[str, int] | None = None
) -> None:
    """Stage and make all changes. Raises `OSError`, and then the caller takes back what was done.

    `times`: modification times that directories get at the end.
    """
    staging = Staging(host, source, journal.changes)
    try:
        journal.make_staged(staging.make())
    except BaseException:
        step.path = staging.current
        raise
    assert journal.staged is not None
    with Durable(len(journal.changes)) as durable:
        acts = _Acts(host, journal, durable)
        for act, changes in _in_order(journal.changes, acts):
            for change in changes:
                step.path = change.path
                act(change)
        for path, mtime_ns in (times or {}).items():
            directory = host.directory(path)
            copying.set_time(directory, mtime_ns)
            durable.directory(directory)
        durable.wait()
    after = {path: os.fstat(host.directory(path)).st_mtime_ns for path in journal.times if _there(host, path)}
    journal.end(Done(ended=time.time(), times=after))


def _there(host: Beneath, path: str) -> bool:
    return path == "/" or host.find(path) is not None


def _in_order(changes: tuple[Change, ...], acts: _Acts) -> tuple[tuple[Callable[[Change], None], list[Change]], ...]:
    """New things come first and deletions after them, so that nothing is missing for longer than need be."""
    put = [one for one in changes if one.after is not None and one.temporary]
    return (
        (acts.unlock, [one for one in changes if one.was_directory and not one.becomes_directory]),
        (acts.put, [one for one in put if not one.was_directory]),
        (acts.delete, [one for one in reversed(changes) if one.after is None]),
        (acts.replace_directory, [one for one in put if one.was_directory]),
        (acts.dress, [one for one in reversed(changes) if one.was_directory and one.becomes_directory]),
    )


class _Acts:
    """The single changes to the host. All raise `OSError`."""

    def __init__(self, host: Beneath, journal: Journal, durable: Durable) -> None:
        self._host = host
        self._journal = journal
        self._durable = durable

    def unlock(self, change: Change) -> None:
        """A directory that goes lets go of what is in it, though its owner may not write there.

        What is taken back gets its mode back with it.
        """
        assert change.before is not None
        if change.before.state.mode & _TAKE_OUT == _TAKE_OUT or change.before.state.uid != os.geteuid():
            return
        directory = self._host.directory(change.path)
        os.chmod(handle(directory), change.before.state.mode | _TAKE_OUT)  # noqa: PTH101  # as a rule it is a descriptor

    def put(self, change: Change) -> None:
        above, name = split(change.path)
        directory = self._host.directory(above)
        if change.before is None:
            linux.rename_new(change.temporary, directory, name, directory)
        else:
            if change.becomes_directory:
                os.unlink(name, dir_fd=directory)
            os.rename(change.temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        self._durable.directory(directory)

    def delete(self, change: Change) -> None:
        above, name = split(change.path)
        directory = self._host.directory(above)
        if change.was_directory:
            self._host.forget(change.path)
            os.rmdir(name, dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)
        self._durable.directory(directory)

    def replace_directory(self, change: Change) -> None:
        self.delete(change)
        above, name = split(change.path)
        directory = self._host.directory(above)
        linux.rename_new(change.temporary, directory, name, directory)
        self._durable.directory(directory)

    def dress(self, change: Change) -> None:
        assert change.after is not None
        directory = self._host.directory(change.path)
        copying.dress(directory, change.after.state, change.after.attributes)
        self._durable.directory(directory)

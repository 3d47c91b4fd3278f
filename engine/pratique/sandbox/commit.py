"""Puts accepted effects on the host; what fails midway is taken back.

Directories first, then files, each complete under a temporary name and renamed into place, then deletions, deepest
first. The host's own paths are reached component by component, so no link can lead a write elsewhere.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping

from pratique.errors import NoRoomError, PratiqueError
from pratique.recording import Effect
from pratique.sandbox import copying
from pratique.sandbox.accepted import Plan, becomes_directory, was_directory
from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.journal import Journal
from pratique.sandbox.spec import CommitResult
from pratique.sandbox.written import Layers, Written


def commit(
    wanted: Iterable[Effect], everything: Iterable[Effect], written: Written, contents: Mapping[str, bytes] = {}
) -> CommitResult:
    """Put `wanted` on the host; `everything` is all the session's effects, the refused ones too.

    A new directory that was not asked for is made when something in it was. `contents`: what the files at these paths
    are to hold in place of what the program left in them, where only a part of a file was admitted.

    Raises `ConflictError` (the host changed since the session began), `NoRoomError`, `PratiqueError`; in all cases
    the host is as it was.
    """
    everything = tuple(everything)
    with Beneath("/") as host:
        plan = Plan(host, everything, written)
        plan.choose(wanted)
        with Layers(written) as layers:
            plan.check(layers)
            plan.check_room(layers)
            _carry_out(plan, host, layers, written, contents)
    return CommitResult(
        applied=tuple(sorted(effect.id for effect in plan.chosen.values() if effect.id not in plan.implied)),
        skipped=tuple(plan.skipped),
    )


def _carry_out(plan: Plan, host: Beneath, layers: Layers, written: Written, contents: Mapping[str, bytes]) -> None:
    chosen = [plan.chosen[path] for path in sorted(plan.chosen, key=os.fsencode)]
    directories = [one for one in chosen if becomes_directory(one)]
    others = [one for one in chosen if one.after is not None and not becomes_directory(one)]
    act = _Acts(host, layers, Journal(written.place, host), written.id, contents)
    stages: list[tuple[Callable[[Effect], None], list[Effect]]] = [
        (act.make_directory, directories),
        (act.put, [one for one in others if not was_directory(one)]),
        (act.delete, [one for one in reversed(chosen) if one.after is None]),
        (act.replace_directory, [one for one in others if was_directory(one)]),
        (act.dress_directory, directories[::-1]),
    ]  # fmt: skip
    current = ""
    try:
        for stage, effects in stages:
            for effect in effects:
                current = effect.path
                stage(effect)
        act.journal.done()
    except BaseException as error:
        written.restored.update(act.journal.roll_back())
        if isinstance(error, OSError):
            raise _explained(error, current) from error
        raise


def _explained(error: OSError, path: str) -> PratiqueError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoomError(
            f"no room for {path}; everything was taken back, nothing was committed",
            hint="free some room and commit again",
        )
    return PratiqueError(
        f"cannot put {path} in place: {(error.strerror or str(error)).lower()}; everything was taken back",
        hint="commit without it, or mend what is in its way and commit again",
    )


class _Acts:
    """The single acts; each tells the journal first."""

    def __init__(
        self, host: Beneath, layers: Layers, journal: Journal, session: str, contents: Mapping[str, bytes]
    ) -> None:
        self._host = host
        self._layers = layers
        self.journal = journal
        self._temporary = f".pratique-{session}-"
        self._contents = contents
        self._put: set[str] = set()

    def make_directory(self, effect: Effect) -> None:
        above, name = split(effect.path)
        directory = self._host.directory(above)
        if was_directory(effect):
            self.journal.dress(effect.path)
            return
        if effect.before is not None:
            self.journal.save(effect.path)
            os.unlink(name, dir_fd=directory)
        elif self._host.find(effect.path) is not None:
            return  # implied, and made by somebody else meanwhile
        self.journal.make(effect.path)
        os.mkdir(name, 0o700, dir_fd=directory)

    def put(self, effect: Effect) -> None:
        temporary = f"{self._temporary}{effect.id}"
        if effect.before is None:
            self.journal.make(effect.path, temporary)
        else:
            self.journal.save(effect.path, temporary)
        self._place(effect, temporary)

    def replace_directory(self, effect: Effect) -> None:
        self._remove_directory(effect.path)
        temporary = f"{self._temporary}{effect.id}"
        self.journal.make(effect.path, temporary)
        self._place(effect, temporary)

    def _place(self, effect: Effect, temporary: str) -> None:
        assert effect.after is not None
        above, name = split(effect.path)
        directory = self._host.directory(above)
        twin = effect.details.get("link", "")
        content = self._contents.get(effect.path)
        if twin in self._put and content == self._contents.get(twin):
            twin_above, twin_name = split(twin)
            twin_directory = os.dup(self._host.directory(twin_above))
            try:
                directory = self._host.directory(above)
                os.link(twin_name, temporary, src_dir_fd=twin_directory, dst_dir_fd=directory, follow_symlinks=False)
            finally:
                os.close(twin_directory)
        elif effect.after.type == "file":
            source = self._layers.open_file(effect.path)
            try:
                copying.file(source, temporary, directory, effect.after, content)
            finally:
                os.close(source)
        else:
            copying.other(temporary, directory, effect.after)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        self._put.add(effect.path)

    def delete(self, effect: Effect) -> None:
        if was_directory(effect):
            self._remove_directory(effect.path)
            return
        above, name = split(effect.path)
        self.journal.save(effect.path)
        os.unlink(name, dir_fd=self._host.directory(above))

    def _remove_directory(self, path: str) -> None:
        above, name = split(path)
        self.journal.rmdir(path)
        self._host.forget(path)
        os.rmdir(name, dir_fd=self._host.directory(above))

    def dress_directory(self, effect: Effect) -> None:
        """Last, and deepest first: what is put in a directory changes its time, and its mode may lock us out."""
        assert effect.after is not None
        copying.dress(self._host.directory(effect.path), effect.after, self._layers.directory_attributes(effect.path))

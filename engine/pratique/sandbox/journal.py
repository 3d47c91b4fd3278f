"""What a commit is about to change, kept before it is changed: enough to put every path back as it was.

`PLACE/journal/log` holds one JSON line an act, written before the act; originals lie beside it under a number, as hard
links where the file system allows (which cost nothing) and as copies elsewhere. A line `done` ends a commit.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
from pathlib import Path
from typing import Literal

import msgspec

from pratique.errors import PratiqueError
from pratique.recording import FileState
from pratique.sandbox import copying
from pratique.sandbox.beneath import Beneath, open_regular, split
from pratique.sandbox.states import Identity, attributes, identity, state, type_of


class Act(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change to the host, about to be made.

    make: something comes to be at `path`. save: the file, link or pipe there, kept as `saved`, is replaced or removed.
    rmdir: the empty directory there goes away. dress: a directory's owner, mode or attributes change.
    """

    do: Literal["make", "save", "rmdir", "dress", "done"]
    path: str = ""  # bytes that are not UTF-8 as surrogates, escaped
    saved: str = ""
    temporary: str = ""  # a name beside `path` that a half-made copy may have
    state: FileState | None = None
    attributes: dict[str, str] = {}  # base64


class Journal:
    """The journal of one commit. Every method is called before the change it is named after. Raises `OSError`."""

    def __init__(self, place: Path, host: Beneath) -> None:
        self._directory = place / "journal"
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._host = host
        self._log = (self._directory / "log").open("ab", buffering=0)
        self._number = sum(1 for _ in self._directory.iterdir())
        self._acts: list[Act] = []

    def make(self, path: str, temporary: str = "") -> None:
        self._write(Act(do="make", path=path, temporary=temporary))

    def save(self, path: str, temporary: str = "") -> None:
        self._number += 1
        saved = str(self._number)
        above, name = split(path)
        directory = self._host.directory(above)
        own = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                os.link(name, saved, src_dir_fd=directory, dst_dir_fd=own, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                    raise
                _copy(name, directory, saved, own)
        finally:
            os.close(own)
        self._write(Act(do="save", path=path, saved=saved, temporary=temporary))

    def rmdir(self, path: str) -> None:
        self._write_directory("rmdir", path)

    def dress(self, path: str) -> None:
        self._write_directory("dress", path)

    def done(self) -> None:
        self._write(Act(do="done"))
        self._log.close()

    def roll_back(self) -> dict[str, Identity]:
        """Take back everything since the journal was opened, last act first; what was put back, by path.

        Raises `PratiqueError` naming what could not be.
        """
        failed = [f"{act.path}: {reason}" for act in reversed(self._acts) if (reason := self._undo(act))]
        saved = [act.path for act in self._acts if act.do == "save"]
        self._acts.clear()
        self._log.close()
        if failed:
            raise PratiqueError(
                "some of a failed commit could not be taken back:\n  " + "\n  ".join(failed[:10]),
                hint=f"the originals are in {self._directory}, what belongs where is in its log",
            )
        with contextlib.suppress(OSError):  # an earlier commit's originals stay
            (self._directory / "log").unlink() if self._only_log() else None
            self._directory.rmdir()
        return {path: identity(found) for path in saved if (found := self._host.find(path)) is not None}

    def _only_log(self) -> bool:
        return [path.name for path in self._directory.iterdir()] == ["log"]

    def _write_directory(self, do: Literal["rmdir", "dress"], path: str) -> None:
        above, name = split(path)
        directory = self._host.directory(above)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        kept = {
            key: base64.b64encode(value).decode() for key, value in attributes(name, directory, "directory").items()
        }
        self._write(Act(do=do, path=path, state=state(name, directory, found), attributes=kept))

    def _write(self, act: Act) -> None:
        escaped = msgspec.structs.replace(act, path=_escaped(act.path))
        self._log.write(msgspec.json.encode(escaped) + b"\n")
        self._acts.append(act)

    def _undo(self, act: Act) -> str:
        """Why it could not be taken back; "" when it was."""
        above, name = split(act.path)
        try:
            directory = self._host.directory(above)
            if act.temporary:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(act.temporary, dir_fd=directory)
            match act.do:
                case "make":
                    self._host.forget(act.path)
                    _remove(name, directory)
                case "save":
                    self._put_back(act.saved, name, directory)
                case "rmdir" | "dress":
                    if act.do == "rmdir":
                        with contextlib.suppress(FileExistsError):
                            os.mkdir(name, 0o700, dir_fd=directory)
                    assert act.state is not None
                    kept = {key: base64.b64decode(value) for key, value in act.attributes.items()}
                    copying.dress(self._host.directory(act.path), act.state, kept)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _put_back(self, saved: str, name: str, directory: int) -> None:
        own = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                # Renaming one name of a file over another of the same file does nothing, so the name goes first.
                original, there = os.stat(saved, dir_fd=own, follow_symlinks=False), _look(name, directory)
                if there is None or (there.st_dev, there.st_ino) != (original.st_dev, original.st_ino):
                    os.rename(saved, name, src_dir_fd=own, dst_dir_fd=directory)
                    return
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _remove(name, directory)
                _copy(saved, own, name, directory)
            os.unlink(saved, dir_fd=own)
        finally:
            os.close(own)


def _escaped(path: str) -> str:
    """JSON holds no lone surrogates: bytes that are not UTF-8 are written as backslash escapes."""
    return path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _look(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _remove(name: str, directory: int) -> None:
    found = _look(name, directory)
    if found is None:
        return
    if type_of(found) == "directory":
        os.rmdir(name, dir_fd=directory)
    else:
        os.unlink(name, dir_fd=directory)


def _copy(name: str, directory: int, target: str, target_directory: int) -> None:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    like = state(name, directory, found, hashed=False)
    if like.type != "file":
        copying.other(target, target_directory, like)
        return
    source = open_regular(name, directory)
    try:
        copying.file(source, target, target_directory, like)
    finally:
        os.close(source)

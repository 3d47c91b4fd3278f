"""Reads the upper layers after a session: every lasting change the program made, as effects.

What was only copied up (opened for writing, and left as it was) is no effect. Deletions are 0/0 character devices;
an opaque directory hides everything the host has below it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from pratique.errors import ConflictError
from pratique.recording import Effect, FileState
from pratique.sandbox.beneath import is_readable, open_directory
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.layers import OWN, Layer
from pratique.sandbox.states import attributes, in_words, state, type_of

#: Directories nested deeper than this are not looked into (each level keeps two descriptors open).
DEEPEST = 200

UNFIT_HIDDEN = "a hidden file: the program saw an empty stand-in, so its change means nothing to the real one"
UNFIT_SOCKET = "a socket is nothing without the process that listens on it"
UNFIT_DEEP = f"nested deeper than {DEEPEST} directories; what is beneath was not looked at"
UNFIT_FOREIGN = "the directory on the host is not this user's to write to"
UNFIT_UNSEEN = "the directory on the host is not this user's to look into; what is there is not known"
UNFIT_DEVICE = "a device file"

_Op = Literal["add", "modify", "delete"]
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_effects(
    layers: Iterable[Layer], upper: Path, hidden: Iterable[Hidden] = (), *, mapped: bool = False,
    tops: Mapping[str, tuple[int, int]] = {},
) -> tuple[Effect, ...]:  # fmt: skip
    """Every change in the upper layers, sorted by path and numbered from 1. Raises `OSError`, `ConflictError`.

    `tops` are the device and inode of the layers' topmost directories when the session began, as far as they are known.
    A deleted file has no hash in `before`. `details["link"]` names the path a file is another hard link of, which may
    be one of the host's that was not changed.
    """
    walk = _Walk(hidden, mapped)
    for layer in layers:
        walk.layer(upper / str(layer.number), layer.at, tops.get(layer.at))
    return _numbered(walk.found, walk.unchanged)


def tops(layers: Iterable[Layer]) -> dict[str, tuple[int, int]]:
    """The device and inode of the host's directory that each layer is upon; without those that cannot be seen."""
    found = {}
    for layer in layers:
        with contextlib.suppress(OSError):
            found[layer.at] = _place(os.lstat(layer.at))
    return found


def _is_ours(path: str) -> bool:
    try:
        return os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _place(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class _Found(msgspec.Struct, frozen=True):
    effect: Effect
    group: tuple[int, int] | None  # device and inode, of a file with more than one name


def _numbered(found: list[_Found], unchanged: dict[tuple[int, int], str]) -> tuple[Effect, ...]:
    found.sort(key=lambda one: os.fsencode(one.effect.path))
    first = dict(unchanged)
    out = []
    for number, one in enumerate(found, start=1):
        effect = one.effect
        details = effect.details
        if one.group is not None and first.setdefault(one.group, effect.path) != effect.path:
            details = {**details, "link": first[one.group]}
        out.append(msgspec.structs.replace(effect, id=number, details=details))
    return tuple(out)


class _Walk:
    def __init__(self, hidden: Iterable[Hidden], mapped: bool) -> None:
        self.found: list[_Found] = []
        self.unchanged: dict[tuple[int, int], str] = {}  # files of the host's that were given further names
        self._hidden_files = {one.path for one in hidden if not one.directory}
        self._hidden_directories = {one.path for one in hidden if one.directory}
        self._mapped = mapped
        self._opaque = "user.overlay.opaque" if mapped else "trusted.overlay.opaque"
        self._whiteout = "user.overlay.whiteout" if mapped else "trusted.overlay.whiteout"
        self._writable: dict[str, bool] = {}
        self._unseen: set[str] = set()  # directories whose content on the host is not known, and new ones in them
        self._unlisted: set[str] = set()  # directories on the host where this user can find a name, but not list them

    def layer(self, upper: Path, at: str, top: tuple[int, int] | None = None) -> None:
        """One upper layer: the changes below the host's `at`, whose device and inode were `top`."""
        if self._mapped and not any(upper.iterdir()) and not _is_ours(at):
            return  # the host's directory may be one this user cannot even open
        written = os.open(upper, _DIRECTORY)
        real, same = None, False
        with contextlib.suppress(FileNotFoundError):
            real = self._look_into(at, None, at.rstrip("/"))
            same = real is None or top is None or _place(os.fstat(real)) == top
        if not same:  # a file system that went away, what it was mounted upon is seen again
            os.close(written)
            _close(real)
            if not any(upper.iterdir()):
                return
            raise ConflictError(
                f"{at} went away while the session ran, and the program had written there; nothing was committed",
                hint="mount it again, and run the installer again",
            )
        try:
            if real is not None and (not self._mapped or _is_ours(at)):
                found, before = os.fstat(written), os.fstat(real)
                self._compare_directories(written, ".", found, real, before, at, hidden=False)
            self._directory(written, real, at.rstrip("/"), hidden=False, opaque=False)
        finally:
            os.close(written)
            _close(real)

    def _look_into(self, name: str, directory: int | None, path: str) -> int | None:
        """A directory of the host's, opened; None when this user may not reach what is in it."""
        inner = None
        try:
            inner = open_directory(name, directory)
            os.stat(".", dir_fd=inner)
        except PermissionError:
            _close(inner)
            self._unseen.add(path)
            return None
        if not is_readable(inner):
            self._unlisted.add(path)
        return inner

    def _directory(self, written: int, real: int | None, path: str, *, hidden: bool, opaque: bool) -> None:
        """Compare an upper directory with the host's (None: none). `opaque`: the host's shows through no more."""
        hidden = hidden or path in self._hidden_directories
        marked = _flag(written, self._opaque)
        opaque = opaque or marked == b"y"
        names = set()
        for name, found in _entries(written):
            names.add(name)
            inner = f"{path}/{name}"
            if not path and inner in OWN:
                continue
            before = _look(name, real)
            if (stat.S_ISCHR(found.st_mode) and found.st_rdev == 0) or (
                marked == b"x" and found.st_size == 0 and self._is_marked_whiteout(name, written, found)
            ):
                self._gone(name, real, inner, hidden)
            elif stat.S_ISDIR(found.st_mode):
                self._inner(written, real, name, inner, before, found, hidden=hidden, opaque=opaque)
            else:
                self._file(written, real, name, inner, before, found, hidden)
        if opaque and real is not None:
            for name in sorted(set(os.listdir(real)) - names):  # noqa: PTH208  # a descriptor, not a path
                self._gone(name, real, f"{path}/{name}", hidden)

    def _inner(
        self, written: int, real: int | None, name: str, path: str, before: os.stat_result | None,
        found: os.stat_result, *, hidden: bool, opaque: bool,
    ) -> None:  # fmt: skip
        hidden = hidden or path in self._hidden_directories
        unfit = UNFIT_DEEP if path.count("/") > DEEPEST else ""
        with _opened(name, written, found) as child:
            if real is not None and before is not None and stat.S_ISDIR(before.st_mode):
                lower = self._look_into(name, real, path)
                if path in self._unlisted and (opaque or _flag(child, self._opaque) == b"y"):
                    self._unseen.add(path)  # what there was is gone, and nobody can say what that is
                    opaque = False
                    _close(lower)
                    lower = None
                try:
                    self._compare_directories(written, name, found, real, before, path, hidden)
                    if not unfit:
                        self._directory(child, lower, path, hidden=hidden, opaque=opaque)
                finally:
                    _close(lower)
                return
            after = state(name, written, found)
            words = in_words({}, attributes(name, written, "directory"))
            if before is None or real is None:
                self._emit("add", path, None, after, words, unfit=unfit)
            else:
                unfit = unfit or (UNFIT_HIDDEN if self._is_hidden(path, hidden) else "")
                self._emit("modify", path, state(name, real, before), after, words, unfit=unfit)
            if not unfit:
                self._directory(child, None, path, hidden=hidden, opaque=False)

    def _compare_directories(
        self, written: int, name: str, found: os.stat_result, real: int, before: os.stat_result, path: str,
        hidden: bool,
    ) -> None:  # fmt: skip
        old, new = attributes(name, real, "directory"), attributes(name, written, "directory")
        unfit = UNFIT_HIDDEN if hidden else ""
        if path in self._unseen:
            unfit = unfit or UNFIT_UNSEEN
        if path in self._unseen or path in self._unlisted:  # nor may the attributes be read
            old = new
        was = state(name, real, before)
        now = self._owned_alike(was, state(name, written, found))
        if not _same(was, now) or old != new:
            self._emit("modify", path, was, now, in_words(old, new), unfit=unfit)

    def _file(
        self, written: int, real: int | None, name: str, path: str, was: os.stat_result | None,
        found: os.stat_result, hidden: bool,
    ) -> None:  # fmt: skip
        kind = type_of(found)
        group = (found.st_dev, found.st_ino) if found.st_nlink > 1 else None
        with _readable(name, written, found):
            after = state(name, written, found)
            new = attributes(name, written, kind)
        unfit = {"socket": UNFIT_SOCKET, "device": UNFIT_DEVICE}.get(kind, "")
        if was is None or real is None:
            self._emit("add", path, None, after, in_words({}, new), unfit=unfit, group=group)
            return
        if self._is_hidden(path, hidden):
            before = state(name, real, was, hashed=False)
            after = self._owned_alike(before, after)
            stand_in = msgspec.structs.replace(before, size=0, sha256=_EMPTY)
            if not _same(stand_in, after) or new:
                self._emit("modify", path, before, after, in_words({}, new), unfit=UNFIT_HIDDEN)
            return
        before = state(name, real, was)
        after = self._owned_alike(before, after)
        old = attributes(name, real, before.type)
        if before.type == "directory":
            self._gone_beneath(name, real, path, hidden)
            unfit = unfit or (UNFIT_UNSEEN if path in self._unseen else "")
        if not _same(before, after) or old != new:
            self._emit("modify", path, before, after, in_words(old, new), unfit=unfit, group=group)
        elif group is not None and before.mtime_ns == after.mtime_ns:
            self.unchanged.setdefault(group, path)  # it was only copied from the host, to be given another name

    def _gone(self, name: str, real: int | None, path: str, hidden: bool) -> None:
        """What the host has there, and everything beneath, is deleted. A whiteout over nothing deletes nothing."""
        was = _look(name, real)
        if was is None or real is None:
            return
        unfit = UNFIT_HIDDEN if self._is_hidden(path, hidden) else ""
        if stat.S_ISDIR(was.st_mode):
            self._gone_beneath(name, real, path, hidden)
        if path in self._unseen:
            unfit = unfit or UNFIT_UNSEEN
        self._emit("delete", path, state(name, real, was, hashed=False), None, {}, unfit=unfit)

    def _gone_beneath(self, name: str, real: int, path: str, hidden: bool) -> None:
        hidden = hidden or path in self._hidden_directories
        inner = self._look_into(name, real, path)
        if inner is None:
            return
        if path in self._unlisted:
            self._unseen.add(path)
            os.close(inner)
            return
        try:
            for entry in sorted(os.listdir(inner)):  # noqa: PTH208  # a descriptor, not a path
                self._gone(entry, inner, f"{path}/{entry}", hidden)
        finally:
            os.close(inner)

    def _emit(
        self, op: _Op, path: str, before: FileState | None, after: FileState | None, details: dict[str, str], *,
        unfit: str, group: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        if path.rpartition("/")[0] in self._unseen:
            unfit = unfit or UNFIT_UNSEEN
            if after is not None and after.type == "directory":
                self._unseen.add(path)
        if self._mapped and not unfit and not self._may_write(path.rpartition("/")[0] or "/"):
            unfit = UNFIT_FOREIGN
        effect = Effect(
            id=0, type="file", op=op, path=path, before=before, after=after, details=details, unfit=unfit
        )  # fmt: skip
        self.found.append(_Found(effect, group))

    def _owned_alike(self, before: FileState, after: FileState) -> FileState:
        """In a user name space nobody can give a file away; what looks so is an owner the name space does not know."""
        return msgspec.structs.replace(after, uid=before.uid, gid=before.gid) if self._mapped else after

    def _may_write(self, directory: str) -> bool:
        """On the host; what is no directory there yet, but a link, say, will be made one in a directory that is."""
        if directory not in self._writable:
            there = os.path.isdir(directory) and not os.path.islink(directory)  # noqa: PTH112, PTH114
            self._writable[directory] = (
                os.access(directory, os.W_OK) if there else self._may_write(directory.rpartition("/")[0] or "/")
            )
        return self._writable[directory]

    def _is_hidden(self, path: str, beneath_hidden: bool) -> bool:
        return beneath_hidden or path in self._hidden_files or path in self._hidden_directories

    def _is_marked_whiteout(self, name: str, directory: int, found: os.stat_result) -> bool:
        if not stat.S_ISREG(found.st_mode):
            return False
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            return _flag(descriptor, self._whiteout) is not None
        finally:
            os.close(descriptor)


_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


def _same(before: FileState, after: FileState) -> bool:
    """Alike in everything that lasts; times, inode and device numbers of the layer do not count."""
    return (before.type, before.mode, before.uid, before.gid, before.size, before.sha256, before.target) == (
        after.type, after.mode, after.uid, after.gid, after.size, after.sha256, after.target,
    ) and before.device == after.device  # fmt: skip


def _entries(directory: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        yield entry.name, entry.stat(follow_symlinks=False)


def _look(name: str, directory: int | None) -> os.stat_result | None:
    if directory is None:
        return None
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _flag(descriptor: int, name: str) -> bytes | None:
    try:
        return os.getxattr(descriptor, name)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def _readable(name: str, directory: int, found: os.stat_result) -> Iterator[None]:
    """An ordinary user's program may have locked its own files; they are ours as much as its."""
    locked = os.geteuid() != 0 and stat.S_IFMT(found.st_mode) in (stat.S_IFREG, stat.S_IFDIR)
    needed = 0o400 if stat.S_ISREG(found.st_mode) else 0o500
    if not locked or found.st_mode & needed == needed:
        yield
        return
    os.chmod(name, stat.S_IMODE(found.st_mode) | needed, dir_fd=directory)
    try:
        yield
    finally:
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=directory)


@contextlib.contextmanager
def _opened(name: str, directory: int, found: os.stat_result) -> Iterator[int]:
    with _readable(name, directory, found):
        descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

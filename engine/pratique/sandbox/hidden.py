"""Hidden files: where the program would find something private, it finds an empty stand-in, and the opening is seen.

Stand-ins live on a file system of their own, as a layer between what is written and the host: a stand-in can be
written, renamed and deleted like any file, and the real one is never touched.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from pratique.policy import paths
from pratique.sandbox import linux
from pratique.sandbox.layers import OWN, Layer, Mount, below, layer_of, mounts

#: Beyond this many in one session, a hidden directory's deeper entries are absent instead of empty.
MOST_STAND_INS = 4000
#: A glob's search through a tree ends after this many entries: a hidden home must not take minutes.
MOST_LOOKED_AT = 400_000
_DEEPEST = 64


class Hidden(msgspec.Struct, frozen=True):
    """One hidden path, its links resolved. Of a hidden directory everything beneath is hidden too."""

    path: str
    directory: bool


# -- which paths ------------------------------------------------------------------------------------------------------


def _walk(directory: str, depth: int, budget: list[int]) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return  # unreadable for us is unreadable for the program
    for entry in entries:
        budget[0] -= 1
        if budget[0] < 0:
            return
        yield entry
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, depth - 1, budget)


def _matching(glob: str) -> Iterator[str]:
    """Paths that match one expanded glob, below the real place of the directory it begins with."""
    if glob.endswith("/**") and (whole := paths.constant(glob.removesuffix("/**"))):
        yield from [os.path.realpath(whole)] * Path(whole).is_dir()  # everything beneath: the directory itself
        return
    if (single := paths.constant(glob)) is not None:
        yield from [os.path.realpath(single)] * os.path.lexists(single)
        return
    written = paths.constant_directory(glob) or "/"
    base = os.path.realpath(written)
    names = paths.names(glob)
    depth = _DEEPEST if None in names else len(names) - len(paths.names(written.rstrip("/")))
    matches = paths.compile(glob, home="")
    for entry in _walk(base, depth, [MOST_LOOKED_AT]):
        if matches(written.rstrip("/") + entry.path[len(base.rstrip("/")) :]):
            yield os.path.realpath(entry.path)


def find(globs: Iterable[str], home: str) -> tuple[Hidden, ...]:
    """What the globs name on this machine now: real paths, none of them beneath another.

    Raises `pratique.policy.paths.GlobError`.
    """
    found = {path for written in globs for glob in paths.expand(written, home) for path in _matching(glob)}
    found |= {name for path in found for name in _by_other_mounts(path, mounts())} if found else set()
    found |= _by_other_links(found, home)
    kept: list[Hidden] = []
    for path in sorted(found, key=lambda path: path.split("/")):
        if any(below(path, own) for own in OWN):
            continue  # of the session's own making anyway
        if kept and kept[-1].directory and below(path, kept[-1].path):
            continue
        try:
            mode = Path(path).lstat().st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            kept.append(Hidden(path, stat.S_ISDIR(mode)))
    return tuple(kept)


def _by_other_mounts(path: str, mounted: Iterable[Mount]) -> Iterator[str]:
    """The paths of the same file where its file system is mounted once more, as `mount --bind` does."""
    mounted = tuple(mounted)
    over = max((one for one in mounted if below(path, one.at)), key=lambda one: len(one.at), default=None)
    if over is None:
        return
    within = os.path.normpath(f"{over.top}/{path[len(over.at.rstrip('/')) :]}")
    for other in mounted:
        if other.at == over.at or other.device != over.device:
            continue
        if below(within, other.top):
            yield os.path.normpath(f"{other.at}/{within[len(other.top.rstrip('/')) :]}")
        elif below(other.top, within):
            yield other.at  # something beneath it


def _by_other_links(found: Iterable[str], home: str) -> set[str]:
    """Other names of hidden files, as `ln` gives them, as far as they are in the home."""
    several = set()
    for path in found:
        for one in (path, *(entry.path for entry in _walk(path, _DEEPEST, [MOST_STAND_INS]))):
            status = _status(one)
            if status is not None and stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                several.add((status.st_ino, status.st_dev))
    numbers = {number for number, _ in several}
    out = set()
    for entry in _walk(os.path.realpath(home), _DEEPEST, [MOST_LOOKED_AT]) if several else ():
        if entry.inode() in numbers and (status := _status(entry.path)) is not None:
            out |= {entry.path} if (status.st_ino, status.st_dev) in several else set()
    return out


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None  # gone since, or not ours to look at


def is_hidden(path: str, among: Iterable[Hidden]) -> bool:
    return any(path == one.path or (one.directory and below(path, one.path)) for one in among)


# -- the stand-ins, made in the child on a file system of its own -----------------------------------------------------


def stand_ins(hidden: Iterable[Hidden]) -> tuple[Hidden, ...]:
    """Every path that gets a stand-in: the hidden files, and what hidden directories hold, as far as there is room."""
    out: list[Hidden] = []
    for one in hidden:
        out.append(one)
        if one.directory:
            for entry in _walk(one.path, 16, [MOST_STAND_INS - len(out)]):
                if entry.is_dir(follow_symlinks=False):
                    out.append(Hidden(entry.path, True))
                elif entry.is_file(follow_symlinks=False):
                    out.append(Hidden(entry.path, False))
    return tuple(out)


def _dress(path: Path, like: str) -> None:
    """Owner and mode of the real one; an ordinary user's stand-ins are all the user's."""
    real = Path(like).lstat()
    try:
        os.chown(path, real.st_uid, real.st_gid)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise
    for name in ("system.posix_acl_access", "system.posix_acl_default"):
        try:
            os.setxattr(path, name, os.getxattr(like, name))
        except OSError:
            pass  # none there, or none possible here
    path.chmod(stat.S_IMODE(real.st_mode))
    os.utime(path, ns=(real.st_atime_ns, real.st_mtime_ns))


def build(root: Path, wanted: Iterable[Hidden], among: Iterable[Layer], *, mapped: bool) -> frozenset[int]:
    """Make the stand-ins below `root`, one tree a layer; the numbers of the layers that have any."""
    among = tuple(among)
    opaque = "user.overlay.opaque" if mapped else "trusted.overlay.opaque"
    used: set[int] = set()
    made: list[tuple[Path, str]] = []

    def directory(path: Path, like: str, *, whole: bool) -> None:
        if not path.is_dir():
            path.mkdir()
            made.append((path, like))
        if whole:
            try:
                os.setxattr(path, opaque, b"y")
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:  # Linux < 6.6 for a user: the entries' own stand-ins must do
                    raise

    for one in wanted:
        layer = layer_of(one.path, among)
        if layer is None or one.path == layer.at:
            continue
        used.add(layer.number)
        own = root / str(layer.number)
        names = one.path.removeprefix(layer.at.rstrip("/") + "/").split("/")
        directory(own, layer.at, whole=False)
        for depth in range(1, len(names)):
            inner = "/".join(names[:depth])
            directory(own / inner, f"{layer.at.rstrip('/')}/{inner}", whole=False)
        path = own / "/".join(names)
        if one.directory:
            directory(path, one.path, whole=True)
        else:
            path.touch()
            made.append((path, one.path))
    for path, like in reversed(made):  # innermost first: making an entry changes its directory's time
        _dress(path, like)
    return frozenset(used)


def cover(root: Path, stand_ins: Path, wanted: Iterable[Hidden]) -> None:
    """Put an empty, read-only stand-in over each path below `root`: for those that no single overlay can hide.

    Each has a file or directory of its own, so that an opening can be told from another's.
    """
    for number, one in enumerate(wanted):
        empty = stand_ins / f"empty-{number}"
        if one.directory:
            empty.mkdir()
        else:
            empty.touch()
        _dress(empty, one.path)
        linux.bind(str(empty), str(root / one.path[1:]), read_only=True)


# -- opens seen -------------------------------------------------------------------------------------------------------


def watch(wanted: Iterable[Hidden]) -> tuple[int, list[int]]:
    """An inotify descriptor, and the watch number of each path (-1: none to be had). For the child, in the new root."""
    descriptor = linux.inotify()
    numbers: list[int] = []
    for one in wanted:
        try:
            numbers.append(linux.inotify_watch(descriptor, one.path, linux.IN_OPEN | linux.IN_DONT_FOLLOW))
        except OSError:
            numbers.append(-1)
    return descriptor, numbers


def read_opens(descriptor: int, watched: dict[int, Hidden], seen: Callable[[str], None]) -> None:
    """Report every opened path waiting on the descriptor, and "" where the kernel had to drop some.

    A directory's entries report themselves.
    """
    while True:
        try:
            data = os.read(descriptor, 64 * 1024)
        except BlockingIOError:
            return
        if not data:
            return
        at = 0
        while at < len(data):
            number, mask, _, length = struct.unpack_from("iIII", data, at)
            at += 16 + length
            one = watched.get(number)
            if mask & linux.IN_Q_OVERFLOW:
                seen("")
            if one is not None and mask & linux.IN_OPEN and length == 0:
                seen(one.path)

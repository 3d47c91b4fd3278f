"""Random trees and random things done to them: what is committed is what the program left, and undo is as before."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from overlaid import Overlaid, picture

_NAMES = st.sampled_from([b"a", b"b", b"line\nfeed", b"caf\xe9"])
#: Paths at which something new can come to be; few, so that they meet.
_NEW = st.sampled_from([
    b"a", b"b", b"c", b"a/a", b"a/b", b"a/a/a", b"b/a", b"b/a/b", b"a-b", b"line\nfeed", b"caf\xe9/\xc3\xa9",
    b"e" * 255,
])  # fmt: skip
#: Something that is there: the n-th of all, around and around.
_THERE = st.integers(0, 40)
_TIMES = st.integers(0, 2**33 * 10**9)
_MODES = st.integers(0, 0o7777)
_IDS = st.sampled_from([0, 1, 1234, 65534])
_VALUES = st.binary(max_size=20)
_CONTENT = st.one_of(
    st.binary(max_size=40), st.text(max_size=30).map(str.encode),
    st.sampled_from([b"", b"one\ntwo\n", b"x" * 70_000, b"hole"]),
)  # fmt: skip


class Tree:
    """Things that can be done to a directory; what cannot be done there is not."""

    def __init__(self, top: Path) -> None:
        self._top = os.fsencode(top)

    def __call__(self, steps: list[tuple[Any, ...]]) -> None:
        for name, *arguments in steps:
            act: Callable[..., None] = getattr(self, name)
            try:
                act(*arguments)
            except (OSError, shutil.Error):
                continue

    def _at(self, path: bytes | int) -> bytes:
        """A new path, with the directories on its way; or one of those that are there."""
        if isinstance(path, bytes):
            at = self._top + b"/" + path
            os.makedirs(os.path.dirname(at), exist_ok=True)  # noqa: PTH103, PTH120
            return at
        there = sorted(top + b"/" + name for top, *names in os.walk(self._top) for name in [*names[0], *names[1]])
        return there[path % len(there)] if there else self._top

    def write(self, path: bytes | int, content: bytes, mode: str) -> None:
        at = self._at(path)
        if os.path.lexists(at) and not stat.S_ISREG(os.lstat(at).st_mode):
            return  # a pipe would make us wait for somebody to read from it
        with open(at, mode) as file:
            if content == b"hole":
                file.truncate(3_000_000)
                file.seek(1_000_000)
            file.write(content)

    def mkdir(self, path: bytes) -> None:
        os.mkdir(self._at(path))  # noqa: PTH102

    def remove(self, path: int) -> None:
        at = self._at(path)
        if at == self._top:
            return
        if stat.S_ISDIR(os.lstat(at).st_mode):
            shutil.rmtree(at)
        else:
            os.unlink(at)  # noqa: PTH108

    def rename(self, old: int, new: bytes) -> None:
        # As `mv` does it where the overlay says EXDEV for a directory of the host.
        at = self._at(old)
        if stat.S_ISDIR(os.lstat(at).st_mode):
            new_place = os.path.realpath(self._at(new))
            if not new_place.startswith(os.path.realpath(at) + b"/"):  # into itself, by way of a link
                shutil.move(os.fsdecode(at), os.fsdecode(self._at(new)))
        else:
            os.rename(at, self._at(new))  # noqa: PTH104

    def link(self, old: int, new: bytes) -> None:
        os.link(self._at(old), self._at(new), follow_symlinks=False)

    def symlink(self, target: bytes, path: bytes) -> None:
        os.symlink(target, self._at(path))  # noqa: PTH211

    def fifo(self, path: bytes) -> None:
        os.mkfifo(self._at(path))

    def chmod(self, path: int, mode: int) -> None:
        if os.geteuid() != 0:
            mode |= 0o700  # what its owner may not look into is tried one by one (test_kinds_of_file)
        if not stat.S_ISLNK(os.lstat(self._at(path)).st_mode):
            os.chmod(self._at(path), mode)  # noqa: PTH101

    def chown(self, path: int, uid: int, gid: int) -> None:
        os.chown(self._at(path), uid, gid, follow_symlinks=False)

    def attribute(self, path: int, name: bytes, value: bytes) -> None:
        os.setxattr(self._at(path), b"user." + name, value, follow_symlinks=False)

    def capability(self, path: int) -> None:
        if stat.S_ISREG(os.lstat(self._at(path)).st_mode):
            os.setxattr(
                self._at(path), "security.capability", bytes.fromhex("0100000200200000000000000000000000000000")
            )

    def no_attribute(self, path: int, name: bytes) -> None:
        os.removexattr(self._at(path), b"user." + name, follow_symlinks=False)

    def time(self, path: int, time: int) -> None:
        os.utime(self._at(path), ns=(time, time), follow_symlinks=False)


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), *arguments)


_STEPS = st.one_of(
    _step("write", st.one_of(_NEW, _THERE), _CONTENT, st.sampled_from(["ab", "wb"])), _step("mkdir", _NEW),
    _step("remove", _THERE), _step("rename", _THERE, _NEW), _step("link", _THERE, _NEW), _step("symlink", _NEW, _NEW),
    _step("fifo", _NEW), _step("chmod", _THERE, _MODES), _step("chown", _THERE, _IDS, _IDS),
    _step("attribute", _THERE, _NAMES, _VALUES), _step("no_attribute", _THERE, _NAMES), _step("time", _THERE, _TIMES),
    _step("capability", _THERE),
)  # fmt: skip
_LAYOUTS = st.lists(_STEPS, min_size=5, max_size=25)
_DOINGS = st.lists(_STEPS, min_size=1, max_size=20)


def _lasting(
    tree: dict[str, tuple[object, ...]], before: dict[str, tuple[object, ...]], of_old: set[str]
) -> dict[str, Any]:
    """What a commit is to bring: all of it, but times where nothing else changed, and of directories that were there.

    Which names are the same file: not of those in `of_old`, where a name of the host's is one of them.
    """
    out = {}
    for path, (mode, uid, gid, time, device, content, attributes, same) in tree.items():
        was = before.get(path)
        if was is not None and (was[0], was[1], was[2], *was[4:7]) == (mode, uid, gid, device, content, attributes):
            time = was[3]  # noqa: PLW2901
        if was is not None and stat.S_ISDIR(int(str(mode))) and stat.S_ISDIR(int(str(was[0]))):
            time = 0  # noqa: PLW2901
        out[path] = (mode, uid, gid, time, device, content, attributes, "" if path in of_old else same)
    return out


def _names_apart(tree: dict[str, tuple[object, ...]], apart: bool) -> dict[str, tuple[object, ...]]:
    """From another file system an original comes back as a file of its own."""
    return {path: values[:-1] for path, values in tree.items()} if apart else tree


def there_and_back(layout: list[tuple[Any, ...]], doings: list[tuple[Any, ...]], *, apart: bool) -> None:
    """`apart`: the session's files are on another file system than the host's, so that nothing can be linked."""
    elsewhere = Path(tempfile.mkdtemp(prefix="pratique-trip-", dir="/dev/shm"))
    place = Path(tempfile.mkdtemp(prefix="pratique-trip-", dir="/var/tmp")) if apart else elsewhere
    try:
        assert (place.stat().st_dev != elsewhere.stat().st_dev) == apart
        host = elsewhere / "host"
        host.mkdir()
        Tree(host)(layout)
        before = picture(host)
        overlaid = Overlaid(host, place / "session")

        def doing(merged: Path) -> dict[str, tuple[object, ...]]:
            Tree(merged)(doings)
            return picture(merged)

        wanted = overlaid.change(doing)
        effects = overlaid.effects()
        assert picture(host) == before
        result = overlaid.commit(effects)
        assert result.skipped == ()
        after = picture(host)
        old_files = {values[-1] for path, values in wanted.items() if path in before}
        of_old = {path for path, values in wanted.items() if values[-1] in old_files}
        assert _lasting(after, before, of_old) == _lasting(wanted, before, of_old)
        if effects:
            done = overlaid.undo()
            assert done.left == ()
        assert _names_apart(picture(host), apart) == _names_apart(before, apart)
    finally:
        closed = place / "session/work/0/work"  # the kernel's own: not even its owner may look into it
        if closed.exists():
            closed.chmod(0o700)
        for directory in {place, elsewhere}:
            shutil.rmtree(directory)


_SETTINGS: dict[str, Any] = {
    "deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large], "derandomize": True,
}  # fmt: skip


@given(_LAYOUTS, _DOINGS, st.booleans())
@example([("symlink", b"a", b"b")], [("remove", 0), ("write", b"b/a", b"", "wb")], False)
@example([], [("chmod", 0, 0o700)], False)
@settings(max_examples=150, **_SETTINGS)
def test_what_is_committed_is_what_the_program_left_and_undo_is_as_before(layout, doings, apart):
    there_and_back(layout, doings, apart=apart)


@pytest.mark.proof
@given(_LAYOUTS, _DOINGS, st.booleans())
@settings(max_examples=10_000, **{**_SETTINGS, "derandomize": False})
def test_the_same_for_long(layout, doings, apart):
    there_and_back(layout, doings, apart=apart)

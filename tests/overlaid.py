"""An overlay over one directory of the host, to change, read and commit without a whole quarantine around it."""

from __future__ import annotations

import ast
import os
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pratique.recording import Effect
from pratique.sandbox import linux
from pratique.sandbox.commit import commit
from pratique.sandbox.effects import read_effects
from pratique.sandbox.layers import Layer, Step, dress, overlay_options
from pratique.sandbox.spec import CommitResult
from pratique.sandbox.undo import Undone, undo
from pratique.sandbox.written import Written


class Overlaid:
    """`change` runs a function on the directory as a program in quarantine would see it.

    An ordinary user's function runs in a process of its own, in name spaces of its own: what it returns must be a
    literal.
    """

    def __init__(self, host: Path, place: Path) -> None:
        self.host = host
        self.place = place
        self.merged = place / "merged"
        self._layer = Layer(at=str(host), number=0)
        for directory in (place / "upper/0", place / "work/0", self.merged):
            directory.mkdir(parents=True, exist_ok=True)
        self._mapped = os.geteuid() != 0
        dress(place / "upper/0", str(host), mapped=self._mapped)
        self.started_ns = (place / "work").stat().st_ctime_ns

    def change(self, work: Callable[[Path], Any]) -> Any:
        """What `work` returned."""
        (self.place / "work").chmod(0o700)  # what the host has now was there before the session
        self.started_ns = (self.place / "work").stat().st_ctime_ns
        return self._change_as_user(work) if self._mapped else self._change(work)

    def _change_as_user(self, work: Callable[[Path], Any]) -> Any:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                uid, gid = os.geteuid(), os.getegid()
                linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
                Path("/proc/self/setgroups").write_text("deny")
                Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
                Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
                with open(writing, "w", encoding="utf-8", errors="surrogateescape") as out:
                    out.write(ascii(self._change(work)))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(writing)
        with open(reading, encoding="ascii") as said:
            text = said.read()
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return ast.literal_eval(text)

    def _change(self, work: Callable[[Path], Any]) -> Any:
        back = Path.cwd()
        os.chdir(self.place)  # the options name the layers from there
        try:
            options = overlay_options(
                Step(kind="overlay", at=str(self.host), number=0), stand_ins=False, mapped=self._mapped
            )
            linux.mount("overlay", str(self.merged), "overlay", 0, options)
        finally:
            os.chdir(back)
        try:
            return work(self.merged)
        finally:
            linux.unmount(str(self.merged))

    def effects(self) -> tuple[Effect, ...]:
        return read_effects((self._layer,), self.place / "upper", mapped=self._mapped)

    def commit(self, wanted: Iterable[Effect] | None = None) -> CommitResult:
        effects = self.effects()
        return commit(effects if wanted is None else wanted, effects, self.written())

    def written(self) -> Written:
        return Written(
            id=self.place.name, place=self.place, layers=(self._layer,), started_ns=self.started_ns, restored={}
        )

    def undo(self, **settings: bool) -> Undone:
        return undo(self.place, self.place.name, **settings)


def picture(directory: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree: names, content, owner, mode, attributes, times, which names are the same file."""
    out: dict[str, tuple[object, ...]] = {}
    files: dict[int, str] = {}
    for top, directories, names in os.walk(os.fsencode(directory)):
        directories.sort()
        for each in (top, *(top + b"/" + name for name in sorted((*names, *directories)))):
            found = os.lstat(each)
            name = os.fsdecode(os.path.relpath(each, os.fsencode(directory)))
            content: object = None
            attributes: tuple[object, ...] = ()
            kind = found.st_mode & 0o170000
            if kind == 0o120000:
                content = os.readlink(each)  # noqa: PTH115  # bytes
            elif kind in (0o100000, 0o040000):
                attributes = tuple((one, os.getxattr(each, one)) for one in sorted(os.listxattr(each)))
            if kind == 0o100000:
                content = Path(os.fsdecode(each)).read_bytes() if found.st_size < 1 << 20 else found.st_size
            same = files.setdefault(found.st_ino, name) if kind != 0o040000 else ""
            out[name] = (
                found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_rdev, content, attributes, same,
            )  # fmt: skip
    return out

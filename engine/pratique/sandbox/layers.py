"""Which file systems make up the quarantine's root: what is overlaid, what is only shown, what is covered.

Planning from the machine's mount table; `inside.root` carries the steps out in order. As root one overlay holds `/`,
and each real file system mounted below it gets its own. An ordinary user cannot overlay a directory with mounts below
it (the kernel calls them locked), so the root is a read-only skeleton with one overlay a top-level directory, and a
directory with mounts below it becomes a skeleton itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from pratique.sandbox.states import attributes

#: Made anew for each session, so whatever is mounted there on the host is not looked at.
OWN = ("/dev", "/proc", "/run", "/sys")
#: Not file systems that hold files: covered by an empty directory.
_PSEUDO = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs",
    "tracefs",
})  # fmt: skip
#: Directories everybody may write to but somebody else owns.
_SHARED = ("/var/tmp",)  # noqa: S108


class Mount(msgspec.Struct, frozen=True):
    """One line of `/proc/self/mountinfo`."""

    at: str
    kind: str
    read_only: bool
    device: str = ""  # of the file system: the same for all its mounts
    top: str = "/"  # the directory of the file system that is seen here


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to put in place, after those before it.

    overlay: writes go to layer `number`. show: a read-only view. cover: an empty read-only directory. directory, link:
    entries of a skeleton.
    """

    kind: Literal["overlay", "show", "cover", "directory", "link"]
    at: str
    number: int = -1
    target: str = ""  # links


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the writes below `at` are kept: `PLACE/upper/NUMBER`."""

    at: str
    number: int


def unescaped(field: str) -> str:
    """Mount tables write a blank as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def mounts(table: Path = Path("/proc/self/mountinfo")) -> tuple[Mount, ...]:
    """What is mounted, by path; where one mount hides another, the one that is seen."""
    seen: dict[str, Mount] = {}
    with table.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split()
            rest = fields[fields.index("-") + 1 :]
            at = unescaped(fields[4])
            options = (*fields[5].split(","), *rest[2].split(","))
            seen[at] = Mount(at, rest[0], "ro" in options, fields[2], unescaped(fields[3]))
    return tuple(seen[at] for at in sorted(seen))


def below(path: str, directory: str) -> bool:
    """Whether `path` is `directory` or beneath it."""
    return directory == "/" or path == directory or path.startswith(directory + "/")


def _looked_at(found: Iterable[Mount], hidden: Iterable[str]) -> list[Mount]:
    outside = (*OWN, *hidden)
    return [mount for mount in found if mount.at != "/" and not any(below(mount.at, away) for away in outside)]


def _for_mount(mount: Mount, number: int) -> Step:
    if mount.kind in _PSEUDO:
        return Step(kind="cover" if Path(mount.at).is_dir() else "show", at=mount.at)
    if not Path(mount.at).is_dir() and not Path(mount.at).is_file():
        return Step(kind="cover", at=mount.at)  # a socket or a device that was put there, as containers do
    if mount.read_only or not Path(mount.at).is_dir():
        return Step(kind="show", at=mount.at)
    return Step(kind="overlay", at=mount.at, number=number)


def plan_as_root(found: Iterable[Mount], hidden: Iterable[str] = ()) -> tuple[Step, ...]:
    """One overlay of `/`, and a step for each mount below it; `hidden` paths are covered last."""
    hidden = tuple(hidden)
    steps = [Step(kind="overlay", at="/", number=0)]
    for mount in _looked_at(found, hidden):
        steps.append(_for_mount(mount, len(steps)))
    return (*steps, *(Step(kind="cover", at=path) for path in hidden))


def _beneath_foreign(top: str, place: str) -> Iterator[str]:
    """Each directory from `top` down to `place` that the user may write to, but that no overlay above it can hold.

    A write copies up all directories on its way, and in a user name space those of other owners cannot be.
    """
    path, foreign = top.rstrip("/"), False
    for name in place[len(path) + 1 :].split("/"):
        path = f"{path}/{name}"
        found = os.lstat(path)
        foreign = foreign or (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid())
        if foreign and os.access(path, os.W_OK):
            yield path
            foreign = False


def plan_as_user(found: Iterable[Mount], hidden: Iterable[str] = (), own: Iterable[str] = ()) -> tuple[Step, ...]:
    """A skeleton of `/` whose directories are overlays as far up as the kernel lets them be.

    `own` are directories where the program must be able to write, such as the user's home, wherever they lie.
    """
    hidden = tuple(hidden)
    writable = [os.path.realpath(place) for place in (*_SHARED, *own) if os.path.isdir(place)]  # noqa: PTH112
    known = {mount.at: mount for mount in found}
    points = [mount.at for mount in _looked_at(known.values(), hidden)]
    steps: list[Step] = []

    def add(kind: Literal["overlay", "show", "directory", "link"], at: str, target: str = "") -> None:
        steps.append(Step(kind=kind, at=at, number=len(steps) if kind == "overlay" else -1, target=target))

    def visit(path: str) -> None:
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return  # a stale mount, or gone since
        if path in known and path != "/":
            step = _for_mount(known[path], len(steps))
            if not any(point != path and below(point, path) for point in points):
                steps.append(step)
                return
        if stat.S_ISLNK(mode):
            add("link", path, str(Path(path).readlink()))
        elif stat.S_ISREG(mode):
            add("show", path)
        elif not stat.S_ISDIR(mode):
            return  # a pipe, socket or device: in a view of it, the host's own could be written to
        elif path in OWN:
            add("directory", path)
        elif path == "/" or any(below(point, path) for point in points):
            add("directory", path)
            try:
                names = sorted(entry.name for entry in os.scandir(path))
            except OSError:
                names = []
            for name in names:
                visit(f"{path.rstrip('/')}/{name}")
        else:
            add("overlay", path)
            beneath = [place for place in writable if below(place, path) and place != path]
            for directory in sorted({apart for place in beneath for apart in _beneath_foreign(path, place)}):
                add("overlay", directory)

    visit("/")
    return (*steps, *(Step(kind="cover", at=path) for path in hidden))


def shut(steps: Iterable[Step]) -> Iterator[tuple[str, str]]:
    """Directories this user could write to and the program cannot, each with what is mounted below it."""
    steps = tuple(steps)
    overlaid = [step.at for step in steps if step.kind in ("overlay", "show", "cover")]
    for step in steps:
        if step.kind == "directory" and step.at not in OWN and os.access(step.at, os.W_OK):
            mounted = next((at for at in overlaid if at != step.at and below(at, step.at) and os.path.ismount(at)), "")
            if mounted:
                yield step.at, mounted


def layers(steps: Iterable[Step]) -> tuple[Layer, ...]:
    return tuple(Layer(at=step.at, number=step.number) for step in steps if step.kind == "overlay")


def layer_of(path: str, among: Iterable[Layer]) -> Layer | None:
    """The layer that holds the writes to `path`: that of the longest mount point."""
    holding = [layer for layer in among if below(path, layer.at)]
    return max(holding, key=lambda layer: len(layer.at), default=None)


def in_one_layer(path: str, steps: Iterable[Step]) -> bool:
    """Whether the path, and all that may be beneath it, lies in a single overlay and is not its topmost directory."""
    steps = tuple(step for step in steps if step.kind != "cover")
    over = max((step for step in steps if below(path, step.at)), key=lambda step: len(step.at), default=None)
    return (
        over is not None
        and over.kind == "overlay"
        and over.at != path
        and not any(step.at != path and below(step.at, path) for step in steps)
    )


def dress(upper: Path, at: str, *, mapped: bool) -> None:
    """The topmost directory of an overlay looks like its upper layer, which is made to look like the host's `at`.

    Raises `OSError`.
    """
    real = os.lstat(at)
    mode = stat.S_IMODE(real.st_mode)
    if not mapped:
        os.chown(upper, real.st_uid, real.st_gid)
    elif not os.access(at, os.W_OK):
        mode &= ~0o222  # it will be the user's, who must not be able to write there all the same
    for name, value in attributes(at, None, "directory").items():
        with contextlib.suppress(OSError):  # not for this user to set, or not for this file system to hold
            os.setxattr(upper, name, value)
    upper.chmod(mode)  # last: of an access list it bounds what groups may
    os.utime(upper, ns=(real.st_atime_ns, real.st_mtime_ns))


def _escaped(path: str) -> str:
    return re.sub(r"([\\:,])", r"\\\1", path)


def view_options(step: Step, nothing: str, mapped: bool) -> str:
    """Options for a view without a layer to write to; there must be two directories below it: `nothing` is empty."""
    return f"lowerdir={nothing}:{_escaped(step.at)},xino=off{',userxattr' if mapped else ''}"


def overlay_options(layer: Step, *, stand_ins: bool, mapped: bool) -> str:
    """Options for `mount(2)`, with paths as seen from the session's place."""
    lower = _escaped(layer.at)
    front = f"stand-ins/{layer.number}:" if stand_ins else ""
    # With userxattr, redirects and metacopy are off anyway, and saying so is refused.
    plain = "index=off,xino=off," + ("userxattr" if mapped else "metacopy=off,redirect_dir=off")
    return f"lowerdir={front}{lower},upperdir=upper/{layer.number},workdir=work/{layer.number},{plain}"

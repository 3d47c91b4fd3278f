"""Bounds on a whole session's memory, processes and processor time: one control group a session, of either version.

The group is made beneath the one we are in ourselves (or, where version 2 asks for it, beside it), so that whatever
bounds us bounds the session too. Files and their meaning: cgroups(7) and the kernel's admin-guide/cgroup-v1, -v2.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from pratique.sandbox.furnish import can_bound_processes
from pratique.sandbox.layers import unescaped

#: Beside the session's other files: which groups there are, for whoever clears up after a crash.
RECORD: Final = "groups.json"
_PREFIX: Final = "pratique-"
_PERIOD: Final = 100_000  # µs in which a share of processor time is used up
_NEEDED: Final = ("memory", "pids")
_WANTED: Final = (*_NEEDED, "cpu")
_REMOVAL: Final = 2.0  # s the kernel may take to see that the last process has gone


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one session may use at a time."""

    memory: int  # bytes, swap included
    processes: int  # and threads
    cpu: int | None = None  # percent of all processors; None: a share that leaves the rest of the machine usable


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """A directory in which a group can be made, and what a group there can bound."""

    version: int
    directory: Path
    controllers: tuple[str, ...]

    @property
    def topmost(self) -> bool:
        """Whether groups here compete with single processes, not with other groups."""
        return _is_topmost(self.directory)


# -- where groups can be made -----------------------------------------------------------------------------------------


def parents(own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/proc/self/mountinfo")) -> tuple[Parent, ...]:
    """Where this process may make groups; empty where the machine or its administrator keeps them to others."""
    member = {}
    for line in own.read_text("utf-8", "surrogateescape").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(",") if names else ["unified"]:
            member[name] = path
    found: list[Parent] = []
    for line in mounted.read_text("utf-8", "surrogateescape").splitlines():
        fields = line.split()
        kind, _, options = fields[fields.index("-") + 1 :][:3]
        top, at = unescaped(fields[3]), Path(unescaped(fields[4]))
        if kind == "cgroup2" and "unified" in member:
            parent = _handing_on(_beneath(at, top, member["unified"]), at)
            found += [parent] if parent else []
        elif kind == "cgroup":
            bounding = tuple(name for name in _WANTED if name in options.split(","))
            if bounding:
                directory = _beneath(at, top, member.get(bounding[0], "/"))
                if os.access(directory, os.W_OK):
                    found.append(Parent(version=1, directory=directory, controllers=bounding))
    return tuple({parent.directory: parent for parent in found}.values())


def _beneath(at: Path, top: str, path: str) -> Path:
    """Our group's directory below the mount point; in a container only the part from the mount's own top is there."""
    if top != "/" and (path == top or path.startswith(f"{top}/")):
        path = path[len(top) :]
    directory = at / path.lstrip("/")
    return directory if directory.is_dir() else at


def _handing_on(own: Path, at: Path, needed: Iterable[str] = _NEEDED) -> Parent | None:
    """The nearest group, from our own upwards, whose children can be bounded and that is ours to make children in.

    Version 2 knows no limits for the children of a group that has processes of its own, which ours has: so it is one
    above. A service manager has prepared that; where none has, the topmost group of a machine can be prepared by us.
    """
    for directory in (own, *own.parents):
        if os.access(directory, os.W_OK) and os.access(directory / "cgroup.procs", os.W_OK):
            given = _words(directory / "cgroup.subtree_control")
            if not given.issuperset(needed) and _is_topmost(directory):
                for name in _words(directory / "cgroup.controllers").intersection({*needed, *_WANTED}) - given:
                    with contextlib.suppress(OSError):  # one by one: `cpu` is refused where a group has real-time tasks
                        (directory / "cgroup.subtree_control").write_text(f"+{name}")
                given = _words(directory / "cgroup.subtree_control")
            if given.issuperset(needed):
                return Parent(version=2, directory=directory, controllers=tuple(sorted(given)))
        if directory == at:
            return None
    return None


def _is_topmost(directory: Path) -> bool:
    """In version 2 every group has a type but the machine's own; in version 1 that alone can name a release agent."""
    if (directory / "cgroup.controllers").exists():
        return not (directory / "cgroup.type").exists()
    return (directory / "release_agent").exists()


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


# -- one session's group ----------------------------------------------------------------------------------------------


class Group:
    """The directories of one session's group: one in version 2, one a controller in version 1."""

    def __init__(self, directories: tuple[Path, ...], bounded: frozenset[str], bounds: Bounds) -> None:
        self.directories = directories
        self.bounded = bounded  # controllers in force
        self.bounds = bounds
        self._killed = self._refused = 0  # processes, attempts

    def look(self) -> None:
        """What happened so far: to be told also when the group is gone, as after a session that was ended from outside.

        Whoever holds the session removes the group then, in case that we were killed.
        """
        killed = max((_event(one / name, "oom_kill") for one in self.directories for name in _OOM), default=0)
        refused = max((_event(one / "pids.events", "max") for one in self.directories), default=0)
        self._killed, self._refused = max(killed, self._killed), max(refused, self._refused)

    def told(self) -> tuple[str, ...]:
        """In words: the bounds the session ran into."""
        self.look()
        killed, refused = self._killed, self._refused
        out = []
        if killed:
            ended = f"{killed} process was" if killed == 1 else f"{killed} processes were"
            out.append(f"more memory was wanted than the {self.bounds.memory:,} bytes allowed: {ended} ended for it")
        if refused:
            out.append(
                f"more than {self.bounds.processes:,} processes at a time were wanted: starting more was refused"
            )
        return tuple(out)

    def unbounded(self) -> tuple[str, ...]:
        """In words: what is not bounded here."""
        words = {"memory": "memory (but for each process by itself)", "cpu": "processor time"}
        missing = [words[name] for name in words if name not in self.bounded]
        if "pids" not in self.bounded and os.geteuid() == 0 and not can_bound_processes():
            missing.append("the number of processes")
        return (f"not bounded here, for want of a control group: {', '.join(missing)}",) if missing else ()


_OOM: Final = ("memory.events", "memory.oom_control")


def _event(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)


@contextlib.contextmanager
def made(place: Path, bounds: Bounds) -> Iterator[Group]:
    """A group with these bounds while the block runs, as far as this machine and user have any. Raises `OSError`."""
    name = f"{_PREFIX}{place.name}-{secrets.token_hex(4)}"
    planned = [(parent, parent.directory / name) for parent in parents()]
    # Written down before any is made: a crash in between leaves nothing that nobody knows of.
    (place / RECORD).write_text(json.dumps([str(directory) for _, directory in planned]), "ascii")
    made_here: list[Path] = []
    bounded: set[str] = set()
    try:
        for parent, directory in planned:
            try:
                directory.mkdir()
            except OSError:
                continue  # a limit on groups, or a rule of a security module: said with `unbounded`
            made_here.append(directory)
            bounded |= {name for name in parent.controllers if _set(directory, name, parent, bounds)}
        yield Group(tuple(made_here), frozenset(bounded), bounds)
    finally:
        remove(place)


def _set(directory: Path, controller: str, parent: Parent, bounds: Bounds) -> bool:
    """Whether the controller's bound is in force."""
    try:
        for name, value, optional in _SETTINGS[parent.version, controller](bounds, parent.topmost):
            try:
                (directory / name).write_text(value)
            except OSError:
                if not optional:
                    raise
    except (KeyError, OSError):
        return False
    return True


_Lines = tuple[tuple[str, str, bool], ...]  # file, value, whether it may be missing


def _memory_1(bounds: Bounds, _: bool) -> _Lines:
    # In this order: the bound with swap may never be below the one without.
    size = str(bounds.memory)
    return (("memory.limit_in_bytes", size, False), ("memory.memsw.limit_in_bytes", size, True))


def _memory_2(bounds: Bounds, _: bool) -> _Lines:
    return (("memory.max", str(bounds.memory), False), ("memory.swap.max", "0", True))


def _processes(bounds: Bounds, _: bool) -> _Lines:
    return (("pids.max", str(bounds.processes + 1), False),)  # and process 1 of the session, which is ours


def _quota(bounds: Bounds) -> int | None:
    return None if bounds.cpu is None else max(1000, _PERIOD * _processors() * bounds.cpu // 100)


def _share(topmost: bool) -> int:
    """As much as so many ordinary competitors: groups elsewhere, single processes in the topmost group."""
    return 4 * _processors() if topmost else 1


def _processors() -> int:
    return os.cpu_count() or 1


def _cpu_1(bounds: Bounds, topmost: bool) -> _Lines:
    if (quota := _quota(bounds)) is None:
        return (("cpu.shares", str(min(262_144, 1024 * _share(topmost))), False),)
    return (("cpu.cfs_period_us", str(_PERIOD), False), ("cpu.cfs_quota_us", str(quota), False))


def _cpu_2(bounds: Bounds, topmost: bool) -> _Lines:
    if (quota := _quota(bounds)) is None:
        return (("cpu.weight", str(min(10_000, 100 * _share(topmost))), False),)
    return (("cpu.max", f"{quota} {_PERIOD}", False),)


_SETTINGS: Final = {
    (1, "memory"): _memory_1, (2, "memory"): _memory_2, (1, "pids"): _processes, (2, "pids"): _processes,
    (1, "cpu"): _cpu_1, (2, "cpu"): _cpu_2,
}  # fmt: skip


def join(directories: Iterable[str]) -> None:
    """The calling process, and all it will start, belong to these groups. Raises `OSError`."""
    for directory in directories:
        Path(directory, "cgroup.procs").write_text("0")  # 0: whoever writes


def at_hand(directories: Iterable[str]) -> tuple[tuple[int, str], ...]:
    """Descriptors by which the groups can be removed later, from another root: see `remove_at_hand`."""
    paths = [Path(directory) for directory in directories]
    return tuple((os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), path.name) for path in paths)


def remove_at_hand(groups: Iterable[tuple[int, str]]) -> None:
    for parent, name in groups:
        _remove(name, parent)


def remove(place: Path) -> None:
    """Remove the groups of a session in which nothing runs any more, made by this process or by one that was killed."""
    record = place / RECORD
    try:
        written = json.loads(record.read_text("ascii"))
    except (OSError, ValueError):
        return  # there were none, or the crash was before the first
    for directory in map(Path, written):
        if directory.name.startswith(_PREFIX):
            _remove(str(directory))
    record.unlink(missing_ok=True)


def _remove(directory: str, parent: int | None = None) -> None:
    deadline = time.monotonic() + _REMOVAL
    while True:
        try:
            os.rmdir(directory, dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                return  # left empty and harmless, and no reason to fail a session that is over
            time.sleep(0.01)
        else:
            return

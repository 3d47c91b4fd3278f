"""What a disk may hold after a power failure: a model, stricter than any one file system.

It follows the calls of a real process, as strace wrote them, and splits what they change into the least parts that
reach the disk as a whole: names in one directory, content of one file, one property of an inode. Nothing is on the disk
until somebody waited for it, in whatever order it was done:

    fsync of a file       its content and properties, and no name of it
    fsync of a directory  the names in it and its own properties; those, too, of links and pipes in it
    syncfs                everything

What was not waited for may be there or not, each part by itself.
"""

from __future__ import annotations

import os
import random
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from told import Call, bytes_of, path_of, text_of

_NOW = 2_000_000_000_000_000_000  # ns: later than any time in the tests; what the kernel sets is told by it


@dataclass(frozen=True)
class Inode:
    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = _NOW
    content: bytes = b""
    target: str = ""
    attributes: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)

    @property
    def can_be_waited_for(self) -> bool:
        return stat.S_ISREG(self.mode) or stat.S_ISDIR(self.mode)


Inodes = dict[int, Inode]


@dataclass(frozen=True)
class Part:
    """The least that reaches the disk as a whole: of the inode `on`, either `names` (None: gone), or `content` from
    `at` on, or `size`, or `properties`. `path` is where it was done."""

    on: int
    path: str
    names: dict[str, int | None] | None = None
    content: bytes | None = None
    at: int = 0
    size: int | None = None
    properties: dict[str, object] = field(default_factory=dict)

    def done_to(self, inode: Inode) -> Inode:
        if self.names is not None:
            names = {name: number for name, number in {**inode.names, **self.names}.items() if number is not None}
            return replace(inode, names=names, mtime_ns=_NOW)
        if self.content is not None:
            before, after = inode.content[: self.at], inode.content[self.at + len(self.content) :]
            return replace(inode, content=before.ljust(self.at, b"\0") + self.content + after, mtime_ns=_NOW)
        if self.size is not None:
            return replace(inode, content=inode.content[: self.size].ljust(self.size, b"\0"), mtime_ns=_NOW)
        return replace(inode, **self.properties)  # type: ignore[arg-type]


class Disk:
    """One file system at `at`. `now` is what programs see, `kept` what surely is on the disk, `pending` the difference.

    Everything is on the disk at first, except what an installer has just written below `fresh`, and that directory.
    """

    def __init__(self, at: Path, fresh: Path | None = None) -> None:
        self.at = at
        self.now: Inodes = {}
        self.kept: Inodes = {}
        self.pending: list[Part] = []
        self.numbers: dict[int, int] = {}  # of our own, by the number the kernel gave
        self._gone: dict[str, int] = {}  # directories that had that path and may still be open
        self.root = self._scan(at)
        self.first = len(self.now)  # the highest number there is: what is made later has a higher one
        self.kept = dict(self.now)
        if fresh is not None:
            self._forget_name(fresh)
            for path in sorted(fresh.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    self._forget_content(path)

    def _scan(self, path: Path) -> int:
        found = path.lstat()
        if found.st_ino in self.numbers:
            return self.numbers[found.st_ino]
        number = self.numbers[found.st_ino] = len(self.now) + 1
        plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
        names = os.listxattr(path) if plain else []
        inode = Inode(
            found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns,
            content=path.read_bytes() if stat.S_ISREG(found.st_mode) else b"",
            target=str(path.readlink()) if stat.S_ISLNK(found.st_mode) else "",
            attributes={name: os.getxattr(path, name) for name in names},
        )  # fmt: skip
        self.now[number] = inode  # its number is taken before those of what is in it
        if stat.S_ISDIR(found.st_mode):
            self.now[number] = replace(inode, names={one.name: self._scan(one) for one in sorted(path.iterdir())})
        return number

    def _forget_name(self, path: Path) -> None:
        above, number = self.number(str(path.parent)), self.number(str(path))
        assert above is not None
        names = {name: one for name, one in self.kept[above].names.items() if one != number}
        self.kept[above] = replace(self.kept[above], names=names)
        self.pending.append(Part(above, str(path), names={path.name: number}))

    def _forget_content(self, path: Path) -> None:
        number = self.number(str(path))
        assert number is not None
        whole, self.kept[number] = self.now[number], Inode(stat.S_IFREG | 0o600)
        self.pending.append(Part(number, str(path), content=whole.content))
        properties = ("mode", "uid", "gid", "mtime_ns", "attributes")
        self.pending.append(Part(number, str(path), properties={name: getattr(whole, name) for name in properties}))

    # Looking

    def number(self, path: str, inodes: Inodes | None = None) -> int | None:
        """Of the inode at an absolute path; None: there is nothing, or it is not on this disk."""
        inodes = self.now if inodes is None else inodes
        if path != str(self.at) and not path.startswith(f"{self.at}/"):
            return None
        found: int | None = self.root
        for name in path[len(str(self.at)) :].split("/"):
            if name and found is not None:
                found = inodes[found].names.get(name)
        return found

    def content(self, path: str, inodes: Inodes | None = None) -> bytes:
        """Of the file that surely has that name on the disk, or in another state of it; b"" when there is none."""
        inodes = self.kept if inodes is None else inodes
        found = self.number(path, inodes)
        return b"" if found is None else inodes[found].content

    def beneath(self, path: str) -> set[int]:
        """The inodes a program finds there."""
        top = self.number(path)
        waiting, out = [] if top is None else [top], set()
        while waiting:
            out.add(one := waiting.pop())
            waiting.extend(self.now[one].names.values())
        return out

    # Following a call

    def follow(self, call: Call) -> tuple[Part, ...]:
        """The parts of what it changes; they are pending after it."""
        parts = tuple(self._parts(call))
        for part in parts:
            for name, number in (part.names or {}).items():
                old = self.now[part.on].names.get(name)
                if number is None and old is not None and stat.S_ISDIR(self.now[old].mode):
                    self._gone[f"{part.path.rpartition('/')[0]}/{name}"] = old
            self.now[part.on] = part.done_to(self.now[part.on])
        self.pending.extend(parts)
        return parts

    def _parts(self, call: Call) -> Iterator[Part]:
        a = call.arguments
        match call.name:
            case "openat" if re.search("O_CREAT|O_TRUNC", a[2]):
                path = path_of(a[0], a[1])
                if (found := self.number(path)) is None:
                    yield from self._make(path, stat.S_IFREG | int(a[3], 8))
                elif "O_TRUNC" in a[2]:
                    yield Part(found, path, size=0)
            case "mkdir" | "mkdirat":
                yield from self._make(path_of(*a[:-1]), stat.S_IFDIR | int(a[-1], 8))
            case "symlink" | "symlinkat":
                yield from self._make(path_of(*a[1:]), stat.S_IFLNK | 0o777, text_of(a[0]))
            case "mknod" | "mknodat":
                kind, _, mode = a[-1 if "|" in a[-1] else -2].strip().partition("|")
                path = path_of(*a[: 2 if call.name == "mknodat" else 1])
                yield from self._make(path, getattr(stat, kind) | int(mode, 8))
            case "link" | "linkat":
                each = 1 if call.name == "link" else 2
                old, new = path_of(*a[:each]), path_of(*a[each : 2 * each])
                yield from self._name(new, self.number(old))
            case "rename" | "renameat" | "renameat2":
                each = 1 if call.name == "rename" else 2
                old, new = path_of(*a[:each]), path_of(*a[each : 2 * each])
                yield from self._name(new, self.number(old), instead_of=old)
            case "unlink" | "unlinkat" | "rmdir":
                yield from self._name(path_of(*a[: 2 if call.name == "unlinkat" else 1]), None)
            case "write" | "pwrite64":
                if (found := self.number(path_of(a[0]))) is not None:
                    at = len(self.now[found].content) if call.name == "write" else int(a[3])
                    yield Part(found, path_of(a[0]), content=bytes_of(a[1])[: call.result], at=at)
            case "copy_file_range":
                source, found = self.number(path_of(a[0])), self.number(path_of(a[2]))
                if source is not None and found is not None:
                    start, at = (int(a[n].strip(" []")) for n in (1, 3))
                    copied = self.now[source].content[start : start + call.result]
                    yield Part(found, path_of(a[2]), content=copied, at=at)
            case "ftruncate":
                yield from self._change(path_of(a[0]), size=int(a[1]))
            case "chmod" | "fchmod" | "fchmodat":
                path = path_of(*a[: 2 if call.name == "fchmodat" else 1])
                if (found := self.number(path)) is not None:
                    mode = stat.S_IFMT(self.now[found].mode) | int(a[2 if call.name == "fchmodat" else 1], 8)
                    yield Part(found, path, properties={"mode": mode})
            case "fchown" | "fchownat":
                path, (uid, gid) = path_of(*a[: -2 if call.name == "fchown" else 2]), a[1:3] if len(a) == 3 else a[2:4]
                yield from self._change(path, properties={"uid": int(uid), "gid": int(gid)})
            case "setxattr" | "fsetxattr" | "fremovexattr":
                path = path_of(a[0])
                if (found := self.number(path)) is not None:
                    attributes = {**self.now[found].attributes}
                    attributes.pop(text_of(a[1]), None)
                    if call.name != "fremovexattr":
                        attributes[text_of(a[1])] = bytes_of(a[2])
                    yield Part(found, path, properties={"attributes": attributes})
            case "utimensat":
                path = path_of(a[0]) if a[1].strip() == "NULL" else path_of(*a[:2])
                times = re.findall(r"tv_sec=(-?\d+), tv_nsec=(\d+)", a[2])
                mtime_ns = int(times[1][0]) * 10**9 + int(times[1][1]) if times else _NOW
                yield from self._change(path, properties={"mtime_ns": mtime_ns})
            case "fsync":
                found = self._gone.get(path_of(a[0])) if a[0].endswith("(deleted)") else self.number(path_of(a[0]))
                if found is not None:
                    self._wait({found})
            case "syncfs":
                assert self.number(path_of(a[0])) is not None, a[0]
                self._wait(set(self.now))
            case "fstat" | "newfstatat":
                path = path_of(a[0]) if call.name == "fstat" else path_of(*a[:2])
                if (found := self.number(path)) is not None and not a[0].endswith("(deleted)"):
                    self.numbers[int(re.findall(r"st_ino=(\d+)", ",".join(a))[0])] = found

    def _make(self, path: str, mode: int, target: str = "") -> Iterator[Part]:
        if self.number(path.rpartition("/")[0]) is None:
            return
        number = len(self.now) + 1
        umask = 0 if target else 0o022
        # An inode is there with its first name: nothing else of it need be on the disk by then.
        self.now[number] = self.kept[number] = Inode(mode & ~umask, target=target)
        yield from self._name(path, number)

    def _name(self, path: str, number: int | None, *, instead_of: str = "") -> Iterator[Part]:
        above, _, name = path.rpartition("/")
        directory = self.number(above)
        if directory is None:
            return
        names = {name: number}
        if instead_of:
            was_above, _, was = instead_of.rpartition("/")
            assert was_above == above, f"from one directory into another: {instead_of}, {path}"
            names[was] = None
        yield Part(directory, path, names=names)

    def _change(self, path: str, **settings: object) -> Iterator[Part]:
        if (found := self.number(path)) is not None:
            yield Part(found, path, **settings)  # type: ignore[arg-type]

    def _wait(self, numbers: set[int]) -> None:
        with_these = {
            one for number in numbers for one in self.now[number].names.values() if not self.now[one].can_be_waited_for
        }
        done = [part for part in self.pending if part.on in numbers | with_these]
        self.kept = after(self.kept, done)
        self.pending = [part for part in self.pending if part.on not in numbers | with_these]

    # What may be left

    def survivors(self, chance: random.Random, mixed: int) -> Iterator[Inodes]:
        """What the disk may hold, were the power to fail now.

        Nothing of what is pending; all of it; each part alone; all but each part, or but half of what it writes; and
        some of it by chance, `mixed` times.
        """
        yield self.kept
        yield after(self.kept, self.pending)
        for number, part in enumerate(self.pending):
            earlier, later = self.pending[:number], self.pending[number + 1 :]
            yield after(self.kept, (part,))
            yield after(self.kept, (*earlier, *later))
            if part.content:
                half = replace(part, content=part.content[: len(part.content) // 2])
                yield after(self.kept, (*earlier, half, *later))
        for _ in range(mixed if len(self.pending) > 2 else 0):
            yield after(self.kept, (part for part in self.pending if chance.random() < 0.5))


def after(inodes: Inodes, parts: Iterable[Part]) -> Inodes:
    """Another disk: with these parts besides."""
    out = dict(inodes)
    for part in parts:
        out[part.on] = part.done_to(out[part.on])
    return out


def outline(inodes: Inodes, *tops: int | None) -> tuple[object, ...]:
    """All there is below some directories, to tell one disk from another."""
    out: list[object] = []
    seen: set[int] = set()
    waiting = [top for top in tops if top is not None]
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        inode = inodes[number]
        waiting.extend(inode.names.values())
        out.append(
            (number, inode.mode, inode.uid, inode.gid, inode.mtime_ns, inode.content, tuple(inode.attributes.items()),
             tuple(sorted(inode.names.items())))
        )  # fmt: skip
    return tuple(sorted(out))

"""A disk of the model as real directories, to run the real code on."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

from disk import Disk, Inodes


def write_out(disk: Disk, inodes: Inodes, *tops: Path) -> None:
    """Make these directories as they are in a state of that disk; what is there now goes."""
    made: dict[int, Path] = {}
    for top in tops:
        shutil.rmtree(top, ignore_errors=True)
        if (number := disk.number(str(top), inodes)) is not None:
            _make(inodes, number, top, made)
    for number, path in made.items():
        if path.name == "log":
            lines = inodes[number].content.split(b"\n")
            path.write_bytes(b"\n".join(_renumbered(line, disk, inodes, made) for line in lines))


def _make(inodes: Inodes, number: int, path: Path, made: dict[int, Path]) -> None:
    inode = inodes[number]
    if number in made:
        os.link(made[number], path, follow_symlinks=False)
        return
    made[number] = path
    if stat.S_ISDIR(inode.mode):
        path.mkdir(parents=True, exist_ok=True)
        for name, one in sorted(inode.names.items()):
            _make(inodes, one, path / name, made)
    elif stat.S_ISREG(inode.mode):
        path.write_bytes(inode.content)
    elif stat.S_ISLNK(inode.mode):
        path.symlink_to(inode.target)
    else:
        os.mknod(path, inode.mode)
    os.chown(path, inode.uid, inode.gid, follow_symlinks=False)
    for name, value in inode.attributes.items():
        os.setxattr(path, name, value)
    if not stat.S_ISLNK(inode.mode):
        path.chmod(stat.S_IMODE(inode.mode))
    os.utime(path, ns=(1, inode.mtime_ns), follow_symlinks=False)


def _renumbered(line: bytes, disk: Disk, inodes: Inodes, made: dict[int, Path]) -> bytes:
    """A line of a journal's log, with the number that the file it names has now.

    The number of a file that is gone may have been given to what was made in its place since: then it has been.
    """
    try:
        put = json.loads(line)
    except ValueError:
        return line  # torn
    if put["is"] != "put":
        return line
    number, there = disk.numbers.get(put["inode"], 0), disk.number(put["path"], inodes)
    if number not in made and there in made and there is not None and there > max(number, disk.first):
        number = there
    put["inode"] = made[number].lstat().st_ino if number in made else 2**62
    return json.dumps(put, separators=(",", ":")).encode()

"""A root file system of a test's own: this machine's, seen through an overlay in a mount name space of its own.

What a command changes in it lies in the overlay's upper layer and nowhere else. So `changed()`, which compares all that
lies there with what is below it, has looked at every file of the root file system, however large that is and whoever
else is at work on this machine.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pratique.sandbox import linux

ROOT: Final = Path(__file__).resolve().parents[1]
#: What the kernel makes, and what the machine runs on: the same inside.
_AS_THEY_ARE: Final = ("/proc", "/sys", "/dev")
#: The overlay's own notes.
_OVERLAY: Final = "trusted.overlay."


class OwnRoot:
    """`run` runs a command in it. `settle()` makes what was changed so far a part of what later changes are held to."""

    def __init__(self, place: Path) -> None:
        # Layers that lie below one another are refused: they get a file system of their own.
        self._tops = place / "layers"
        self._tops.mkdir()
        linux.mount("layers", str(self._tops), "tmpfs", 0, "mode=700")
        (self._tops / "empty").mkdir()
        self.place = place
        self._mounted = _Mounted(place, ["/"])

    def settle(self) -> None:
        self._mounted.close()
        self._mounted = _Mounted(self.place, [str(self._mounted.upper), *self._mounted.below])

    def close(self) -> None:
        self._mounted.close()
        linux.unmount(str(self._tops), linux.MNT_DETACH)

    @contextmanager
    def copy(self) -> Iterator[Callable[..., list[str]]]:
        """Command lines that run in a copy of it, which is thrown away: whatever they leave is not in here."""
        copied = _Mounted(self.place, [str(self._mounted.upper), *self._mounted.below])
        try:
            yield copied.inside
        finally:
            copied.close()

    def run(
        self, *words: str | os.PathLike[str], code: int | None = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Whatever exit code is expected; None for any."""
        # Python's compiled modules would be changes, too.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        done = subprocess.run(
            self._mounted.inside(*words),
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert code is None or done.returncode == code, (words, done.returncode, done.stderr, done.stdout)
        return done

    def pratique(self, *words: str | os.PathLike[str], code: int = 0) -> str:
        """What `pratique WORDS...` prints."""
        return self.run(sys.executable, "-m", "pratique.cli.main", *words, code=code).stdout

    # -- compared -----------------------------------------------------------------------------------------------------

    def changed(self) -> list[str]:
        """How the root file system differs from what it was: what, then the path.

        Compared: which names there are, type, mode, owner, device, link target, attributes, content, time.
        """
        now, before = self._mounted.now, self._mounted.before
        found: list[str] = []
        for path in self._touched():
            was, is_now = _entry(before + path), _entry(now + path)
            if was is None or is_now is None:
                if was is not is_now:
                    found.append(f"{'came' if was is None else 'went'}: {path}")
                continue
            found += [
                _told(what, path, was.get(what), is_now.get(what)) for what in was if was[what] != is_now.get(what)
            ]
        return found

    def _touched(self) -> Iterator[str]:
        """Every path in the upper layer. What a directory there hides is missing among its names."""
        for top, directories, names in os.walk(self._mounted.upper):
            yield from sorted(f"{top.removeprefix(str(self._mounted.upper))}/{name}" for name in (*directories, *names))


class _Mounted:
    """One overlay, and the process that holds it."""

    def __init__(self, place: Path, below: list[str]) -> None:
        self.below = below
        tops = place / "layers"
        number = len(list(tops.glob("upper-*")))
        self.upper, work = tops / f"upper-{number}", tops / f"work-{number}"
        merged, before = place / f"merged-{number}", place / f"before-{number}"
        for directory in (self.upper, work, merged, before):
            directory.mkdir()
        self.upper.chmod(stat.S_IMODE(Path("/").stat().st_mode))
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--", sys.executable, __file__,
             ":".join(below), self.upper, work, merged, before, place, ROOT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "a root of its own could not be mounted: see above"
        self.now = f"/proc/{self._holder.pid}/root"
        self.before = self.now + str(before)

    def inside(self, *words: str | os.PathLike[str]) -> list[str]:
        """The command line that runs these words in it."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--", *map(os.fspath, words)]

    def close(self) -> None:
        self._holder.communicate()  # the end of its input is its end, and that of its mounts


def _told(what: str, path: str, was: object, is_now: object) -> str:
    if isinstance(was, set) and isinstance(is_now, set):
        return f"{what}: {path}: came {sorted(is_now - was)}, went {sorted(was - is_now)}"
    return f"{what}: {path}: {str(was)[:80]}, now {str(is_now)[:80]}"


def _entry(path: str) -> dict[str, object] | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    kind = stat.S_IFMT(status.st_mode)
    entry: dict[str, object] = {
        "type": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "owner": (status.st_uid, status.st_gid),
        "time": status.st_mtime_ns, "device": status.st_rdev,
    }  # fmt: skip
    if kind != stat.S_IFLNK:
        names = sorted(name for name in os.listxattr(path) if not name.startswith(_OVERLAY))
        entry["attributes"] = [(name, os.getxattr(path, name)) for name in names]
    if kind == stat.S_IFLNK:
        entry["content"] = str(Path(path).readlink())
    elif kind == stat.S_IFREG:
        entry["content"] = Path(path).read_bytes() if status.st_size < 1 << 26 else status.st_size
    elif kind == stat.S_IFDIR:
        entry["names"] = {entry.name for entry in os.scandir(path)}
    return entry


# -- the process that holds the mounts: this file as a program, in a mount name space of its own -----------------------


def _hold(below: str, upper: str, work: str, merged: str, before: str, place: str, checkout: str) -> None:
    linux.mount("overlay", merged, "overlay", 0, f"lowerdir={below},upperdir={upper},workdir={work},index=off")
    for path in _AS_THEY_ARE:
        linux.bind(path, merged + path, recursive=True)
    linux.mount("run", merged + "/run", "tmpfs", 0, "mode=755")
    for path in (place, checkout):
        linux.bind(path, merged + path)
    # One layer cannot be an overlay by itself: an empty one is put on top.
    linux.mount("overlay", merged + before, "overlay", 0, f"lowerdir={place}/layers/empty:{below}")
    os.chdir(merged)
    linux.pivot_root_here()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _hold(*sys.argv[1:])

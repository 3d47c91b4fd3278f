"""A regular file opened once, so that what is hashed, judged and run is the same file.

A path can lead elsewhere a moment later. So the file is first taken hold of without opening it (a pipe would block, a
device could act), then opened through that hold; at the end its identity is compared, and `stage` copies its bytes
only if they still have the hash that was judged.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from pratique.errors import ConflictError, UsageError

#: Nobody's installer; somebody's disk image.
LARGEST: Final = 16 * 1024**3  # bytes
_ADDRESS: Final = re.compile(r"(?:https?|ftps?)://[^/]+", re.IGNORECASE)
_CHUNK: Final = 1 << 20

_OTHER_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a device",
}


class Opened:
    """An open regular file. `path` is absolute with links resolved; `typed` is what the person wrote."""

    def __init__(self, typed: str, path: Path, file: BufferedReader) -> None:
        self.typed = typed
        self.path = path
        self._file = file
        self._held = os.fstat(file.fileno())

    @property
    def size(self) -> int:
        return self._held.st_size

    @property
    def executable(self) -> bool:
        return bool(self._held.st_mode & 0o111)

    def head(self, length: int = 512) -> bytes:
        """The first bytes."""
        return os.pread(self._file.fileno(), length, 0)

    def chunks(self) -> Iterator[bytes]:
        """The content, front to back."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def sha256(self) -> str:
        """The hash of the content, read once from front to back."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def check_unchanged(self) -> None:
        """Raise `ConflictError` when the path leads to another file by now, or the file was written meanwhile.

        The change time cannot be set by a program, so a write cannot hide behind a restored modification time.
        """
        try:
            now = self.path.stat()
        except OSError:
            now = None
        if now is None or _identity(now) != _identity(self._held):
            raise ConflictError(f"{self.typed} was changed while it was looked at", hint="run the command again")


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@contextlib.contextmanager
def regular_file(typed: str) -> Iterator[Opened]:
    """Open the file the person named. Raises `UsageError` saying what was found instead of a readable regular file."""
    try:
        hold = os.open(typed, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise _missing(typed, error) from None
    except ValueError:
        raise UsageError(f"{typed!r} is not the name of a file") from None
    try:
        status = os.fstat(hold)
        _must_be_regular(typed, status)
        path = Path(f"/proc/self/fd/{hold}").readlink()
        try:
            file = os.fdopen(os.open(f"/proc/self/fd/{hold}", os.O_RDONLY | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise UsageError(
                f"{typed} cannot be read: {error.strerror}",
                hint=f"ls -l {typed}; then: chmod +r {typed}, or run as root",
            ) from None
    finally:
        os.close(hold)
    with file:
        yield Opened(typed, path, file)


def _missing(typed: str, error: OSError) -> UsageError:
    if error.errno == errno.ENOENT and _ADDRESS.match(typed):
        name = typed.split("?")[0].split("#")[0].rstrip("/").rpartition("/")[2]
        return UsageError(
            f"{typed} is an address, and no file: nothing is fetched from it",
            hint="download it first, then run it; --from keeps where it came from: "
            f"pratique run --from {shlex.quote(typed)} {shlex.quote(f'./{name}')}",
        )
    if error.errno == errno.ENOENT:
        if Path(typed).is_symlink():
            return UsageError(f"{typed} is a link to {Path(typed).readlink()}, which does not exist")
        return UsageError(f"no such file: {typed}", hint="an installer's path, or a command such as `npm install NAME`")
    return UsageError(f"{typed} cannot be opened: {error.strerror}", hint=f"namei -l {typed} shows where it ends")


def _must_be_regular(typed: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{typed} is a directory; expected an installer", hint=_inside(Path(typed)))
    if not stat.S_ISREG(status.st_mode):
        what = _OTHER_KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise UsageError(f"{typed} is {what}; expected an installer in a regular file", hint="save it to a file first")
    if status.st_size == 0:
        raise UsageError(f"{typed} is empty (0 bytes)", hint="the download may have failed: fetch it again")
    if status.st_size > LARGEST:
        size = status.st_size / 1024**3
        raise UsageError(f"{typed} is too big: {size:.0f} GiB; installers of up to {LARGEST >> 30} GiB are run")


def _inside(directory: Path) -> str:
    """The likely installers in a directory, as a hint."""
    likely = (".run", ".sh", ".deb", ".appimage", ".whl", ".tgz")
    try:
        names = sorted(
            entry.name
            for entry in os.scandir(directory)
            if entry.is_file() and (entry.name.lower().endswith(likely) or entry.name in ("install", "setup"))
        )
    except OSError:
        names = []
    return "name the file to run in it" + (f", such as {directory / names[0]}" if names else "")


def stage(path: str, sha256: str, directory: Path) -> Path:
    """Copy the file at `path` into `directory` and return the copy: the very bytes that were judged, or nothing.

    The sandbox puts the copy over the original, so that a file written to meanwhile is not what runs. Raises
    `ConflictError` when the bytes are other ones by now, `UsageError` when the file is gone, `OSError` for a full disk.
    """
    copy = directory / (Path(path).name or "installer")
    digest = hashlib.sha256()
    try:
        with regular_file(path) as source, copy.open("xb") as out:
            mode = 0o555 if source.executable else 0o444
            for chunk in source.chunks():
                digest.update(chunk)
                out.write(chunk)
            os.fchmod(out.fileno(), mode)
        if digest.hexdigest() != sha256:
            raise ConflictError(
                f"{path} was changed after it was identified; nothing ran", hint="run the command again"
            )
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy

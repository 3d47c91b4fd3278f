"""The first look into a packed tar file, bounded: names, and the content of the small files wanted."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

#: What is unpacked at most to see what a tar file is: package managers put their own files first.
LOOK: Final = 8 * 1024 * 1024  # bytes, unpacked
LARGEST_FILE: Final = 512 * 1024  # bytes
MOST_NAMES: Final = 2000

_PACKERS: Final[dict[bytes, tuple[str, Callable[[], Any]]]] = {
    b"\x1f\x8b": ("gz", lambda: zlib.decompressobj(wbits=31)),
    b"BZh": ("bz2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": ("xz", lambda: lzma.LZMADecompressor(memlimit=128 * 1024 * 1024)),
}


def packer(head: bytes) -> str | None:
    """gz, bz2 or xz, by the first bytes."""
    return next((name for magic, (name, _) in _PACKERS.items() if head.startswith(magic)), None)


def look(path: Path, wanted: Callable[[str], bool]) -> tuple[list[str], dict[str, bytes]] | None:
    """The names at the front of a tar file, packed or not, and the content of those `wanted` asks for.

    None when it is no tar file. A file that is cut off or goes wrong further on gives what stands before that.
    """
    with path.open("rb") as file:
        head = file.read(6)
        make = next((make for magic, (_, make) in _PACKERS.items() if head.startswith(magic)), None)
        file.seek(0)
        start = file.read(LOOK)
    if make is not None:
        try:
            start = make().decompress(start, LOOK)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            return None
    import tarfile  # most commands need none of it

    names: list[str] = []
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(start), mode="r:") as archive:
            for entry in archive:
                names.append(entry.name.removeprefix("./"))
                if entry.isfile() and entry.size <= LARGEST_FILE and wanted(names[-1]):
                    content = archive.extractfile(entry)
                    contents[names[-1]] = content.read() if content is not None else b""
                if len(names) >= MOST_NAMES:
                    break
    except (tarfile.TarError, EOFError, ValueError):
        pass  # the look ends where the bytes looked at end
    return (names, contents) if names else None

"""A new ext4 for each measurement.

A file system in which thousands of files were just removed looks past each of their inodes for a minute before it makes
a new file (ext4's `recently_deleted`): a benchmark that cleans up after itself would measure that, and mostly that.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

SIZE = 4 << 30  # bytes; sparse


@contextlib.contextmanager
def fresh(beside: Path) -> Iterator[Path]:
    """An empty file system, mounted at a directory, until the block is left. The image lies in `beside`. As root."""
    image, at = beside / "disk.ext4", beside / "disk"
    at.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)
        image.unlink()

"""Whether a program is a 32-bit one, which makes its system calls in a way of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_I386: Final = 3  # EM_386, <linux/elf-em.h>


def is_i386(name: str, path: str) -> bool:
    """Of the program that `name` is, looked up along `path` like the program itself will be."""
    for place in path.split(":") if "/" not in name else [""]:
        try:
            with open(Path(place, name), "rb") as file:
                head = file.read(20)
        except OSError:
            continue
        return head.startswith(b"\x7fELF\x01") and head[18:20] == _I386.to_bytes(2, "little")
    return False

"""The libraries an ELF file says it needs (DT_NEEDED), read as from a hostile file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

# <elf.h>, 64-bit little-endian
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
_HEADER: Final = struct.Struct("<16xHHIQQQIHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_MOST_SEGMENTS: Final = 64
_LARGEST_TABLE: Final = 64 * 1024
_MOST_LIBRARIES: Final = 256
_LONGEST_NAME: Final = 256


def needed(path: str) -> tuple[str, ...]:
    """Names such as "libc.so.6"; () for anything that is no dynamic 64-bit program or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return _needed(file)
    except (OSError, struct.error, ValueError):
        return ()


def _needed(file: BinaryIO) -> tuple[str, ...]:
    head = file.read(_HEADER.size)
    if head[:6] != b"\x7fELF\x02\x01":
        return ()
    _, _, _, _, table, _, _, _, size, count = _HEADER.unpack(head)
    if size != _SEGMENT.size or count > _MOST_SEGMENTS:
        return ()
    segments = list(_SEGMENT.iter_unpack(_at(file, table, size * count)))
    dynamic = next(((offset, length) for kind, _, offset, _, _, length, *_ in segments if kind == PT_DYNAMIC), None)
    if dynamic is None:
        return ()
    offset, length = dynamic
    names, strings = [], 0
    for tag, value in struct.iter_unpack("<qQ", _at(file, offset, min(length, _LARGEST_TABLE) // 16 * 16)):
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            names.append(value)
        elif tag == DT_STRTAB:
            strings = value
    start = next(
        (strings - virtual + place for kind, _, place, virtual, _, length, *_ in segments
         if kind == PT_LOAD and virtual <= strings < virtual + length),
        None,
    )  # fmt: skip
    if start is None:
        return ()
    return tuple(_text(file, start + name) for name in names[:_MOST_LIBRARIES])


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the file ends too early")
    return data


def _text(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    return file.read(_LONGEST_NAME).split(b"\0", 1)[0].decode("utf-8", "replace")

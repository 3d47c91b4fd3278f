"""The ar archives that Debian packages are: where each member lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

MAGIC: Final = b"!<arch>\n"
#: A Debian package has three members, a signed one a few more.
MOST_MEMBERS: Final = 32


class Member(NamedTuple):
    name: str
    offset: int  # bytes, of the content
    size: int  # bytes


def members(file: BinaryIO, size: int) -> Iterator[Member]:
    """The members of an archive of `size` bytes, in order.

    Raises `ValueError` where it is none, is cut off, or has more members than a package has.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("not an ar archive")
    at = len(MAGIC)
    for _ in range(MOST_MEMBERS):
        if at >= size:
            return
        file.seek(at)
        header = file.read(60)
        length = header[48:58].strip()
        if len(header) < 60 or header[58:] != b"`\n" or not length.isdigit():
            raise ValueError(f"no member begins at byte {at}")
        member = Member(header[:16].rstrip(b" /").decode("ascii", "replace"), at + 60, int(length))
        if member.offset + member.size > size:
            raise ValueError(f"{member.name} is cut off: {member.size} bytes announced, {size - member.offset} there")
        yield member
        at = member.offset + member.size + member.size % 2
    raise ValueError(f"more than {MOST_MEMBERS} members")

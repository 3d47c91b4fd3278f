"""Fonts: an installer that replaces the system's fonts, with the family each file belongs to."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pratique import Event, EventKind, Field, Session, hookimpl

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")

#: Bytes read of a font: its table of contents and, in nearly every font, its names.
MOST_READ = 1024 * 1024


@hookimpl
def event_kinds() -> list[EventKind]:
    return [
        EventKind(
            "font.replace",
            "A font file of the system was replaced by another",
            family=Field.text,
            previous=Field.text,
            path=Field.path,
        )
    ]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    for folder in FOLDERS:
        for effect in session.effects(type="file", op="modify", under=folder):
            yield Event(
                "font.replace",
                family=family_of(session.read(effect.path, MOST_READ)),
                previous=family_of(session.read_before(effect.path, MOST_READ)),
                path=effect.path,
                process=effect.process,
                component=effect.component,
                effect=effect.id,
            )


def family_of(font: bytes | None) -> str:
    """The family name a TrueType or OpenType font gives itself; "" when it gives none we can read.

    The file may be made to mislead: every offset is taken as a claim, and slices beyond the end come out empty.
    """
    try:
        names = _table(font or b"", b"name")
        count, storage = struct.unpack_from(">HH", names, 2)
        for number in range(count):
            platform, _, _, name_id, length, offset = struct.unpack_from(">6H", names, 6 + 12 * number)
            if name_id == 1:
                text = names[storage + offset : storage + offset + length]
                return text.decode("utf-16-be" if platform in (0, 3) else "latin-1", "replace")
    except struct.error:
        pass  # shorter than it claims to be
    return ""


def _table(font: bytes, tag: bytes) -> bytes:
    (count,) = struct.unpack_from(">H", font, 4)
    for number in range(count):
        name, _, offset, length = struct.unpack_from(">4sIII", font, 12 + 16 * number)
        if name == tag:
            return font[offset : offset + length]
    return b""

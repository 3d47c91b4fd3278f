import struct

import pratique_fonts

from pratique import Effect
from pratique.testing import FakeSession, conformance, record

test_conformance = conformance("pratique_fonts")


def font(family: str) -> bytes:
    """The least that is a font with a name: a header, one table of contents entry, one name."""
    text = family.encode("utf-16-be")
    names = struct.pack(">HHH", 0, 1, 18) + struct.pack(">6H", 3, 1, 0x409, 1, len(text), 0) + text
    return b"\0\1\0\0" + struct.pack(">4H", 1, 0, 0, 0) + struct.pack(">4sIII", b"name", 0, 28, len(names)) + names


def test_a_replaced_font_is_seen_with_both_families():
    path = "/usr/share/fonts/truetype/sans.ttf"
    session = FakeSession(
        effects=[Effect(id=1, type="file", op="modify", path=path, process=3)],
        files={path: font("Cheap Sans")},
        files_before={path: font("Noto Sans")},
    )
    (event,) = record(pratique_fonts, session)
    assert event.kind == "font.replace"
    assert event.fields == {"family": "Cheap Sans", "previous": "Noto Sans", "path": path}
    assert (event.process, event.effect) == (3, 1)


def test_a_font_that_is_added_replaces_nothing():
    assert record(pratique_fonts, FakeSession(effects=["/usr/share/fonts/new.ttf"])) == []


def test_a_font_that_lies_about_its_tables_has_no_family():
    assert pratique_fonts.family_of(font("Noto Sans")[:40]) == ""
    assert pratique_fonts.family_of(b"") == ""
    assert pratique_fonts.family_of(None) == ""

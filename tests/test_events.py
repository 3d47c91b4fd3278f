"""What a kind of event may declare."""

from __future__ import annotations

import pytest

from pratique.events import EventKind, Field


@pytest.mark.parametrize(
    ("kind", "field", "type_", "wrong"),
    [
        ("file.lock", "mode", Field.mode, ""),
        ("file.lock", "mode", Field.text, ""),
        ("drive.set", "mode", Field.number, ""),
        ("file.lock", "mode", Field.number, "declare it Field.mode, or rename it"),
        ("drive.set", "mode", Field.mode, "only `mode` of kinds like 'file.write' is of the type mode"),
        ("file.lock", "rights", Field.mode, "got 'rights'"),
    ],
)
def test_a_mode_of_a_file_is_known_by_the_names_of_kind_and_field(
    kind: str, field: str, type_: Field, wrong: str
) -> None:
    if not wrong:
        assert EventKind(kind, "", **{field: type_}).fields == {field: type_}
        return
    with pytest.raises(ValueError, match=wrong):
        EventKind(kind, "", **{field: type_})

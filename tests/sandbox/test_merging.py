"""A change is taken out of a text that others changed since: by lines, and by records where the file has them."""

from __future__ import annotations

import pytest

from pratique.sandbox.merging import without

STATUS = "/var/lib/dpkg/status"


def stanza(name: str, version: int = 1) -> bytes:
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n".encode()


A, B, C, D = map(stanza, "abcd")


@pytest.mark.parametrize(
    ("before", "installed", "now", "left"),
    [
        (B, B + C, B + C + D, B + D),
        (B, B + C, A + B + C + D, A + B + D),
        (A + D, A + B + D, A + stanza("aa") + B + C + D, A + stanza("aa") + C + D),
        (A + B, A + stanza("b", 2), A + stanza("b", 2) + C, A + B + C),
        (A + B, A, A + C, A + B + C),
        (A, A + B, A + stanza("b", 2), None),  # others made it newer
        (A, A + B, stanza("a", 2) + B, stanza("a", 2)),
    ],
)
def test_records_that_look_alike_are_told_apart(before, installed, now, left):
    assert without(before, installed, now, STATUS) == left


def test_a_records_file_larger_than_any_settings_is_taken_apart():
    many = b"".join(stanza(f"x{number:05}") + b"\n" for number in range(70_000))
    assert without(A + many, A + B + many, A + B + many + D, STATUS) == A + many + D


def test_a_last_line_without_its_end_does_not_run_into_another():
    assert without(b"a", b"b\n", b"b\nc\n") is None

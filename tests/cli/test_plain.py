"""What others wrote reaches a terminal as text only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from pratique.cli.plain import Output, lines, printable, put

STEERING = {
    "title": "\x1b]0;owned\x07", "clear": "\x1b[2J\x1b[H", "answer back": "\x1b[6n\x1b[c\x05",
    "alternate": "\x1b[?1049h",
    "mouse": "\x1b[?1000h", "paste": "\x1b[?2004h", "one byte": "\x9b31m", "clipboard": "\x1b]52;c;AAAA\x1b\\",
    "turned around": "\u202egpj.exe", "isolated": "\u2066x\u2069", "bell": "\a", "shift": "\x0e", "nothing": "\0",
    "delete": "\x7f\b\b", "form feed": "\f\v", "device control": "\x1bP+q\x1b\\", "private": "\ue000",
}  # fmt: skip


@pytest.mark.parametrize("text", STEERING.values(), ids=STEERING)
def test_nothing_steers(text):
    for shown in (printable(text), Output().fit(text.encode()).decode(), lines(text)):
        assert shown.isprintable()
        assert len(shown) == len(text)


def test_text_stays_as_it_is():
    text = "Grüße, 你好, naïve 🙂\n\tindented\r100 %\n"
    assert Output().fit(text.encode()).decode() == text
    assert lines("one\ntwo") == "one\ntwo"
    assert printable("one\ntwo") == "one\N{REPLACEMENT CHARACTER}two"


def test_a_character_cut_in_two_is_one():
    output = Output()
    whole = "ü€🙂".encode()
    assert b"".join(output.fit(whole[at : at + 1]) for at in range(len(whole))) == whole
    assert output.fit(b"plain") == b"plain"


def test_a_sequence_cut_in_two_is_none():
    output = Output()
    said = output.fit(b"a\x1b") + output.fit(b"]0;owned") + output.fit(b"\x07b\xc2") + output.fit(b"\x9b2J")
    assert said.decode() == "a\ufffd]0;owned\ufffdb\ufffd2J"


def test_bytes_that_are_no_text_are_replaced():
    assert Output().fit(b"\xff\xfe\x80").decode() == "\ufffd" * 3


def test_a_printed_line_keeps_its_styles():
    out = io.StringIO()
    put(Console(file=out, force_terminal=True, width=80), Text.assemble(("x\x1b[2J", "red"), "y"))
    assert "\x1b[2J" not in out.getvalue()
    assert "\x1b[31mx\ufffd[2J\x1b[0my" in out.getvalue()

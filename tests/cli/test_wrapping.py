"""Lines on a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from pratique.cli.plain import put

SENTENCE = "  [w] install without what is undesirable, where that is possible"


def shown(text: str, width: int, *, terminal: bool = True) -> list[str]:
    out = io.StringIO()
    put(Console(file=out, width=width, force_terminal=terminal, color_system=None), Text(text, style="dim"))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 30, 40, 66])
def test_no_word_is_cut_on_a_terminal(width):
    lines = shown(SENTENCE, width)
    assert " ".join(lines).split() == SENTENCE.split()
    assert all(len(line) <= width and line.startswith("  ") for line in lines)


def test_a_path_longer_than_a_line_is_left_whole():
    path = "/a" * 40
    assert shown(f"      {path}  opened", 30) == [f"      {path}", "      opened"]


def test_wide_characters_count_for_the_columns_they_take():
    assert shown("天天 天天 天天", 10) == ["天天 天天", "天天"]


def test_lines_stay_lines_and_away_from_a_terminal_nothing_is_broken():
    assert shown("\none two", 5) == ["", "one", "two"]
    assert shown(SENTENCE, 20, terminal=False) == [SENTENCE]

"""How diagnostics look: plain text that teaches."""

from __future__ import annotations

import re

import pytest

from pratique.events import STANDARD_KINDS, Vocabulary
from pratique.policy.checker import check_text
from pratique.policy.diagnostics import Diagnostic, Note, counted, in_order, render, summary
from pratique.policy.expected import HEADER
from pratique.policy.model import Location

VOCABULARY = Vocabulary(STANDARD_KINDS)


def shown(text: str, **options: bool) -> str:
    return render(
        check_text(text, VOCABULARY, file="rules/autorun.policy").diagnostics, {"rules/autorun.policy": text}, **options
    )


def test_an_error_teaches() -> None:
    text = "\n" * 12 + 'action a {\n    on file.wrte where path = "/x"\n    weight 5\n}\n'
    assert shown(text) == (
        'error[P0102]: no event kind "file.wrte"\n'
        "  --> rules/autorun.policy:14:8\n"
        "   |\n"
        '14 |     on file.wrte where path = "/x"\n'
        '   |        ^^^^^^^^^ the kinds that begin with "file.": attribute, create, delete, '
        "mode, owner, read, rename, write\n"
        "   |\n"
        '   = help: did you mean "file.write"?'
    )


@pytest.mark.parametrize("word", ["threshhold", "threshold"])
def test_a_statement_of_the_header_that_stands_at_the_top_is_told_its_place(word: str) -> None:
    said = shown(f"part of office; {word} 3")
    assert said.endswith('= help: "threshold" stands in the header: policy NAME { threshold ... }')
    assert "header" not in shown("part of office; nothing_like_it 3")


def test_the_header_s_statements_are_those_the_grammar_has() -> None:
    (listed,) = re.findall("expected one of: (.*)", shown("policy a {\n nothing_like_it\n}"))
    assert set(listed.split(", ")) == {*HEADER, "override", "}"}


def test_another_place_that_matters_is_shown_too() -> None:
    text = "action a { on file.write; weight 5 }\naction a { on file.write; weight 5 }\n"
    assert shown(text) == (
        'error[P0303]: the action "a" is defined twice\n'
        " --> rules/autorun.policy:2:8\n"
        "  |\n"
        "2 | action a { on file.write; weight 5 }\n"
        "  |        ^\n"
        " --> rules/autorun.policy:1:8\n"
        "  |\n"
        "1 | action a { on file.write; weight 5 }\n"
        "  |        - first defined here\n"
        "  |\n"
        "  = help: to change what another policy defined, write: override action a ..."
    )


def test_an_error_in_a_regular_expression_points_into_it() -> None:
    text = 'action a { on file.write where path matches re"x(ab"; weight 5 }'
    lines = shown(text).splitlines()
    assert lines[4].index("^") == lines[3].index("x(ab")


def test_colours_are_escape_sequences_around_the_same_text() -> None:
    text = "action a { on f.x; weight 5 }"
    coloured = shown(text, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(text)
    assert "\x1b" not in shown(text)


def test_the_file_cannot_write_on_the_terminal() -> None:
    assert "\x1b" not in shown('action a { on file.write where path = "\x1b[2J"; weight 5; oops \x1b }')


def test_nor_do_a_sentence_and_a_name_of_a_file() -> None:
    steers = "\x1b]0;title\x07\n"
    first, second = Location(f"{steers}.policy", 1, 1), Location(f"{steers}.part", 1, 1)
    one = Diagnostic(
        code="P0100", message=f"m{steers}", where=first, note=f"n{steers}", help=f"h{steers}",
        related=(Note(second, f"r{steers}"), Note(Location(f"{steers}.none", 0), "")),
    )  # fmt: skip
    said = render([one], {first.file: "a\n", second.file: "b\n"})
    assert "\x1b" not in said
    assert "\x07" not in said
    fit = "\ufffd]0;title\ufffd\ufffd"
    assert said.splitlines() == [
        f"error[P0100]: m{fit}",
        f" --> {fit}.policy:1:1",
        "  |",
        "1 | a",
        f"  | ^ n{fit}",
        f" --> {fit}.part:1:1",
        "  |",
        "1 | b",
        f"  | - r{fit}",
        f" --> {fit}.none",
        "  |",
        f"  = help: h{fit}",
    ]


def test_a_caret_stands_under_its_token_behind_tabs() -> None:
    lines = shown("action a {\n\ton f.x\n\tweight 5\n}").splitlines()
    assert lines[4].index("^") == lines[3].index("f.x")


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = "sandbox { hide " + '"/x", ' * 20_000 + "%'/y' }"
    out = shown(text)
    assert len(out) < 1000
    lines = out.splitlines()
    assert lines[3][lines[4].index("^")] == "%"


def test_diagnostics_are_sorted_once_each_and_capped() -> None:
    places = [Location("b", 1), Location("a", 2, 5), Location("a", 2, 3), Location("a", 2, 3)]
    some = [Diagnostic(code="P0100", message="x", where=place) for place in places]
    assert [(one.where.file, one.where.column) for one in in_order(some)] == [("a", 3), ("a", 5), ("b", 1)]
    many = [Diagnostic(code="P0100", message="x", where=Location("a", n)) for n in range(1, 81)]
    out = render(many, {})
    assert out.endswith("and 70 more")
    assert out.count("error[") == 10


def test_the_summary_counts() -> None:
    error = Diagnostic(code="P0100", message="x", where=Location("a", 1))
    warning = Diagnostic(code="P0401", message="x", where=Location("b", 1), severity="warning")
    assert summary([]) == ""
    assert summary([error]) == "1 error in 1 file"
    assert summary([error, warning]) == "1 error and 1 warning in 2 files"
    assert counted(12000, "action") == "12,000 actions"

"""Reading policy files: what comes out, and how much is said of what cannot be read."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import msgspec
import pytest
from lark import Lark, UnexpectedInput

from pratique.events import STANDARD_KINDS, Vocabulary
from pratique.policy import syntax, tables
from pratique.policy.checker import check_text
from pratique.policy.compile import compile_policy
from pratique.policy.diagnostics import CODES
from pratique.policy.lexer import lex
from pratique.policy.limits import LARGEST
from pratique.policy.parser import parse
from pratique.resources import directory

WHOLE = Path(__file__).parent / "data" / "whole.policy"


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in parse(text, "x.policy").diagnostics]


def test_the_kept_tables_belong_to_the_grammar() -> None:
    grammar = (directory("grammar") / "policy.lark").read_text("utf-8")
    kept = msgspec.json.decode(tables.kept().read_bytes(), type=tables.Tables)
    assert kept == tables.build(grammar), "the grammar was changed: make grammar"


def test_lark_itself_takes_what_we_take_for_a_sentence_of_the_grammar() -> None:
    grammar = (directory("grammar") / "policy.lark").read_text("utf-8")
    lark = Lark(grammar + "\n%ignore /[ \\t]+/\n", parser="lalr", lexer="contextual")
    tokens = lex(WHOLE.read_text())
    sentence = " ".join(tokens.words)  # separators that separate nothing, and comments, are left out already
    assert {node.data for node in lark.parse(sentence).iter_subtrees()} >= {"action", "sequence", "distribute", "test"}
    with pytest.raises(UnexpectedInput):
        lark.parse(sentence.replace("weight 100", "weight", 1))


def test_every_record_has_a_rule_and_every_rule_its_record() -> None:
    named = {rule.name for rule in tables.load().rules}
    leaves = {"name", "text", "pattern", "quantity", "comment", "file"}
    assert set(syntax.RECORDS) - leaves <= named


def test_the_whole_language_parses() -> None:
    parsed = parse(WHOLE.read_text(), "whole.policy")
    assert parsed.diagnostics == ()
    kinds = {type(item) for item in parsed.file.items}
    assert len(kinds) == 18
    assert len(parsed.file.comments) == 17


def test_records_survive_being_sent_to_another_process() -> None:
    file = parse(WHOLE.read_text(), "whole.policy").file
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(file), type=syntax.File) == file


def test_positions_take_no_part_in_comparing() -> None:
    tight = "action a { on file.read where path in [\"/a\",'/b'] ; weight 5 }"
    loose = '\n\naction   a {\n  on file.read  where path in [\n"/a",\n"/b",\n]\n\n\n weight 5\n}'
    assert parse(tight).file == parse(loose).file
    assert parse(tight).file.items[0].at != parse(loose).file.items[0].at


def test_keywords_are_names_where_no_keyword_is_expected() -> None:
    text = """
let action = ["~/.ssh/**"]
action where "A" { category by; on file.read where path in action; weight 5; match file.read { path "/a" } }
action sequence { on prompt.answer where by = "pipe" and text contains "x"; weight 5 }
"""
    parsed = parse(text)
    assert parsed.diagnostics == ()
    assert [item.name.value for item in parsed.file.items] == ["action", "where", "sequence"]


def test_a_condition_may_go_on_in_the_next_line() -> None:
    text = "action a {\n on file.read where path = '/a'\n    or path = '/b' and\n  not hidden\n weight 5\n}"
    assert parse(text).diagnostics == ()


def test_units_are_converted() -> None:
    values = parse("let x = [2GiB, 5m, 180d, 1.5h, 20%, 3, -2, 200ms]").file.items[0].value.items
    assert [v.value for v in values] == [2 * 2**30, 300, 180 * 86400, 5400, 0.2, 3, -2, 0.2]


@pytest.mark.parametrize("word", ["1BB", "3ss", "1.5TiBTiB", "2%%", "7dBKiMGT"])
def test_what_only_begins_like_a_unit_is_none(word: str) -> None:
    problems = parse(f"let x = [{word}]").diagnostics
    assert problems
    assert {problem.code for problem in problems} <= {"P0109", "P0110", "P0100"}


def test_texts_know_escapes_in_double_quotes_only() -> None:
    values = parse(r"""let x = ["a\\b\"c\td", 'HKCU\Software', re"a\.b\"c"i, re'\d"']""").file.items[0].value.items
    assert [v.value for v in values] == ['a\\b"c\td', r"HKCU\Software", r'a\.b"c', r'\d"']
    assert values[2].flags == "i"


# -- errors -----------------------------------------------------------------------------------------------------------


def test_ten_mistakes_are_told_at_once() -> None:
    text = """\
policy p {
    versoin "1"
    threshold ten
}
action a {
    on file.write wher path = "x"
    weight
    wieght 5
}
action b {
    on 5 more window.raise by process
    weight 5min
    because "open
}
actoin c { weight 3 }
action d { on file.write where (path = '/a'; weight 5 }
sandbox { hide }
"""
    lines = [diagnostic.where.line for diagnostic in parse(text, "p.policy").diagnostics]
    assert sorted(lines) == [2, 3, 6, 7, 8, 11, 12, 13, 15, 16, 17]


def test_what_stands_beside_a_mistake_is_read() -> None:
    parsed = parse("action a { weight 5; wieght 6; remedy none }\nlet x = ]\nlet y = 5")
    assert len(parsed.diagnostics) == 2
    first, second = parsed.file.items
    assert [type(clause) for clause in first.clauses] == [syntax.Weight, syntax.Remedy]
    assert second.name.value == "y"


def test_a_block_that_is_not_closed_is_found_where_it_opens() -> None:
    (diagnostic,) = parse("action a {\n    weight 5\naction b {\n    weight 5\n}\n", "x").diagnostics
    assert (diagnostic.code, diagnostic.where.line, diagnostic.where.column) == ("P0101", 1, 10)
    assert diagnostic.related[0].where.line == 3


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("action a {", "P0101", (1, 10)),
        ("}", "P0100", (1, 1)),
        ('let x = "a', "P0107", (1, 9)),
        ('let x = "C:\\Users"', "P0108", (1, 12)),
        ("let x = 5min", "P0109", (1, 9)),
        ("let x = 5.5.5", "P0109", (1, 9)),
        ("let x § = 5", "P0110", (1, 7)),
        ("let x = \0", "P0112", (0, 0)),
        ("let x = " + "[" * 65 + "]" * 65, "P0111", (1, 73)),
        ("action a { on f.r where " + "(" * 100_000, "P0111", (1, 88)),
        ("let x = 5 let y = 6", "P0100", (1, 11)),
    ],
)
def test_an_error_stands_under_its_token(text: str, code: str, place: tuple[int, int]) -> None:
    first = parse(text, "x").diagnostics[0]
    assert (first.code, (first.where.line, first.where.column)) == (code, place)


def test_no_terminal_name_reaches_people() -> None:
    text = WHOLE.read_text()
    said = []
    for place in range(0, len(text), 37):
        for diagnostic in parse(text[:place] + "\n%\n" + text[place:], "x").diagnostics:
            said += [diagnostic.message, diagnostic.note, diagnostic.help]
    assert len(said) > 100
    assert not [one for one in said if re.search(r"\b[A-Z]{4,}\b|__|_SEP", one.replace("EPERM", ""))]


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    [
        "x" * LARGEST,
        '"' * LARGEST,
        " " * LARGEST,
        "\n" * LARGEST,
        "#" * LARGEST,
        "{" * LARGEST,
        "}" * LARGEST,
        "let a = [" + "1," * (LARGEST // 2 - 10),
        "not " * (LARGEST // 4),
        "re" * (LARGEST // 2),
        "\\" * LARGEST,
        "0" * LARGEST,
        "let x = " + "9" * 5000 + "GiB",
        "let x = \u2028\ufeff\u0000\ud7ff\U0010ffff",
        "a { " * 200_000,
        "a ; " * 200_000,
        "action a { on b " * 60_000,
        ("action a { on " + "x.y " * 8 + "\n") * 20_000,
    ],
    ids=lambda text: repr(text[:14]),
)
def test_hostile_files_are_refused_quickly(text: str) -> None:
    before = time.process_time()
    parsed = parse(text, "x")
    assert time.process_time() - before < 5
    assert len(parsed.diagnostics) <= 100_000


def test_a_file_that_is_too_large_is_said_to_be() -> None:
    assert codes("#" * (LARGEST + 1)) == ["P0113"]
    assert codes("#é" * (LARGEST // 2)) == ["P0113"]
    assert codes("#" * LARGEST) == []


def test_mangled_policies_yield_diagnostics_and_nothing_else() -> None:
    text = WHOLE.read_text()
    words = re.findall(r'"[^"\n]*"|[\w.-]+|\S|\s+', text)
    odd = [
        *"{}[](),\"'\\#\n;",
        're"',
        "not ",
        "and ",
        "\0",
        "é",
        "5%",
        "10s",
        "..",
        "where ",
        "action ",
        "policy p {}\n",
    ]
    chance = random.Random(20)
    vocabulary = Vocabulary(STANDARD_KINDS)
    good = 0
    for _ in range(2000):
        mangled = list(words)
        for _ in range(chance.choice([1, 1, 2, 5])):
            place = chance.randrange(len(mangled))
            match chance.randrange(4):
                case 0:
                    del mangled[place]
                case 1:
                    mangled.insert(place, chance.choice(odd))
                case 2:
                    mangled[place] = chance.choice(words)
                case 3:
                    word = mangled[place]
                    cut = chance.randrange(len(word) + 1)
                    mangled[place] = word[:cut] + chance.choice(odd) + word[cut:]
        checked = check_text("".join(mangled), vocabulary, file="x")
        assert {diagnostic.code for diagnostic in checked.diagnostics} <= set(CODES)
        if checked.policy is not None:
            compile_policy(checked.policy, home="/root")  # what is accepted can be run
            good += 1
    assert good < 2000

"""The formatter: one style, nothing lost, nothing changed by doing it twice."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.policy.format import WIDTH, format_text
from pratique.policy.parser import parse
from pratique.resources import directory

DATA = Path(__file__).parent / "data"


def formatted(text: str) -> str:
    assert parse(text).diagnostics == ()
    out = format_text(text)
    again = parse(out)
    assert again.diagnostics == ()
    assert again.file == parse(text).file
    assert format_text(out) == out
    return out


def test_the_whole_language_is_in_style_already() -> None:
    text = (DATA / "whole.policy").read_text()
    assert formatted(text) == text


@pytest.mark.parametrize("path", sorted(directory("rules").rglob("*.policy")), ids=lambda path: path.name)
def test_the_shipped_policies_lose_nothing(path: Path) -> None:
    formatted(path.read_text())


def test_blanks_lines_and_separators() -> None:
    text = dedent("""\



        policy   p{version "1";


        threshold 5   }
        let a=[  "x"
        ,'y' , ]   # why


        # about b

        let b = 5;;;let c = 6
        action d
        {
          weight 5 ; remedy none
        }
        let e = 7
    """)
    assert formatted(text) == dedent("""\
        policy p { version "1"; threshold 5 }
        let a = ["x", 'y']  # why

        # about b

        let b = 5
        let c = 6

        action d {
            weight 5
            remedy none
        }

        let e = 7
    """)


def test_long_lists_are_filled_up_to_the_margin() -> None:
    items = ", ".join(f'"/etc/thing-{number}.conf"' for number in range(20))
    out = formatted(f"let things = [{items}]\nlet x = 5")
    lines = out.splitlines()
    assert lines[0] == "let things = ["
    assert all(len(line) <= WIDTH for line in lines)
    assert max(map(len, lines)) > WIDTH - 25
    assert lines[-4].endswith('"/etc/thing-19.conf",') or lines[-4].endswith(",")
    assert lines[-3:] == ["]", "", "let x = 5"]


def test_long_conditions_break_before_and_and_or() -> None:
    terms = " or ".join(f'path matches "/usr/lib/some/where/{number}/**"' for number in range(6))
    out = formatted(f"action a {{\n on file.write where {terms}\n weight 5\n}}")
    broken = [line for line in out.splitlines() if line.startswith("        or ")]
    assert len(broken) >= 2
    assert all(len(line) <= WIDTH for line in out.splitlines())


def test_comments_stay_where_they_belong() -> None:
    text = dedent("""\
        # first
        action a {  # about a
            # its weight
            weight 5  # five
            on file.write where path in [
                "/a",  # one
                # two
                "/b",
            ] and  # both
                executable

            remedy none  # last
            # end
        }  # closed
        # finally
    """)
    out = formatted(text)
    for line in ("action a {  # about a", "    # its weight", "    weight 5  # five", "}  # closed", "# finally"):
        assert line in out.splitlines()


def test_a_block_written_short_stays_short_while_it_fits() -> None:
    short = 'samples { send unknown; never "~/.ssh/**"; at most 5MiB }\n'
    assert formatted(short) == short
    paths = ", ".join(f'"/home/somebody/{number}/**"' for number in range(9))
    assert formatted(f"samples {{ never {paths} }}").startswith("samples {\n    never ")


# -- any policy at all ------------------------------------------------------------------------------------------------

# A line that begins with `and` or `or` goes on with the one before.
words = st.from_regex(r"[a-z][a-z_-]{0,12}[a-z]", fullmatch=True)
name = words.filter(lambda word: word not in ("true", "false", "and", "or"))
text = st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\0', exclude_categories=["Cs"]), max_size=60).map(
    '"{}"'.format
)
path = st.from_regex(r'"[/~][a-z*/.]{0,50}"', fullmatch=True)
number = st.integers(0, 10**6).map(str) | st.sampled_from(["5%", "60s", "2GiB", "0.5", "-3"])
regex = st.from_regex(r're"[a-z .*?|()\[\]]{0,50}"i?', fullmatch=True)
blank = st.sampled_from([" ", "  ", "\t"])
end = st.sampled_from(["\n", ";", "\n\n", "\n\n\n", " # why\n", ";  \n", "\n# alone\n", "\r\n"])
gap = st.sampled_from(["", " ", "\n", " # here\n", "\n\n"])
value = st.deferred(lambda: text | path | number | regex | name | array)
array = st.lists(st.tuples(gap, value, gap), max_size=12).map(
    lambda items: "[" + ",".join("".join(item) for item in items) + "]"
)
kind = st.sampled_from(["file.write", "net.connect", "window.raise"])
comparison = st.builds(
    "{} {} {}".format, name, st.sampled_from(["=", "!=", "<", "in", "matches", "contains", "begins with"]), value
)
condition = st.recursive(
    st.one_of(name, comparison),
    lambda inner: st.one_of(
        st.builds("{}{}and {}".format, inner, st.sampled_from([" ", "\n", " # so\n"]), inner),
        st.builds("({}{} or{}{})".format, gap, inner, st.sampled_from([" ", "\n", " # or\n"]), inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=8,
)
step = st.builds("{} where {}".format, kind, condition) | kind
fields = st.lists(st.builds("{} {}".format, name, value), max_size=5).flatmap(
    lambda items: st.sampled_from([", ", "\n", ";", ",\n", ", # c\n"]).map(lambda by: "{ " + by.join(items) + " }")
)
event = st.builds("{} {}".format, kind, fields)
clause = st.one_of(
    st.builds("on {}".format, step),
    st.builds("on {} or more {} by tree within 60s".format, number.filter(str.isdigit), step),
    st.builds("on sequence by process {{\n{}\n{}\n}}".format, step, step),
    st.builds("weight {} disclosed {}".format, number.filter(str.isdigit), number.filter(str.isdigit)),
    st.builds("because {}".format, text),
    st.builds("match {}, {}".format, event, event),
    st.builds("no match {}".format, event),
)


def block(head: st.SearchStrategy[str], statement: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(st.tuples(statement, end), max_size=5).map(lambda parts: "".join(a + b for a, b in parts))
    opening = st.sampled_from([" {", " {\n", " { # so\n", "\n{", " # head\n{"])
    return st.builds("{}{}{}}}".format, head, opening, body)


item = st.one_of(
    st.builds("let {}{}={}{}".format, name, blank, blank, value),
    block(st.builds("action {} {}".format, name, text), clause),
    block(st.just("untick"), st.builds("checkbox, radio labelled {}, {}".format, regex, regex)),
    block(st.just("sandbox"), st.builds("hide {}, {}, {}".format, value, value, value)),
    st.builds("disable action {} because {}".format, name, text),
)
source = st.lists(st.tuples(item, end), max_size=6).map(lambda parts: "".join(a + b for a, b in parts))


@settings(max_examples=400, deadline=None)
@given(source)
def test_formatting_keeps_the_meaning_and_settles_at_once(text: str) -> None:
    formatted(text)

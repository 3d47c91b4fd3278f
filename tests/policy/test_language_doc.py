"""docs/language.md: every example in it is checked, every table in it is compared with the code.

A block fenced as `policy` belongs to the policy `site`, one fenced as `policy NAME` to the policy of that name; a block
fenced as `policy-error` is checked by itself, and the block behind it is exactly what is said of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from pratique.events import STANDARD_KINDS, Vocabulary
from pratique.policy import checker, limits
from pratique.policy.diagnostics import CODES, render
from pratique.policy.format import format_text
from pratique.policy.model import REMEDIES

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
TEXT = PAGE.read_text("utf-8")
BLOCK = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOCABULARY = Vocabulary(STANDARD_KINDS)


def blocks() -> list[tuple[str, str, str]]:
    """(tag, word behind it, content) of every fenced block."""
    return BLOCK.findall(TEXT)


def test_the_examples_are_one_policy_and_nothing_is_wrong_with_it() -> None:
    files: dict[str, list[checker.Source]] = {}
    for number, (tag, name, content) in enumerate(blocks()):
        if tag == "policy":
            line = TEXT[: TEXT.index(content)].count("\n")
            source = checker.read("\n" * line + content, f"language.md block {number}")
            files.setdefault(name or "site", []).append(source)
    assert len(files["site"]) > 12
    checked = checker.check("site", files["site"], VOCABULARY, find=lambda name: files.get(name, []))
    texts = {source.name: source.text for sources in files.values() for source in sources}
    assert not checked.diagnostics, render(checked.diagnostics, texts)
    assert checked.policy is not None


def test_the_examples_are_in_style_but_for_aligned_comments() -> None:
    for tag, _, content in blocks():
        if tag == "policy":
            assert re.sub(r" +#", "  #", content) == format_text(content)


def test_what_is_said_of_a_wrong_example_is_what_the_page_shows() -> None:
    every = blocks()
    wrong = [index for index, (tag, _, _) in enumerate(every) if tag == "policy-error"]
    assert len(wrong) >= 5
    for index in wrong:
        content = every[index][2]
        tag, _, shown = every[index + 1]
        assert tag == "text"
        diagnostics = checker.check_text(content, VOCABULARY, file="site.policy").diagnostics
        assert render(diagnostics, {"site.policy": content}) == shown.rstrip("\n")


def test_the_table_of_kinds_is_the_vocabulary() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| (.*?) \| (.*?) \|$", TEXT, re.MULTILINE)
    expected = [
        (
            kind.name,
            kind.doc,
            ", ".join(f"`{name}`" + ("" if field == "text" else f" ({field})") for name, field in kind.fields.items()),
        )
        for kind in STANDARD_KINDS
    ]
    assert rows == expected


def test_every_code_is_explained() -> None:
    assert dict(re.findall(r"^\| `(P\d{4})` \| (.*?) \|$", TEXT, re.MULTILINE)) == CODES


def test_every_code_can_come_out() -> None:
    said = {
        code
        for module in Path(checker.__file__).parent.glob("*.py")
        if module.name != "diagnostics.py"
        for code in re.findall(r'"(P\d{4})"', module.read_text())
    }
    for name in ("reading", "hashes"):
        outside = Path(checker.__file__).parents[1] / "policies" / f"{name}.py"
        said |= set(re.findall(r'"(P\d{4})"', outside.read_text()))
    assert said == set(CODES)


def test_the_limits_are_those_of_the_code() -> None:
    section = TEXT[TEXT.index("## Limits") : TEXT.index("## Diagnostics")]
    shown = re.findall(r"^\| .* \| ([0-9,]+)(?: MiB of UTF-8 text)? \|$", section, re.MULTILINE)
    assert [int(number.replace(",", "")) for number in shown] == [
        limits.LARGEST >> 20, limits.MOST_ACTIONS, limits.NESTING, limits.LONGEST_CHAIN, limits.DEEPEST_LET,
        limits.LARGEST_LET, limits.LARGEST_POLICY, limits.ALTERNATIVES, limits.WRITTEN_OUT, limits.LONGEST,
        limits.LARGEST_PROGRAM, limits.MOST_STEPS, limits.MOST_TIMES,
    ]  # fmt: skip


def test_every_remedy_is_named() -> None:
    for remedy in REMEDIES:
        assert f"`{remedy}`" in TEXT

"""Every page can be found from the index, and every decision has a number of its own."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_page_stands_in_the_index():
    index = (DOCS / "README.md").read_text()
    pages = {path.name for path in DOCS.iterdir() if path.is_file() and path.name != "README.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


def test_decisions_are_numbered_once_each_and_titled_by_their_number():
    numbers = []
    for path in sorted((DOCS / "decisions").glob("*.md")):
        number = path.name[:4]
        assert re.match(rf"# {number}: \S", path.read_text()), path.name
        numbers.append(number)
    assert numbers == sorted(set(numbers))
    assert numbers

"""Coverage-guided fuzzing of all that reads a policy file: `make fuzz`.

Whatever the bytes are, only diagnostics may come out, and what parses must format to something that parses the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pratique.policy"]):
    from pratique.events import STANDARD_KINDS, Vocabulary
    from pratique.policy.checker import check_text
    from pratique.policy.diagnostics import render
    from pratique.policy.format import format_text
    from pratique.policy.parser import parse

VOCABULARY = Vocabulary(STANDARD_KINDS)
SEEDS = Path(__file__).parents[1] / "policy" / "data"


def one_input(data: bytes) -> None:
    """Read one file, in every way there is."""
    text = data.decode("utf-8", "replace")
    parsed = parse(text, "fuzzed.policy")
    checked = check_text(text, VOCABULARY, file="fuzzed.policy")
    render(checked.diagnostics, {"fuzzed.policy": text})
    if not parsed.diagnostics:
        formatted = format_text(text)
        assert parse(formatted).file == parsed.file
        assert format_text(formatted) == formatted


def words() -> list[str]:
    """The language's own words, so that fuzzing need not find them letter by letter."""
    from pratique.policy.tables import load

    return sorted(load().keywords)


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        dictionary = Path(place, "words")
        dictionary.write_text("".join(f'"{word}"\n' for word in words()))
        corpus = Path(place, "corpus")
        corpus.mkdir()
        atheris.Setup([*sys.argv, f"-dict={dictionary}", "-timeout=10", str(corpus), str(SEEDS)], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

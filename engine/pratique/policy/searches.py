r"""Many regular expressions, searched for at once: in one text, or in many short texts together.

One text is given to RE2's set automaton, which says in linear time which expressions are found. That costs half a
microsecond before the first character is read, so many texts are joined by newlines first and searched for *any* of the
expressions in one go; only a line where something begins is then given to the set. This sieve may let through too much
and never too little: with `^` and `$` read as edges of a line, whatever is found in a text by itself is found in the
joined lines too. Expressions that speak of the edges of the whole text (`\A`, `\z`), and texts that hold a newline, are
left to the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from re import compile as compile_python
from typing import Any, Final, Generic, TypeAlias, TypeVar

import re2

from pratique.policy.model import Regex
from pratique.policy.paths import readable

T = TypeVar("T")

#: Answers with the entries whose condition holds; an entry with several conditions may come several times.
Find: TypeAlias = "Callable[[str], Sequence[T]]"

#: Memory for an automaton's states, in bytes: a share for each expression, and enough for the smallest set. RE2 makes
#: states as it meets text and starts over when they fill this, so less memory costs time, never a match.
_BASE_MEMORY: Final = 32 << 20
_MEMORY_EACH: Final = 16 << 10

#: Characters; a longer text is worth a search of its own.
LONGEST_LINE: Final = 4096
LONGEST_BLOCK: Final = 65536
#: What the sieve cannot hold: edges of the whole text, flags switched off, literal stretches.
_NO_LINE: Final = compile_python(r"\\[AzZCQ]|\(\?[a-zA-Z]*-")


def options(memory: int = 8 << 20) -> Any:
    """How every expression is read: RE2's own syntax, UTF-8, and silent, for the checker reports mistakes itself."""
    chosen = re2.Options()
    chosen.log_errors = False
    chosen.never_capture = True
    chosen.max_mem = memory
    return chosen


def pattern(regex: Regex) -> str:
    """The expression with its flags written in front."""
    return f"(?{regex.flags}:{regex.pattern})" if regex.flags else regex.pattern


def searcher(regexes: Sequence[Regex]) -> Callable[[str], bool]:
    """Whether any of the expressions is found in a text."""
    search = re2.compile("|".join(f"(?:{pattern(regex)})" for regex in regexes), options()).search

    def found(text: str) -> bool:
        return search(readable(text)) is not None

    return found


class SearchTable(Generic[T]):
    """Expressions and what each stands for. Fill it, then ask."""

    def __init__(self) -> None:
        self._entries: dict[str, list[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, expression: str, entry: T) -> None:
        self._entries.setdefault(expression, []).append(entry)

    def find(self) -> Find[T]:
        """The function that answers for one text. Do not fill the table afterwards."""
        automaton = re2.Set.SearchSet(options(_BASE_MEMORY + _MEMORY_EACH * len(self._entries)))
        for expression in self._entries:
            automaton.Add(expression)
        automaton.Compile()
        entries = [tuple(own) for own in self._entries.values()]
        # The wrapper's Match looks for bytes and encodes text each time; what it wraps takes bytes at once.
        match = automaton._set.Match

        def find(text: str) -> Sequence[T]:
            try:
                numbers = match(text.encode())
            except UnicodeEncodeError:
                numbers = match(readable(text).encode())
            if not numbers:
                return ()
            return [entry for number in numbers for entry in entries[number]]

        return find

    def find_among(self) -> FindAmong[T]:
        """The function that answers for many texts. Do not fill the table afterwards."""
        find = self.find()
        lines = [expression for expression in self._entries if not _NO_LINE.search(expression)]
        rest: SearchTable[T] = SearchTable()
        for expression, own in self._entries.items():
            if _NO_LINE.search(expression):
                rest._entries[expression] = own
        find_rest = rest.find() if rest else None
        sieve = _sieve(lines) if lines else None

        def find_among(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[T]]]:
            for at in sieve(texts) if sieve else ():
                found = find(texts[at])
                if found:
                    yield at, found
            if find_rest is not None:
                for at, text in enumerate(texts):
                    found = find_rest(text)
                    if found:
                        yield at, found

        return find_among


#: Answers with (index of the text, entries) for the texts in which something is found; a text may come twice.
FindAmong: TypeAlias = "Callable[[Sequence[str]], Iterator[tuple[int, Sequence[T]]]]"


def _sieve(expressions: list[str]) -> Callable[[Sequence[str]], list[int]]:
    """A function that says which texts may hold any of the expressions."""
    memory = _BASE_MEMORY + _MEMORY_EACH * len(expressions)
    joined = "|".join(f"(?:{expression})" for expression in expressions)
    match = re2.compile(f"(?m:{joined})", options(memory))._regexp.Match
    anywhere = re2._Anchor.UNANCHORED

    def sieve(texts: Sequence[str]) -> list[int]:
        block = "\n".join(texts)
        found: list[int] = []
        if len(block) > LONGEST_BLOCK or block.count("\n") >= len(texts):
            found = [at for at, text in enumerate(texts) if len(text) > LONGEST_LINE or "\n" in text]
            alone = set(found)
            block = "\n".join("" if at in alone else text for at, text in enumerate(texts))
        try:
            data = block.encode()
        except UnicodeEncodeError:
            data = readable(block).encode()
        start = number = 0
        end = len(data)
        while True:
            spans = match(anywhere, data, start, end)
            if not spans or spans[0][0] < 0:
                return found
            at = spans[0][0]
            number += data.count(b"\n", start, at)
            found.append(number)
            start = data.find(b"\n", at) + 1
            number += 1
            if not start:
                return found

    return sieve

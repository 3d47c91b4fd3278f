r"""Many regular expressions, searched for at once: in one text, or in many short texts together.

One text is given to RE2's set automaton, which says in linear time which expressions are found. That costs half a
microsecond before the first character is read, so many texts are joined by newlines first and searched for *any* of the
expressions in one go; only a line where something begins is then given to the set. This sieve may let through too much
and never too little: with `^` and `$` read as edges of a line, whatever is found in a text by itself is found in the
joined lines too. Expressions that speak of the edges of the whole text (`\A`, `\z`), and texts that hold a newline, are
left to the set.

RE2 looks at no signal while it searches, and a set that is too large cannot be compiled. So expressions are cut into
sets of a bounded number of instructions, and texts are joined into blocks that take one call no longer than `WORK`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from re import compile as compile_python
from typing import Any, Final, Generic, TypeAlias, TypeVar

import re2

from pratique.policy.model import Regex
from pratique.policy.paths import readable
from pratique.policy.patterns import size
from pratique.policy.programs import runs

T = TypeVar("T")
C = TypeVar("C")

#: Answers with the entries whose condition holds; an entry with several conditions may come several times.
Find: TypeAlias = "Callable[[str], Sequence[T]]"

#: Memory for an automaton's states, in bytes: a share for each expression, and enough for the smallest set. RE2 makes
#: states as it meets text and starts over when they fill this, so less memory costs time, never a match.
_BASE_MEMORY: Final = 32 << 20
_MEMORY_EACH: Final = 16 << 10

#: Instructions of the expressions that are searched for in one call. At worst, with a new state for every character,
#: each takes 3 ns a character: 6 s for the longest text there is (65,536 characters).
LARGEST_SET: Final = 1 << 15
#: Characters times instructions of one call for many texts: a second at worst.
WORK: Final = 1 << 28

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
    searches = [
        one.search
        for run in runs([pattern(regex) for regex in regexes], LARGEST_SET)
        for one in compiled(run, lambda some: re2.compile("|".join(f"(?:{one})" for one in some), options()))
    ]

    def found(text: str) -> bool:
        text = readable(text)
        return any(search(text) is not None for search in searches)

    return found


def compiled(expressions: Sequence[str], compile: Callable[[Sequence[str]], C]) -> list[C]:
    """The expressions made into one automaton, or halved until each can be made.

    A single one always can: the checker made it, with less memory. Raises `re2.error` for one that cannot.
    """
    try:
        return [compile(expressions)]
    except re2.error:
        if len(expressions) < 2:
            raise
        half = len(expressions) // 2
        return [*compiled(expressions[:half], compile), *compiled(expressions[half:], compile)]


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
        parts = [part for run in runs(list(self._entries), LARGEST_SET) for part in compiled(run, self._part)]

        def find(text: str) -> Sequence[T]:
            try:
                data = text.encode()
            except UnicodeEncodeError:
                data = readable(text).encode()
            return [entry for match, entries in parts for number in match(data) or () for entry in entries[number]]

        return find

    def _part(self, expressions: Sequence[str]) -> tuple[Callable[[bytes], Sequence[int]], list[tuple[T, ...]]]:
        automaton = re2.Set.SearchSet(options(_BASE_MEMORY + _MEMORY_EACH * len(expressions)))
        for expression in expressions:
            automaton.Add(expression)
        automaton.Compile()
        # The wrapper's Match looks for bytes and encodes text each time; what it wraps takes bytes at once.
        return automaton._set.Match, [tuple(self._entries[expression]) for expression in expressions]

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


#: Says where in some bytes, from a place to another, an expression is found first.
_Match: TypeAlias = "Callable[[Any, bytes, int, int], Sequence[tuple[int, int]]]"


def _sieve(expressions: list[str]) -> Callable[[Sequence[str]], Iterable[int]]:
    """A function that says which texts may hold any of the expressions; one may be said twice."""
    matches = compiled(expressions, _anywhere)
    longest = max(1, min(LONGEST_BLOCK, WORK // sum(map(size, expressions))))

    def sieve(texts: Sequence[str]) -> Iterable[int]:
        whole = "\n".join(texts)
        if len(whole) <= longest and whole.count("\n") < len(texts):
            return _lines(matches, whole)
        alone = {at for at, text in enumerate(texts) if len(text) > min(longest, LONGEST_LINE) or "\n" in text}
        lines = ["" if at in alone else text for at, text in enumerate(texts)]
        return chain(
            alone, *((first + at for at in _lines(matches, block)) for first, block in _blocks(lines, longest))
        )

    return sieve


def _anywhere(expressions: Sequence[str]) -> _Match:
    joined = "|".join(f"(?:{expression})" for expression in expressions)
    memory = _BASE_MEMORY + _MEMORY_EACH * len(expressions)
    return re2.compile(f"(?m:{joined})", options(memory))._regexp.Match  # type: ignore[no-any-return]


def _blocks(lines: Sequence[str], longest: int) -> Iterator[tuple[int, str]]:
    """The lines joined, as many at a time as make no more than `longest` characters; with the number of the first."""
    first = length = 0
    for at, line in enumerate(lines):
        if length + len(line) > longest and at > first:
            yield first, "\n".join(lines[first:at])
            first, length = at, 0
        length += len(line)
    yield first, "\n".join(lines[first:])


def _lines(matches: Sequence[_Match], block: str) -> list[int]:
    """The numbers of the lines in which something begins."""
    try:
        data = block.encode()
    except UnicodeEncodeError:
        data = readable(block).encode()
    anywhere = re2._Anchor.UNANCHORED
    found: list[int] = []
    end = len(data)
    for match in matches:
        start = number = 0
        while True:
            spans = match(anywhere, data, start, end)
            if not spans or spans[0][0] < 0:
                break
            at = spans[0][0]
            number += data.count(b"\n", start, at)
            found.append(number)
            start = data.find(b"\n", at) + 1
            number += 1
            if not start:
                break
    return found

"""The parser's tables: made from grammar/policy.lark by Lark, kept beside it, and loaded without Lark.

Lark reads the grammar, finds its conflicts and computes the LALR(1) table. Doing that at every start would cost more
than all else `pratique policy check` does, so the result is kept as plain JSON (docs/decisions/0010).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from pratique.resources import directory

FORMAT: Final = 1


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """`name: parts`. `parts` are (terminal?, kept?, empty places before it); `after`: empty places at the end."""

    name: str
    parts: tuple[tuple[bool, bool, int], ...]
    after: int
    grows: bool  # a list rule whose first part is the list so far


class Tables(msgspec.Struct, frozen=True):
    """`moves[state][terminal]`: a state to go to, or `~rule` to reduce by. `gotos[state][name of a rule]`: a state."""

    key: str
    start: int
    moves: list[dict[str, int]]
    gotos: list[dict[str, int]]
    rules: list[Rule]
    patterns: dict[str, str]  # terminal -> regular expression
    keywords: dict[str, str]  # word or sign -> terminal


def key_of(grammar: str) -> str:
    """What the kept tables must bear to belong to this grammar."""
    return hashlib.sha256(f"{FORMAT}\n{grammar}".encode()).hexdigest()


def build(grammar: str) -> Tables:
    """The tables of a grammar, by Lark. Raises `lark.exceptions.GrammarError` when it is ambiguous for LALR(1)."""
    from lark import Lark
    from lark.lexer import Lexer, PatternStr
    from lark.parsers.lalr_analysis import Shift

    class NoLexer(Lexer):
        """Only the tables are wanted; `pratique.policy.lexer` reads the text."""

        def __init__(self, conf: object) -> None:
            """Nothing to prepare."""

        def lex(self, lexer_state: object, parser_state: object) -> object:  # type: ignore[override]
            raise NotImplementedError

    lark = Lark(grammar, parser="lalr", lexer=NoLexer, maybe_placeholders=True)
    table = lark.parser.parser._parse_table
    number = {rule: index for index, rule in enumerate(lark.rules)}
    names = {rule.origin.name for rule in lark.rules}
    order = _numbered(table.states, table.start_states["start"], Shift)
    moves: list[dict[str, int]] = [{} for _ in order]
    gotos: list[dict[str, int]] = [{} for _ in order]
    for state, place in order.items():
        for symbol, (action, argument) in sorted(table.states[state].items()):
            target = gotos if symbol in names else moves
            target[place][str(symbol)] = order[argument] if action is Shift else ~number[argument]
    rules = []
    for rule in lark.rules:
        empty = rule.options.empty_indices
        before = [len(run) for run in "".join(str(int(one)) for one in empty).split("0")] if empty else []
        before = before or [0] * (len(rule.expansion) + 1)
        parts = tuple(
            (symbol.is_term, not getattr(symbol, "filter_out", False) or rule.options.keep_all_tokens, gap)
            for symbol, gap in zip(rule.expansion, before, strict=False)
        )
        name = str(rule.origin.name)
        rules.append(Rule(name, parts, before[-1], name.startswith("__") and rule.expansion[0].name == name))
    terminals = {terminal.name: terminal.pattern for terminal in lark.terminals}
    return Tables(
        key=key_of(grammar),
        start=0,
        moves=moves,
        gotos=gotos,
        rules=rules,
        patterns={name: p.to_regexp() for name, p in terminals.items() if not isinstance(p, PatternStr)},
        keywords={p.value: name for name, p in terminals.items() if isinstance(p, PatternStr)},
    )


def _numbered(states: Mapping[int, Mapping[str, tuple[object, Any]]], start: int, shift: object) -> dict[int, int]:
    """The states in the order one comes to them from the start: Lark's own numbers differ from run to run."""
    order = {start: 0}
    for state in (queue := [start]):
        for _, (action, argument) in sorted(states[state].items()):
            if action is shift and argument not in order:
                order[argument] = len(order)
                queue.append(argument)
    return order


def kept() -> Path:
    """Where the shipped tables lie."""
    return directory("grammar") / "policy.tables.json"


@cache
def load() -> Tables:
    """The shipped tables; built afresh (0.2 s) when the grammar was changed since."""
    grammar = (directory("grammar") / "policy.lark").read_text("utf-8")
    try:
        tables = msgspec.json.decode(kept().read_bytes(), type=Tables)
    except (OSError, msgspec.MsgspecError):
        return build(grammar)
    return tables if tables.key == key_of(grammar) else build(grammar)


def write() -> None:
    """Make the shipped tables anew: `python -m pratique.policy.tables`."""
    grammar = (directory("grammar") / "policy.lark").read_text("utf-8")
    kept().write_bytes(msgspec.json.format(msgspec.json.encode(build(grammar)), indent=0) + b"\n")


if __name__ == "__main__":
    write()

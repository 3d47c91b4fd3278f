"""How much searching a policy asks for: the instructions of its expressions, as RE2 counts them.

A text is searched in time that grows with its length and with this number, whatever stands in it. So a bound on the
number bounds what judging costs, and cutting expressions into runs bounds what one call into RE2 costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pratique.policy.model import Action, And, Condition, Contains, Matches, Not, Or, Regex, Step, Trigger
from pratique.policy.model import Sequence as SequenceOf
from pratique.policy.patterns import MEMORY, size, with_flags

#: What finding anything anywhere adds to a text that is looked for, in instructions.
_AROUND: Final = 4


def cost(action: Action) -> int:
    """The instructions of all that an action's triggers search texts for, each as often as it is used."""
    return sum(_cost(one) for trigger in action.triggers for step in _steps(trigger) for one in _searched(step.where))


def _cost(sought: Regex | str) -> int:
    if isinstance(sought, str):
        return len(sought.encode("utf-8", "replace")) + _AROUND
    return size(with_flags(sought.pattern, sought.flags), MEMORY)


def _steps(trigger: Trigger) -> Sequence[Step]:
    return trigger.steps if isinstance(trigger, SequenceOf) else (trigger.step,)


def _searched(where: Condition) -> Iterator[Regex | str]:
    match where:
        case And(terms=terms) | Or(terms=terms):
            for term in terms:
                yield from _searched(term)
        case Not(term=term):
            yield from _searched(term)
        case Matches(regexes=regexes):
            yield from regexes
        case Contains(how="contains", value=value):
            yield value


def runs(expressions: Sequence[str], largest: int) -> Iterator[list[str]]:
    """The expressions in order, cut into runs of at most `largest` instructions, or of a single expression."""
    run: list[str] = []
    total = 0
    for expression in expressions:
        own = size(expression)
        if run and total + own > largest:
            yield run
            run, total = [], 0
        run.append(expression)
        total += own
    if run:
        yield run

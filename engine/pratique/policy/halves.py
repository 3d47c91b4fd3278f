"""The actions of a policy checked by two: the second half of them beside us, where somebody can do that.

An action depends on the others by what they leave in the context only: which lets are used, how many values were put
in, what was complained of. A half that complains of nothing is what it had been with the first before it, and
is taken; one that complains is checked again here, so that each complaint is made once and in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeAlias

import msgspec

from pratique.policy import model
from pratique.policy.actions import action
from pratique.policy.compose import Composed, Placed
from pratique.policy.limits import LARGEST_POLICY
from pratique.policy.scope import Context

#: Begins some work elsewhere, whose result is of a kind that msgspec can write; the block gets what waits for it, and
#: gives it, or None when it could not be done.
Aside: TypeAlias = "Callable[[Callable[[], Any], Any], AbstractContextManager[Callable[[], Any]]]"

#: Actions from which two are quicker than one.
_MANY: Final = 1000
#: The share that is checked here: the other half has to be written down and read.
_OURS: Final = 0.55


class _Half(msgspec.Struct, frozen=True):
    """What came of some of the actions, and what checking them did to the context."""

    actions: list[model.Action | None]
    used_lets: set[str]
    put_in: int
    complained: bool


@contextmanager
def nobody(work: Callable[[], object], kind: object) -> Iterator[Callable[[], None]]:
    """There is nobody beside us."""
    yield lambda: None


def actions(composed: Composed, context: Context, aside: Aside) -> list[model.Action | None]:
    """The actions as they are in force, in order; None in the place of one that means nothing (reported)."""
    every = list(composed.actions.values())
    if len(every) < _MANY:
        return _made(every, composed)
    split = int(len(every) * _OURS)
    with aside(lambda: _half(every[split:], composed, context), _Half) as wait:
        ours = _made(every[:split], composed)
        theirs: _Half | None = wait()
    if theirs is None or theirs.complained or context.expanded + theirs.put_in > LARGEST_POLICY:
        return ours + _made(every[split:], composed)
    context.used_lets |= theirs.used_lets
    context.expanded += theirs.put_in
    return ours + theirs.actions


def _half(some: Sequence[Sequence[Placed]], composed: Composed, context: Context) -> _Half:
    before, said = context.expanded, len(context.diagnostics)
    made = _made(some, composed)
    complained = len(context.diagnostics) > said
    return _Half([] if complained else made, context.used_lets, context.expanded - before, complained)


def _made(some: Sequence[Sequence[Placed]], composed: Composed) -> list[model.Action | None]:
    return [action(placed, composed.units[placed[0].rank].name) for placed in some]

"""Which part of a change an action is about.

An action may be about a path as such ("runs itself whenever a shell starts"), or about what was written there ("sends
traffic through somebody else": `added matches ...`). Of the latter only the lines that meet the condition need to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pratique.events import FieldValue
from pratique.policy.compile import steps_of
from pratique.policy.match import Predicate, fields_of, predicate
from pratique.policy.model import Action

#: The fields that hold what was written rather than where.
_LINES: Final = ("added", "removed")


def narrow(
    action: Action, kind: str, fields: Mapping[str, FieldValue], parts: Sequence[Mapping[str, str]], home: str
) -> frozenset[int] | None:
    """The numbers of the `parts` of a change that an event of it is evidence for; None: the change as a whole.

    `fields` are the event's, each part says what it alone `added` and `removed`. What is left without the parts found
    must not meet the conditions any more; where it does, or no part does by itself, the whole is meant.
    """
    met = [(holds, narrowed) for holds, narrowed in _conditions(action, kind, home) if holds(fields)]
    if not met or not all(narrowed for _, narrowed in met):
        return None
    found: set[int] = set()
    for holds, _ in met:
        own = {number for number, part in enumerate(parts) if holds({**fields, **part})}
        rest = [part for number, part in enumerate(parts) if number not in own]
        if not own or (rest and holds({**fields, **_together(rest)})):
            return None
        found |= own
    return frozenset(found)


def _conditions(action: Action, kind: str, home: str) -> Iterator[tuple[Predicate, bool]]:
    """The action's conditions on events of a kind, and whether each asks for lines."""
    for trigger in action.triggers:
        for step in steps_of(trigger):
            if kind in step.kinds:
                yield predicate(step.where, home), any(field in _LINES for field in fields_of(step.where))


def _together(parts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: "\n".join(part[name] for part in parts if part[name]) for name in _LINES}

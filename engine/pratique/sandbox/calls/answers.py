"""The plan's `deny` and `emulate`, asked of each act before it is done. The plan is a value: no policy is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pratique.policy.match import Predicate, needs_common, predicate
from pratique.policy.model import Step

DENIED: Final = "denied"
PRETENDED: Final = "pretended"

#: What emulating means for these is done elsewhere: the overlay holds what is written, and it is dropped at commit.
_BY_OVERLAY: Final = frozenset({
    "file.create", "file.write", "file.delete", "file.rename", "file.mode", "file.owner", "file.attribute", "file.read",
    "process.exec",
})  # fmt: skip


class Answers:
    """Which acts are refused, and which only seem to be done. What is both is refused."""

    def __init__(self, deny: tuple[Step, ...], emulate: tuple[Step, ...], home: str) -> None:
        self._steps: dict[str, list[tuple[str, Predicate, bool]]] = {}
        for outcome, steps in ((DENIED, deny), (PRETENDED, emulate)):
            for step in steps:
                test = predicate(step.where, home)
                for kind in step.kinds:
                    if outcome == DENIED or kind not in _BY_OVERLAY:
                        self._steps.setdefault(kind, []).append((outcome, test, needs_common(step.where)))

    def to(self, kind: str, fields: Mapping[str, Any], program: str) -> str:
        """DENIED, PRETENDED, or "": it is done."""
        steps = self._steps.get(kind)
        if steps is None:
            return ""
        for outcome, test, common in steps:
            if test({**fields, "program": program} if common else fields):
                return outcome
        return ""

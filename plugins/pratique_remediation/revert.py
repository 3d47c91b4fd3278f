"""Revert and disable: a change is dropped when the rest is installed.

Nothing has reached the machine yet when a remedy is asked: taking a change back means not making it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from pratique import Effect, RemedyOutcome, hookimpl
from pratique.hookspecs import Remedy
from pratique.recording import Recording


class LeaveOut(msgspec.Struct, frozen=True):
    """A remedy that drops the effects of a finding; `outcome` is the word the report uses for it."""

    name: str
    outcome: Literal["reverted", "disabled"]

    def apply(self, recording: Recording, effects: Sequence[Effect]) -> RemedyOutcome:
        """All of the effects go; an act that left no effect (a connection, a read) cannot be taken back."""
        if not effects:
            return RemedyOutcome(outcome="kept", note="it left nothing behind that could be taken back")
        return RemedyOutcome(outcome=self.outcome, effects=frozenset(effect.id for effect in effects))


@hookimpl
def remedies() -> list[Remedy]:
    return [LeaveOut("revert", "reverted"), LeaveOut("disable", "disabled")]

"""The remedies plugins offer, by name; what one answers is contained and checked like any other plugin's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pratique.hookspecs import Remedy, RemedyOutcome
from pratique.host import Host, answers, border
from pratique.recording import Effect, Recording

#: Seconds one remedy may take for one finding.
BUDGET = answers.BUDGETS["remedies"] or 1.0


class Contained:
    """A plugin's remedy that cannot raise, hang or answer nonsense: then it says that it failed."""

    def __init__(self, remedy: Remedy, name: str, plugin: str, host: Host) -> None:
        self.name = name
        self._remedy = remedy
        self._plugin = plugin
        self._host = host

    def apply(self, recording: Recording, effects: Sequence[Effect]) -> RemedyOutcome:
        done = border.within(
            BUDGET, lambda: self._remedy.apply(recording, effects), {}, f"a remedy of the plugin {self._plugin}"
        )
        error = done.error or _fault(done.value)
        self._host.note_call(self._plugin, "remedies", done.seconds, error, overran=done.overran)
        if error:
            return RemedyOutcome(outcome="failed", note=f"the plugin {self._plugin} failed")
        answer: RemedyOutcome = done.value
        return answer


def _fault(value: object) -> str:
    if not isinstance(value, RemedyOutcome):
        return f"returned nonsense: expected RemedyOutcome, found {type(value).__name__}"
    try:
        msgspec.convert(msgspec.to_builtins(value), RemedyOutcome)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        return f"returned nonsense: expected RemedyOutcome, found one that is wrong inside: {error}"
    return ""


def remedies(host: Host) -> Mapping[str, Remedy]:
    """Remedies by name; of two plugins that offer one name, the one asked first wins."""
    found: dict[str, Remedy] = {}
    for answer in host.call("remedies"):
        for remedy in answer.value:
            name = str(remedy.name)
            found.setdefault(name, Contained(remedy, name, answer.plugin, host))
    return found

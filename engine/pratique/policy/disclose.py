"""Was the person told? Which findings a control or a question disclosed, before they happened.

Two kinds of event tell: `prompt.answer`, when a person answered, and `control.leave`, the state of a control when its
page was left. What they say must name the thing *by itself*. So none of these discloses anything:

- a text about a licence or terms, or one too long to be a label (`LONGEST_LABEL`): nobody chooses by reading it;
- one that satisfies two disclosures with no action in common: one "accept" for several things;
- one in which a disclosure of several actions finds several different things ("home page and default search").

For a bundled component, what a component that brought it showed counts too, provided that the offer was for this one
alone: where several bundled components did the same thing, the text must name the component.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import re2

from pratique.events import Event
from pratique.policy.model import ByControl, ByPrompt, Disclosure, Regex
from pratique.policy.paths import readable
from pratique.policy.searches import options, pattern

if TYPE_CHECKING:
    from pratique.policy.evaluate import Circumstances

KINDS: Final = ("prompt.answer", "control.leave")
#: Characters; a longer text is not a label but something to be scrolled past.
LONGEST_LABEL: Final = 300
_LICENCE: Final = Regex(
    r"licen[cs]e|\beula\b|terms (and|&) conditions|terms of (use|service)|privacy (policy|notice)", "i"
)
_YES: Final = frozenset({"y", "yes", "ok", "true", "1", "j", "ja", "o", "oui", "s", "si", "sí"})
_NO: Final = frozenset({"n", "no", "false", "0", "nein", "non"})


class Telling(NamedTuple):
    """An event that told the person about something."""

    when: tuple[float, int]
    component: str
    text: str
    event: Event


class Disclosing:
    """What the events of one session disclosed."""

    def __init__(
        self,
        covering: Mapping[str, tuple[Disclosure, ...]],
        events: Iterable[Event],
        around: Circumstances,
        done_by: Mapping[str, Collection[str]],
    ) -> None:
        """`covering`: the disclosures of each action; `done_by`: the components each action was found in."""
        self._covering = covering
        self._around = around
        self._done_by = done_by
        self._told: dict[str, list[Telling]] = {}  # by the name of the disclosure
        wanted = {d.name: d for action in done_by for d in covering.get(action, ())}
        if wanted:
            every = list({d.name: d for own in covering.values() for d in own}.values())
            for event in events:
                if event.kind in KINDS:
                    self._read(event, every)

    def _read(self, event: Event, every: list[Disclosure]) -> None:
        text = _text(event)
        if len(text) > LONGEST_LABEL or _found(_LICENCE, text):
            return
        told = [disclosure for disclosure in every if any(_holds(by, event) for by in disclosure.by)]
        if any(set(one.covers).isdisjoint(other.covers) for one, other in combinations(told, 2)):
            return
        for disclosure in told:
            if len(disclosure.covers) == 1 or len(set(_things(disclosure, text))) <= 1:
                telling = Telling((event.time, event.seq), self._around.component(event), text, event)
                self._told.setdefault(disclosure.name, []).append(telling)

    def told(self, action: str, component: str, before: tuple[float, int]) -> Telling | None:
        """The first event that told about the action, in this component, before (time, seq); None: nothing did."""
        every = (
            telling
            for disclosure in self._covering.get(action, ())
            for telling in self._told.get(disclosure.name, ())
            if telling.when < before and self._speaks_for(telling, action, component)
        )
        return min(every, key=lambda telling: telling.when, default=None)

    def _speaks_for(self, telling: Telling, action: str, component: str) -> bool:
        if telling.component == component:
            return True
        carriers = set(self._carriers(component))
        if telling.component not in carriers:
            return False
        others = [
            other
            for other in self._done_by.get(action, ())
            if other != component and telling.component in self._carriers(other)
        ]
        return not others or component.lower() in telling.text.lower()

    def _carriers(self, component: str) -> Iterator[str]:
        """What brought the component, and what brought that."""
        seen = {component}
        carrier = self._around.bundled_by.get(component)
        while carrier is not None and carrier not in seen:
            yield carrier
            seen.add(carrier)
            carrier = self._around.bundled_by.get(carrier)


def _text(event: Event) -> str:
    return str(event.fields.get("text" if event.kind == "prompt.answer" else "label") or "")


def _holds(by: ByControl | ByPrompt, event: Event) -> bool:
    """Whether the event is one this clause speaks of, in the state it asks for."""
    fields = event.fields
    if isinstance(by, ByPrompt):
        return (
            event.kind == "prompt.answer"
            and fields.get("by") == "person"
            and _answered(by.answered, str(fields.get("answer") or ""))
            and any(_found(regex, _text(event)) for regex in by.asking)
        )
    return (
        event.kind == "control.leave"
        and fields.get("by") in (None, "", "person")
        and fields.get("control") in by.controls
        and _in_state(by.state, ticked=fields.get("ticked") is True, touched=fields.get("touched") is True)
        and any(_found(regex, _text(event)) for regex in by.labelled)
    )


def _in_state(state: str, *, ticked: bool, touched: bool) -> bool:
    match state:
        case "left ticked":  # whoever ticked it
            return ticked
        case "ticked":  # the person did
            return ticked and touched
        case "pressed":
            return touched
        case _:
            return True


def _answered(wanted: str, answer: str) -> bool:
    word = answer.strip().lower()
    return wanted == "anything" or word in (_YES if wanted == "yes" else _NO)


def _things(disclosure: Disclosure, text: str) -> Iterator[str]:
    """The parts of the text the disclosure's expressions find, in lower case."""
    for by in disclosure.by:
        for regex in by.asking if isinstance(by, ByPrompt) else by.labelled:
            for match in _expression(regex).finditer(readable(text)):
                yield match.group().lower().strip()


def _found(regex: Regex, text: str) -> bool:
    return _search(regex)(readable(text)) is not None


@lru_cache(maxsize=1024)
def _expression(regex: Regex) -> re2._Regexp:
    return re2.compile(pattern(regex))


@lru_cache(maxsize=1024)
def _search(regex: Regex) -> Callable[[str], object]:
    return re2.compile(pattern(regex), options()).search  # type: ignore[no-any-return]

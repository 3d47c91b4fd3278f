"""An explanation in words: the lines `pratique policy explain` prints, and the parts of its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pratique.cli.plain import printable
from pratique.policy.explain import Change, Miss, Number
from pratique.policy.score import Verdict, shown

#: Events shown under one number.
_SHOWN = 3


def verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "class": verdict.verdict,
        "total": verdict.total,
        "threshold": verdict.threshold,
        "method": str(verdict.method),
    }


def change(change: Change) -> dict[str, Any]:
    return {
        "text": str(change),
        "kind": change.kind,
        "actions": change.actions,
        "total": change.total,
        "class": change.verdict,
    }


def plain(total: float) -> str:
    return shown(total).removesuffix(".0")


def headline(name: str, version: str, verdict: Verdict) -> str:
    total = f"{plain(verdict.total)} of {verdict.threshold:g}"
    return f"{verdict.verdict.upper()}  {total}, by {name} {version}, {verdict.method}"


def number_lines(numbers: Sequence[Number], evidence: Mapping[str, Sequence[str]], *, every: bool = False) -> list[str]:
    """`evidence`: the events of each action in words, of which the first are shown unless `every` one is wanted."""
    lines = []
    for number in numbers:
        times = f" x {number.count}" if number.count > 1 else ""
        told = ", the person was told" if number.disclosed else ""
        lines.append(f"{plain(number.weight) + times:>6}  {number.title}  ({number.action}, {number.where})")
        owner = f" of {printable(number.component)}" if number.component else ""
        lines.append(f"        adds {plain(number.adds)} to the total{told}; category {number.category}{owner}")
        lines += [f"        because {printable(text)}" for text in number.because]
        lines += [f"        {printable(text)}" for text in number.triggers]
        events = evidence.get(number.action, [])
        wanted = len(events) if every else _SHOWN
        lines += [f"          {printable(text)}" for text in events[:wanted]]
        if len(events) > wanted:
            lines.append(f"          and {len(events) - wanted} more; `--all` shows them")
    return lines


def component_lines(components: Sequence[Mapping[str, Any]]) -> list[str]:
    if not components:
        return []
    return [
        "",
        *(
            f" {printable(part['name'])}  {plain(part['total'])}  {part['verdict']}  ({printable(part['because'])})"
            for part in components
        ),
    ]


def miss_lines(misses: Sequence[Miss], heading: str, *, with_event: bool = True, more: int = 0) -> list[str]:
    """`more` of them are not among these."""
    lines = ["", heading] if misses else []
    for miss in misses:
        lines += _one_miss(miss, with_event)
    return [*lines, f"        and {more} more; `--all` shows them"] if more else lines


def _one_miss(miss: Miss, with_event: bool) -> list[str]:
    lines = [f"  {plain(miss.weight):>4}  {miss.title}  ({miss.action}, {miss.where})"]
    if with_event:
        lines.append(f"        {printable(miss.event)}")
    lines += [f"        {reason.text}: no, {printable(reason.found)}" for reason in miss.reasons if reason.found]
    lines += [f"        {reason.text}: no" for reason in miss.reasons if not reason.found]
    if miss.note:
        lines.append(f"        {miss.note}")
    return lines


def change_lines(changes: Sequence[Change], verdict: Verdict) -> list[str]:
    if changes:
        return ["", *(f"{change}" for change in changes)]
    if verdict.undesirable:
        return ["", "nothing that was found could be taken away to make it clean"]
    room = verdict.threshold - verdict.total
    return ["", f"{plain(room)} more would reach the threshold"] if room > 0 else []


def listeners(far: int, near: int, kind: str, *, met: bool = False) -> str:
    """What became of the actions that listen to this kind of event and were not met.

    `near` of them were shown before; `met`: others were met.
    """
    more = "other " if near or met else ""
    if far == 0:
        return f"no {more}action listens to {kind}"
    if far == 1:
        return f"1 {more}action listens to {kind} and was not met; `--all` says why"
    return f"{far} {more}actions listen to {kind} and were not met; `--all` says why"

"""The one screen: what it is, the verdict, every undesirable action with its weight and reason, the components."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from pratique.cli.details import details
from pratique.cli.evidence import counted, distinct, short
from pratique.cli.plain import printable, put
from pratique.policy.score import shown
from pratique.report import ActionPart, ComponentPart, EvidencePart, Report, ending, typed, unfinished
from pratique.standing import ON_NEITHER

__all__ = ["details", "done", "human_size", "lines", "show"]

#: Evidence lines shown under one action; `details` has the rest.
EVIDENCE_LINES = 3
#: Components listed that are clean and weigh nothing.
CLEAN_LINES = 12
#: What of the rest needs a component that is left out.
DEPENDING_LINES = 5
#: Where the right column begins at the latest: room on the left for a title, on the right for a short fact.
RIGHT = 56
#: Columns, where the output is no terminal.
WIDTH = 100


def human_size(size: int) -> str:
    """
    >>> human_size(4_404_019)
    '4.2 MiB'
    """
    number = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{size} bytes" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("unreachable: the last unit always returns")


def show(report: Report, console: Console) -> None:
    """Print the screen."""
    for line in lines(report, console.width if console.is_terminal else WIDTH):
        put(console, line)


def lines(report: Report, width: int) -> Iterator[Text]:
    yield from _head(report, width)
    yield from _verdict(report, width)
    main = report.components[0].name if report.components else ""
    for action in report.actions:
        by = f", by {printable(action.component)}" if action.component != main else ""
        yield from _action(action, width, by, _left_out(report), with_outcome=not _nothing_came_of_it(report))
    yield from _components(report)
    yield from _footnotes(report)


def _nothing_came_of_it(report: Report) -> bool:
    """It was refused, or nothing could be installed: what would have become of a finding would be misleading."""
    decision = report.decision
    if decision is None:
        return False
    return decision.choice == "refuse" or (bool(report.exit_code) and not any(effect.kept for effect in report.effects))


def _columns(left: Text, right: str, width: int, style: str = "dim") -> Text:
    """Left text, and a right text in a column of its own; below the left one where the terminal is too narrow."""
    if not right:
        return left
    start = min(RIGHT, width - len(right))
    if len(left.plain) + 2 > start:
        start = len(left.plain) + 2
    if start + len(right) > width:
        return Text.assemble(left, "\n      ", (right, style))
    return Text.assemble(left, " " * (start - len(left.plain)), (right, style))


def _head(report: Report, width: int) -> Iterator[Text]:
    subject = report.subject
    name = subject.path.rsplit("/", 1)[-1] if subject.path and not subject.command[1:] else typed(subject.command)
    facts = [subject.facts.get("description") or subject.kind]
    if subject.size:
        facts.append(human_size(subject.size))
    facts.append(subject.known)
    if subject.signer is None:
        facts.append("not signed")
    else:
        trusted = "trusted" if subject.signer["trusted"] else "not a trusted signer"
        valid = trusted if subject.signer["valid"] else "signature NOT valid"
        facts.append(f"signed by {subject.signer['name']} ({valid})")
    yield _columns(Text(printable(name), style="bold"), " · ".join(facts), width)
    if subject.known == "unknown" and subject.reasons and ON_NEITHER not in subject.reasons:
        yield Text(f"unknown all the same: {printable('; '.join(subject.reasons))}", style="dim")
    if subject.origin:
        yield Text(f"from {printable(subject.origin)}", style="dim")
    if subject.owner:
        yield Text(f"belongs to the package {subject.owner['package']}", style="dim")
    yield Text("")


def _verdict(report: Report, width: int) -> Iterator[Text]:
    verdict = report.verdict
    if verdict is None:
        words = {"blocked": "BLOCKED", "deadline": "NOT JUDGED", "interrupted": "INTERRUPTED"}
        reason = "; ".join((*report.subject.reasons, *report.notes)) if report.ended == "blocked" else ""
        yield Text.assemble((words.get(report.ended, "NOT JUDGED"), "bold red"), f"  {reason}")
        return
    without = ""
    if report.without is not None and report.without.remaining is not None:  # somebody is choosing: what is left counts
        verdict = report.without.remaining
        names = ", ".join(map(printable, report.without.components))
        without = f", without {names}" if names else ""  # what was chosen may be inseparable from the rest
    bad = verdict.verdict == "undesirable"
    cut = "" if bad else unfinished(report)
    left = Text.assemble(
        ((cut or verdict.verdict).upper(), "bold red" if bad or cut else "bold green"),
        f"  {shown(verdict.total).removesuffix('.0')} of {verdict.threshold:g}{without}",
    )
    method = {"sum": "sum of actions", "max": "heaviest action"}.get(verdict.method, f"{verdict.method} by category")
    yield _columns(left, f"{report.policy['name']} {report.policy['version']}, {method}", width)
    yield Text("")


def _told(action: ActionPart, left_out: Collection[str]) -> str:
    if action.component in left_out:
        return f"left out with {printable(action.component)}"
    return "you agreed" if action.disclosed else "you were not told"


def _left_out(report: Report) -> Collection[str]:
    """The components that somebody who is being asked has chosen to leave out."""
    without = report.without
    return without.components if without is not None and without.remaining is not None else ()


def _what_goes(part: ComponentPart, report: Report) -> str:
    """Of a component, before the decision: whether it goes, or could."""
    if part.name in _left_out(report):
        return "left out"
    could = report.without.components if report.without is not None and report.decision is None else ()
    return "can be left out" if part.name in could else ""


def _action(
    action: ActionPart, width: int, by: str, left_out: Collection[str], *, with_outcome: bool
) -> Iterator[Text]:
    """`by` names the component that did it, where it was not the program itself."""
    weight = action.weight * action.count
    color = "red" if action.weight >= 50 else "yellow"
    title = f"{action.title}{_counted(action)}"
    left = Text.assemble((f"{shown(weight).removesuffix('.0'):>4}", color), f"  {title}")
    yield _columns(left, _told(action, left_out), width)
    where = action.policy
    lines = list(distinct(_of_every_kind(action.evidence)))
    for line in lines[:EVIDENCE_LINES]:
        yield _columns(Text(f"      {line}{by}", style="dim"), where, width)
        where = by = ""
    more = action.evidence_count - len(action.evidence) + len(lines[EVIDENCE_LINES:])
    if more > 0:
        yield Text(f"      and {more} more", style="dim")
    if with_outcome and (action.outcome != "kept" or action.note):
        note = f": {action.note}" if action.note else ""
        yield Text(f"      {action.outcome}{note}", style="dim italic")


def _counted(action: ActionPart) -> str:
    """How often it weighs, and of how many acts that is where there were more: `each up to N` counts no further."""
    if action.count <= 1:
        return ""
    more = f", {action.evidence_count} acts seen" if action.evidence_count > action.count else ""
    return f" ({action.count} times{more})"


def _of_every_kind(evidence: Sequence[EvidencePart]) -> list[EvidencePart]:
    """The first of every kind before all others: what was run is not to go under in what was written."""
    first = {one.kind: at for at, one in reversed(list(enumerate(evidence)))}
    return [evidence[at] for at in sorted(range(len(evidence)), key=lambda at: (first[evidence[at].kind] != at, at))]


def _components(report: Report) -> Iterator[Text]:
    """Each component with its total and what it is; many that did nothing undesirable are counted."""
    if not report.components:
        return
    if report.actions:
        yield Text("")
    shown_ones = _worth_a_line(report)
    width = max(len(part.name) for part in shown_ones)
    for part in shown_ones:
        bad = part.verdict == "undesirable"
        what = ", ".join(filter(None, (_what(part, report), _what_goes(part, report))))
        yield Text.assemble(
            f" {printable(part.name):<{width}}  {shown(part.total).removesuffix('.0'):>5}  ",
            (f"{part.verdict if bad or not unfinished(report) else 'clean so far':<11}", "red" if bad else "green"),
            (f"  {what}" if what else "", "dim"),
        )
    if len(shown_ones) < len(report.components):
        yield Text(f" and {len(report.components) - len(shown_ones)} more, clean", style="dim")
    if report.without is not None and report.decision is None:
        for name, why in report.without.inseparable.items():
            yield Text(f" {printable(name)} cannot be left out by itself: {printable(why)}", style="yellow")
        for said in report.without.depending[:DEPENDING_LINES]:
            yield Text(f" but {printable(said)}, which would be left out", style="yellow")


def _worth_a_line(report: Report) -> list[ComponentPart]:
    """The program itself and whatever weighs something; of the others as many as there is room for."""
    room = CLEAN_LINES
    found = []
    for number, part in enumerate(report.components):
        heavy = number == 0 or part.total != 0 or part.verdict == "undesirable" or part.decision == "refuse"
        room -= not heavy
        if heavy or room >= 0:
            found.append(part)
    return found


def _what(part: ComponentPart, report: Report) -> str:
    """What a component is, in words: how much it changed, where, how much of that it deleted, and who brought it."""
    files = counted(part.files, "change") if part.files else ""
    gone = sum(one.type == "file" and one.op == "delete" and one.component == part.name for one in report.effects)
    deleted = f"{gone} of them deleted" if gone else ""
    place = short(part.place) if part.files > 1 else ""
    where = f" in {place}" if place not in ("", "~") else ""
    brought = f"brought along by {part.brought_by}" if part.kind == "dropped" and part.brought_by else ""
    return printable(", ".join(filter(None, (files + where, deleted, brought))))


def _footnotes(report: Report) -> Iterator[Text]:
    extra = [f"open to it: {', '.join(report.open)}"] if report.open else []
    extra += [f"observer {run.name} {run.state}: {run.error}" for run in report.observers if run.error]
    extra += list(report.notes)
    if report.installer_exit_status:
        extra.insert(0, f"the installer {ending(report.installer_exit_status)}")
    if extra:
        yield Text("")
    for note in extra:
        yield Text(f" {printable(note)}", style="dim")


def done(report: Report, *, can_be_undone: bool = True) -> Iterator[Text]:
    """After the choice: who made it where that was not the person just now, what was installed, what was left out.

    The last line says how to take it back.
    """
    decision = report.decision
    if decision is None or report.ended != "completed":
        return
    if decision.source == "remembered":
        yield Text(f"\n{decision.choice}, as was decided before; `pratique decisions` lists what is remembered", "dim")
    kept = [effect for effect in report.effects if effect.kept]
    if _nothing_came_of_it(report):
        return
    files = sum(effect.type == "file" for effect in kept)
    yield Text("")
    if not kept:
        but = " but what is left out" if report.effects else ""
        yield Text(f"nothing to install: {printable(report.subject.name)} changed nothing{but}")
        return
    yield Text.assemble(("installed", "bold green"), f"  {printable(report.subject.name)}: {counted(files, 'change')}")
    packages = [f"{e.details['package']} {e.details.get('version', '')}".strip() for e in kept if e.type == "package"]
    if packages:
        more = f" and {len(packages) - 8} more" if len(packages) > 8 else ""
        yield Text(f"  packages: {printable(', '.join(packages[:8]))}{more}")
    for part in report.components:
        if part.name in decision.components:
            yield Text.assemble(("left out", "bold yellow"), f"   {printable(part.name)}: {_what(part, report)}")
    for action in report.actions:
        if action.component in decision.components:
            continue
        if action.outcome not in ("kept", "failed"):
            yield Text.assemble(("left out", "bold yellow"), f"   {action.title}")
        elif action.outcome == "failed":
            yield Text.assemble(("not left out", "bold red"), f"  {action.title}: {action.note}")
    if decision.source != "person" and report.without is not None:  # who was asked was told before
        for said in report.without.depending[:DEPENDING_LINES]:
            yield Text(f"  but {printable(said)}, which was left out", style="yellow")
    if can_be_undone and files:
        yield Text(f"  `pratique undo {report.id}` takes it back", style="dim")

"""A report in full: the evidence of every action with its text, every change, every process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from pratique.cli.evidence import counted, describe, short, where
from pratique.cli.plain import printable, put
from pratique.report import ActionPart, EffectPart, EvidencePart, ProcessPart, Report

#: Changed paths listed per component before the rest is counted.
MOST_CHANGES = 2000
#: Lines shown of one text before the rest is counted: more than the 48 KiB an event of the shipped observers holds can
#: be, so that nothing is hidden behind many short lines.
MOST_TEXT = 50_000
#: Processes listed, and how deep they are indented.
MOST_PROCESSES = 200
DEEPEST = 12
#: Columns from one tab stop to the next.
TAB = 4


def details(report: Report, console: Console) -> None:
    """Every change, by component, and the evidence of every action in full."""
    for line in lines(report):
        put(console, line)


def lines(report: Report) -> Iterator[Text]:
    for action in report.actions:
        yield from _action(action, report.id)
    # Before a decision, and where nothing was installed, each change is like the others.
    decided = report.decision is not None and any(effect.kept for effect in report.effects)
    for component in report.components:
        own = [effect for effect in report.effects if effect.component == component.name]
        files = [effect for effect in own if effect.type == "file"]
        out = sum(decided and not effect.kept for effect in files)
        count = counted(len(files), "change") + (f", {out} left out" if out else "")
        yield Text(f"\n{printable(component.name)}: {count}", style="bold")
        yield from changes(files, report.id, decided=decided)
        if held := [effect for effect in own if effect.type != "file"]:
            yield Text("  in these:")
            yield from changes(held, report.id, decided=decided, indent="    ")
    if report.processes:
        yield Text("\nprocesses", style="bold")
    yield from process_tree(report.processes)
    coverage = report.coverage
    watched = f"{coverage.instrumented} of {coverage.executed}" if coverage.executed else "none"
    yield Text(f"\nprograms watched from inside: {watched}", style="dim")


def _action(action: ActionPart, session: str) -> Iterator[Text]:
    yield Text(f"{action.title}  ({action.name}, {action.policy})", style="bold")
    for reason in action.because:
        yield Text(f"  because {printable(reason)}", style="dim")
    said_more = {where(one) for one in action.evidence if describe(one) != where(one)}
    for one in action.evidence:
        if describe(one) == where(one) in said_more:
            continue  # that the file was touched is said with what was written into it
        yield Text(f"  {describe(one)}")
        if one.command:
            yield Text(f"    by process {one.process}: {printable(one.command)}", "dim")
        yield from _text(one, session)
    if action.evidence_count > len(action.evidence):
        yield Text(f"  and {action.evidence_count - len(action.evidence)} more, which `--record` keeps", "dim")


def _text(evidence: EvidencePart, session: str) -> Iterator[Text]:
    """The lines that came and went, a tab as wide as on a terminal."""
    for sign, field, color in (("+", "added", "green"), ("-", "removed", "red")):
        yield from _signed(str(evidence.fields.get(field) or ""), sign, color, session)


def _signed(text: str, sign: str, color: str, session: str, indent: str = "    ") -> Iterator[Text]:
    written = text.splitlines()
    for line in written[:MOST_TEXT]:
        yield Text(f"{indent}{sign} {printable(line.expandtabs(TAB))}", style=color)
    if len(written) > MOST_TEXT:
        yield _more(len(written) - MOST_TEXT, "line", session, indent)


def _more(count: int, what: str, session: str, indent: str = "  ") -> Text:
    return Text(f"{indent}... {counted(count, f'more {what}')}; `pratique show {session} --json` has them", style="dim")


def process_tree(processes: Sequence[ProcessPart]) -> Iterator[Text]:
    """What was run, each with its number and below the one that ran it; a component is named where it begins."""
    known = {process.id for process in processes}
    children: dict[int | None, list[ProcessPart]] = {}
    for process in processes:
        children.setdefault(process.parent if process.parent in known else None, []).append(process)
    pending = [(process, 0, "") for process in reversed(children.get(None, []))]
    width = len(str(max(known, default=0)))
    shown = 0
    while pending and shown < MOST_PROCESSES:
        process, depth, above = pending.pop()
        shown += 1
        name = f"  [{printable(process.component)}]" if process.component != above else ""
        indent = "  " * min(depth, DEEPEST)
        yield Text.assemble(
            (f"  {process.id:>{width}}", "dim"), f"  {indent}{printable(process.command)}", (name, "cyan")
        )
        below = children.get(process.id, []) if process.parent != process.id else []
        pending += [(child, depth + 1, process.component) for child in reversed(below)]
    if len(processes) > shown:
        yield Text(f"  and {len(processes) - shown} more; `--json` has them", style="dim")


def changes(
    effects: Sequence[EffectPart], session: str, *, decided: bool = False, indent: str = "  "
) -> Iterator[Text]:  # fmt: skip
    """Changes, one a line, as a diff of the machine; of lines in a file with their text.

    `decided`: those that did not reach the machine are marked.
    """
    signs = {"add": ("+", "green"), "modify": ("~", "yellow"), "delete": ("-", "red")}
    for effect in effects[:MOST_CHANGES]:
        sign, color = signs[effect.op]
        what = "" if effect.type == "file" else f"{effect.type} "
        name = effect.details.get("name") or effect.details.get("package", "") if what else ""
        note = f"  {effect.note}" if effect.note else ""
        mark = "  left out" if decided and not effect.kept else ""
        yield Text.assemble(
            (f"{indent}{sign} {what}", color), printable(name or short(effect.path)), (mark, "bold yellow"),
            (printable(note), "dim"),
        )  # fmt: skip
        if effect.type == "lines":
            for sign, field, color in (("+", "added", "green"), ("-", "removed", "red")):
                yield from _signed(effect.details.get(field, ""), sign, color, session, indent=f"{indent}    ")
    if len(effects) > MOST_CHANGES:
        yield _more(len(effects) - MOST_CHANGES, "change", session, indent)

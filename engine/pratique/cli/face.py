"""What a person sees of a session at a terminal: the program's own output, a live line, one screen, one question."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, TextIO

from pratique.cli import live_line
from pratique.cli.plain import Output, lines, printable, put
from pratique.cli.working import working

if TYPE_CHECKING:
    from pratique.hookspecs import Choice, Launch
    from pratique.host import Host
    from pratique.report import Report
    from pratique.run import Preview, Reply, Result
    from pratique.sandbox.spec import Progress
    from pratique.subject import Subject

#: What ends whatever a program may have left a terminal in, so that our own words can be seen: another screen, a
#: scroll region, invisible ink, line-drawing letters, a hidden cursor, reports of the mouse, changed keys.
PLAIN_AGAIN: Final = (
    "\x18\x1b\\"  # an unfinished command is given up
    "\x1b[?1047l\x1b7\x1b[r\x1b[?6l\x1b8\x1b[0m\x0f\x1b(B\x1b)0\x1b[?25h\x1b[?7h\x1b[?5l\x1b[4l\x1b[20l"
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?1l\x1b>"
)
#: The same for what only terminals with windows know: their title, colours, links, keys and held-back drawing.
KEEP_TITLE: Final = "\x1b[22;0t"
TITLE_BACK: Final = "\x1b[23;0t"
AS_BEFORE: Final = "\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]8;;\x1b\\\x1b[>4m\x1b[?2026l\x1b[0 q"

#: Components that can be picked by a key.
MOST_KEYS: Final = 9


def _knows_commands() -> bool:
    return os.environ.get("TERM", "dumb") not in ("", "dumb", "linux")


def drop_output(stream: TextIO) -> None:
    """From now on, what is written to this stream is written nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
    with contextlib.suppress(OSError):
        stream.flush()


class TerminalFace:
    """The session on a terminal: a live line while it runs, then one screen."""

    def __init__(self, host: Host, *, quiet: bool, lent: bool = False) -> None:
        """`lent`: the program has a terminal of its own, passed through to this one; else it gets no say here."""
        self._host = host
        self._quiet = quiet
        self._live = live_line.possible()
        self._line_shown = False
        self._at_line_start = True
        self._last_output = 0.0
        self._asked: Report | None = None  # what the question was about, as it was shown
        self._lent = lent
        self._steered = False  # the installer sent the terminal more than plain text
        self._fit = {1: Output(), 2: Output()}

    def started(self, subject: Subject, launch: Launch) -> None:
        if not self._quiet:
            what = launch.describe or subject.kind
            name = subject.path.rsplit("/", 1)[-1] or " ".join(subject.command)
            print(f"pratique: {printable(name)} ({printable(what)}) runs in quarantine", file=sys.stderr)
        if self._live and self._lent and _knows_commands():
            sys.stderr.write(KEEP_TITLE)
            sys.stderr.flush()

    def output(self, data: bytes, stream: int) -> None:
        """The installer's own output; the live line gives way to it. Untouched, but where it is not its terminal."""
        self._clear()
        # With the report on standard output, the installer's words go to standard error.
        target = sys.stderr if self._quiet or stream == 2 else sys.stdout
        if not self._lent and target.isatty():
            data = self._fit[stream].fit(data)
        try:
            target.buffer.write(data)
            target.flush()
        except OSError:
            # Nobody reads it any more, or there is no room where it goes: no reason to end the installer halfway.
            drop_output(target)
        self._at_line_start = data.endswith(b"\n")
        self._steered = self._steered or b"\x1b" in data or b"\x0e" in data
        self._last_output = time.monotonic()

    def progress(self, progress: Progress, events: int) -> None:
        """One live line, only where it cannot disturb: the cursor at a line's start, and no output for a moment."""
        if not self._live or not self._at_line_start or time.monotonic() - self._last_output < 0.5:
            return
        files = f", {progress.files} file{'' if progress.files == 1 else 's'}" if progress.files else ""
        seen = f", {events} events" if events else ""
        processes = f"{progress.processes} process{'' if progress.processes == 1 else 'es'}"
        text = f"pratique: {progress.elapsed:.0f} s, {processes}{files}{seen}"
        live_line.draw(text)
        self._line_shown = True

    def _clear(self) -> None:
        if self._line_shown:
            live_line.clear()
            self._line_shown = False

    def ended(self) -> None:
        self._clear()
        if not self._live:
            return
        knows = _knows_commands()
        if self._steered:
            sys.stderr.write(PLAIN_AGAIN + (AS_BEFORE if knows else ""))
        if self._lent and knows:
            sys.stderr.write(TITLE_BACK)
        sys.stderr.flush()

    def working(self, what: str) -> AbstractContextManager[None]:
        return working(what)

    def ask(self, preview: Preview, *, remember_as: str, lasting: str) -> Reply | None:
        from rich.console import Console

        from pratique.cli import screen
        from pratique.hookspecs import Choice
        from pratique.run import Reply

        console = Console(stderr=True)
        remember_as = printable(remember_as)
        briefly = "this file" if remember_as.startswith("this file (") else remember_as  # the hash: once it is chosen
        left_out: frozenset[str] = frozenset()
        report = preview(left_out)
        print(file=sys.stderr)
        screen.show(report, console)
        self._asked = report
        remember = False
        while True:
            rest = "all but " + ", ".join(map(printable, sorted(left_out))) if left_out else "all"
            can_leave_out = report.without is not None and report.without.offered
            choices = [
                Choice(key="w", value="without", text="install without what is undesirable") if can_leave_out else None,
                Choice(key="i", value="install", text=f"install {rest}"),
                Choice(key="r", value="refuse", text="refuse"),
                Choice(key="d", value="details", text="details"),
                Choice(key="c", value="components", text="choose components") if report.components[1:] else None,
                # What is remembered is a word for the whole program; a choice of components is not.
                Choice(key="h", value="remember", text=f"remember for {briefly}, {lasting}")
                if remember_as and not remember and not left_out
                else None,
            ]
            kept = f" It will be remembered for {remember_as}, {lasting}." if remember else ""
            match self._put(f"What shall be done?{kept}", filter(None, choices), report):
                case "details":
                    screen.details(report, console)
                case "remember":
                    remember = True
                case "components":
                    left_out = self._components(report, left_out)
                    remember = remember and not left_out
                    report = preview(left_out)
                    print(file=sys.stderr)
                    screen.show(report, console)
                case "install" | "without" | "refuse" as choice:
                    return Reply(choice=choice, remember=remember, components=left_out)
                case _:
                    return None

    def _put(self, title: str, choices: Iterable[Choice], report: Report) -> str | None:
        """The answer of the first plugin that can ask; None: nobody could."""
        from pratique.hookspecs import Question
        from pratique.report import to_builtins

        question = Question(title=title, choices=tuple(choices), report=to_builtins(report))
        answers = self._host.call("ask", first=True, question=question)
        if not answers:
            print("pratique: no plugin could ask you; `pratique plugins` lists what is there", file=sys.stderr)
            return None
        answer: str = answers[0].value.choice
        if answer not in {choice.value for choice in question.choices}:
            print(f"pratique: {answers[0].plugin} answered {answer!r}, which was no choice", file=sys.stderr)
            return None
        return answer

    def _components(self, report: Report, left_out: frozenset[str]) -> frozenset[str]:
        """Let the person pick, one by one, the components to leave out; the heaviest have a key."""
        from pratique.hookspecs import Choice
        from pratique.policy.score import shown

        parts = sorted(report.components[1:], key=lambda part: -part.total)[:MOST_KEYS]
        chosen = set(left_out)
        while True:
            choices = [
                Choice(
                    key=str(number), value=f"component {number}",
                    text=f"{'keep' if part.name in chosen else 'leave out'} {printable(part.name)} "
                    f"({shown(part.total).removesuffix('.0')})",
                )
                for number, part in enumerate(parts, 1)
            ]  # fmt: skip
            more = len(report.components) - 1 - len(parts)
            others = f" (for the {more} others: --without-component NAME)" if more else ""
            title = f"Left out: {', '.join(map(printable, sorted(chosen))) or 'none'}{others}"
            answer = self._put(title, [*choices, Choice(key="b", value="back", text="back")], report) or "back"
            picked = next((part for choice, part in zip(choices, parts, strict=True) if choice.value == answer), None)
            if picked is None:
                return frozenset(chosen)
            chosen ^= {picked.name}

    def finish(self, result: Result) -> None:
        """The screen (unless it was shown with the question), and what was done, last line first to be read."""
        try:
            self._show_the_end(result)
            sys.stdout.flush()
        except OSError:  # whoever read along has gone; how it ended is in the exit code
            drop_output(sys.stdout)
            with contextlib.suppress(OSError):
                sys.stderr.flush()
                return
            drop_output(sys.stderr)

    def _new_notes(self, report: Report) -> list[str]:
        """What came of the installing, where the rest was on the screen with the question."""
        shown = self._asked
        return [] if shown is None else [note for note in report.notes if note not in shown.notes]

    def _without_what_is_said(self, result: Result) -> Report:
        """What kept an installation from being is a note of the report, and what is said last: not twice in a row."""
        from msgspec.structs import replace

        from pratique.run.concluding import as_notes

        said = as_notes(result.message)
        return replace(result.report, notes=tuple(note for note in result.report.notes if note not in said))

    def _show_the_end(self, result: Result) -> None:
        from rich.console import Console
        from rich.text import Text

        from pratique.cli import screen

        console = Console(stderr=self._quiet)
        report = self._without_what_is_said(result)
        if not self._quiet or console.is_terminal:
            if self._asked is None:
                print(file=sys.stderr if self._quiet else sys.stdout)
                screen.show(report, console)
            for line in screen.done(report):
                put(console, line)
            for note in self._new_notes(report):
                put(console, Text(f"  {printable(note)}", style="dim"))
        if result.exit_code != 0:
            print(f"pratique: {lines(result.message)}", file=sys.stderr)
            if result.hint:
                print(f"  {lines(result.hint)}", file=sys.stderr)

"""What a person sees of a session at a terminal: the program's own output, a live line, one screen, one question."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from pratique.hookspecs import Launch
    from pratique.host import Host
    from pratique.report import Report
    from pratique.run import Reply, Result
    from pratique.sandbox.spec import Progress
    from pratique.subject import Subject

#: What ends whatever a program may have left a terminal in, so that our own words can be seen: another screen, a
#: scroll region, invisible ink, line-drawing letters, a hidden cursor, reports of the mouse, changed keys.
PLAIN_AGAIN: Final = (
    "\x1b[?1047l\x1b7\x1b[r\x1b8\x1b[0m\x0f\x1b(B\x1b[?25h\x1b[?7h\x1b[?5l"
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l\x1b[?1l\x1b>"
)


def drop_output(stream: TextIO) -> None:
    """From now on, what is written to this stream is written nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
    with contextlib.suppress(OSError):
        stream.flush()


class TerminalFace:
    """The session on a terminal: a live line while it runs, then one screen."""

    def __init__(self, host: Host, *, quiet: bool) -> None:
        self._host = host
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._line_shown = False
        self._at_line_start = True
        self._last_output = 0.0
        self._asked = False
        self._steered = False  # the installer sent the terminal more than plain text

    def started(self, subject: Subject, launch: Launch) -> None:
        if not self._quiet:
            from pratique.cli.screen import printable

            what = launch.describe or subject.kind
            name = subject.path.rsplit("/", 1)[-1] or " ".join(subject.command)
            print(f"pratique: {printable(name)} ({what}) runs in quarantine", file=sys.stderr)

    def output(self, data: bytes, stream: int) -> None:
        """The installer's own output, untouched; the live line gives way to it."""
        self._clear()
        # With the report on standard output, the installer's words go to standard error.
        target = sys.stderr if self._quiet or stream == 2 else sys.stdout
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
        text = f"pratique: {progress.elapsed:.0f} s, {progress.processes} processes{files}{seen}"
        sys.stderr.write("\r\x1b[2K" + text[: max(20, shutil.get_terminal_size().columns - 1)])
        sys.stderr.flush()
        self._line_shown = True

    def _clear(self) -> None:
        if self._line_shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._line_shown = False

    def ended(self) -> None:
        self._clear()
        if self._live and self._steered:
            sys.stderr.write(PLAIN_AGAIN)
            sys.stderr.flush()

    def ask(self, report: Report, *, can_leave_out: bool, remember_as: str) -> Reply | None:
        from rich.console import Console

        from pratique.cli import screen
        from pratique.hookspecs import Choice, Question
        from pratique.report import to_builtins
        from pratique.run import Reply

        console = Console(stderr=True)
        print(file=sys.stderr)
        screen.show(report, console)
        self._asked = True
        remember = False
        while True:
            choices = [
                Choice(key="w", value="without", text="install without what is undesirable") if can_leave_out else None,
                Choice(key="i", value="install", text="install all"),
                Choice(key="r", value="refuse", text="refuse"),
                Choice(key="d", value="details", text="details"),
                Choice(key="h", value="remember", text=f"remember for {remember_as.split(' (')[0]}")
                if remember_as and not remember
                else None,
            ]
            kept = f" It will be remembered for {remember_as}." if remember else ""
            title = f"What shall be done?{kept}"
            question = Question(title=title, choices=tuple(filter(None, choices)), report=to_builtins(report))
            answers = self._host.call("ask", first=True, question=question)
            if not answers:
                print("pratique: no plugin could ask you; `pratique plugins` lists what is there", file=sys.stderr)
                return None
            match answers[0].value.choice:
                case "details":
                    screen.details(report, console)
                case "remember":
                    remember = True
                case "install" | "without" | "refuse" as choice:
                    return Reply(choice=choice, remember=remember)
                case other:
                    print(f"pratique: {answers[0].plugin} answered {other!r}, which was no choice", file=sys.stderr)
                    return None

    def finish(self, result: Result) -> None:
        """The screen (unless it was shown with the question), and what was done, last line first to be read."""
        try:
            self._show_the_end(result)
            sys.stdout.flush()
        except OSError:  # whoever read along has gone; how it ended is in the exit code
            drop_output(sys.stdout)

    def _show_the_end(self, result: Result) -> None:
        from rich.console import Console

        from pratique.cli import screen

        console = Console(stderr=self._quiet)
        if not self._quiet or console.is_terminal:
            if not self._asked:
                print(file=sys.stderr if self._quiet else sys.stdout)
                screen.show(result.report, console)
            for line in screen.done(result.report):
                console.print(line, soft_wrap=True)
        if result.exit_code != 0:
            print(f"pratique: {result.message}", file=sys.stderr)
            if result.hint:
                print(f"  {result.hint}", file=sys.stderr)

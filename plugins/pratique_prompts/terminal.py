"""Terminal: asks on the person's own terminal, one key, and never when nobody sits there."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
import textwrap
import tty
from typing import TextIO

from pratique import Answer, Question, hookimpl


@hookimpl
def ask(question: Question) -> Answer | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        return _asked(question)
    except (OSError, termios.error):  # the terminal has gone, and whoever sat there with it
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which need not be told again while all is put in order
        raise KeyboardInterrupt from None


def _asked(question: Question) -> Answer:
    keys = {choice.key: choice for choice in question.choices}
    print(f"\n{question.title}", *offered(question, shutil.get_terminal_size().columns), sep="\n", file=sys.stderr)
    while True:
        key = read_key(sys.stdin, "> ")
        if key in ("\x03", "\x04", ""):
            print(file=sys.stderr)
            raise KeyboardInterrupt
        print(key if key.isprintable() else "", file=sys.stderr)
        if key.lower() in keys:
            return Answer(choice=keys[key.lower()].value)
        print(f"  please press one of {', '.join(keys)}", file=sys.stderr)


def offered(question: Question, width: int) -> list[str]:
    """The choices with their keys, as many to a line as fit; one that is longer than a line is broken between words."""
    lines = [""]
    for choice in question.choices:
        text = f"  [{choice.key}] {choice.text}"
        if lines[-1] and len(lines[-1]) + len(text) >= width:
            lines.append("")
        lines[-1] += text
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False)
    return [part for line in lines for part in wrapper.wrap(line)]


def read_key(source: TextIO, prompt: str) -> str:
    """One key press, without waiting for Enter. What was typed before the prompt was shown does not count."""
    descriptor = source.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSAFLUSH)
        # Only now: a key pressed as soon as the prompt is seen must not fall to the flush.
        print(prompt, end="", file=sys.stderr, flush=True)
        return os.read(descriptor, 1).decode("ascii", "replace")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

"""What stands on standard input when nobody sits at a terminal: a program in quarantine is not given it.

An answer is the person's, and a program that comes through a pipe is no file that can be told by its hash, kept or run
again. To be silent about it would be to call a shell clean that had nothing to do (docs/sandbox.md).
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import stat
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pratique.errors import UsageError

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"})
#: Interpreter -> the letters of the options that bring the program with them.
_PROGRAM_IN: Final = {
    **dict.fromkeys(_SHELLS, "c"), "python": "cm", "pypy": "cm", "perl": "eE", "ruby": "e", "node": "ep", "php": "rf",
}  # fmt: skip
_INSTEAD: Final = "save it to a file, then: pratique run FILE"


def refuse(command: Sequence[str], *, bare: bool) -> None:
    """Before anything runs. Raises `UsageError` for input that waits, and where the program itself would be read."""
    if bare and _piped() and _reads_its_program(command):
        raise UsageError(
            f"{command[0]} would read its program from standard input, which is not given to a program in quarantine",
            hint=_INSTEAD,
        )
    if _waiting():
        raise UsageError(
            "there is something on standard input, which is not given to a program in quarantine",
            hint=f"a program: {_INSTEAD}; answers: run it at a terminal and give them there; neither: add </dev/null",
        )


def missed(command: Sequence[str], *, bare: bool) -> str:
    """After it ended: what came meanwhile, or, of a command, may still come; "": nothing."""
    if _waiting() or (bare and _piped() and _open()):
        return f"standard input was not given to {command[0]}; if it was to read something: {_INSTEAD}"
    return ""


def _mode() -> int:
    try:
        return os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # there is none
        return 0


def _piped() -> bool:
    mode = _mode()
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or _waiting()


def _waiting() -> bool:
    """Whether there are bytes to be read. Reads none of them."""
    mode = _mode()
    if stat.S_ISREG(mode):
        return os.fstat(sys.stdin.fileno()).st_size > os.lseek(sys.stdin.fileno(), 0, os.SEEK_CUR)
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    return any(fcntl.ioctl(sys.stdin.fileno(), termios.FIONREAD, bytes(4)))


def _open() -> bool:
    """Whether somebody may still write into the pipe."""
    look = select.poll()
    look.register(sys.stdin.fileno(), select.POLLIN | select.POLLRDHUP)
    return not any(found & (select.POLLHUP | select.POLLRDHUP) for _, found in look.poll(0))


def _reads_its_program(command: Sequence[str]) -> bool:
    """Whether an interpreter is given neither a file nor a program on its command line.

    >>> [_reads_its_program(one.split()) for one in ("sh", "bash -es -- --yes", "python3 -")]
    [True, True, True]
    >>> [_reads_its_program(one.split()) for one in ("sh -ec true", "bash -e x.sh", "cat")]
    [False, False, False]
    """
    name = re.sub(r"[\d.]+$", "", Path(command[0]).name)
    brings = _PROGRAM_IN.get(name)
    if brings is None:
        return False
    for word in command[1:]:
        letters = word[1:] if word.startswith("-") and not word.startswith("--") else ""
        if word == "-" or (name in _SHELLS and "s" in letters):
            return True
        if word in ("--help", "--version", "--eval", "--print") or set(letters) & set(brings):
            return False
        if not word.startswith(("-", "+")):
            return False  # the file
    return True

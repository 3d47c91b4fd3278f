"""The `pratique` command: finds the subcommand, runs it, and turns every error into one line and an exit code.

Each command is a module of this package with `configure(parser)` and `run(args) -> int`; only the one asked for is
imported, so that `pratique --version` answers at once. Plugins add commands with the `commands` hook.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from pratique import __version__, places
from pratique.cli.complaint import complain
from pratique.errors import NoRoomError, PratiqueError, UsageError

#: name -> (module, one line of help), in the order `pratique --help` shows them
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("run", "run an installer in quarantine, show what it does, install what is admitted"),
    "replay": ("replay", "judge a recorded session again"),
    "undo": ("undo", "take back an installation"),
    "commit": ("commit", "decide a session that was kept, and install what is admitted"),
    "discard": ("discard", "remove a session that was kept"),
    "history": ("history", "list past sessions, or show one"),
    "show": ("show", "show a past session"),
    "policy": ("policy", "check, format, explain and test policies"),
    "decisions": ("decisions", "list, show and forget what was decided; mark a program undesirable"),
    "plugins": ("plugins", "list the plugins; make a new one"),
    "host": ("host", "show, check and change this machine's role file"),
    "doctor": ("doctor", "say what this machine can and cannot do, and how to mend it"),
    "completion": ("completion", "print a completion script for your shell"),
}

EXIT_CODES: Final = """\
exit codes:
  0  done; for `run`: installed        6  the installer itself failed
  1  a fault of ours                   7  deadline passed
  2  wrong usage, or no such file      8  no room on the disk
  3  invalid policy or host file      10  judged undesirable, not installed
  4  this machine or user cannot      11  clean but refused, or blocked as known
  5  the host changed meanwhile      130  interrupted
"""


def listing() -> str:
    """The commands, for `pratique --help`."""
    width = max(map(len, COMMANDS)) + 2
    return "\n".join(f"  {name:<{width}}{text}" for name, (_, text) in COMMANDS.items())


def parser_for(name: str) -> argparse.ArgumentParser:
    """The complete parser of one built-in command."""
    module, text = COMMANDS[name]
    parser = argparse.ArgumentParser(
        prog=f"pratique {name}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command = importlib.import_module(f"pratique.cli.{module}")
    command.configure(parser)
    parser.set_defaults(run_command=command.run)
    return parser


def top_parser() -> argparse.ArgumentParser:
    """The parser of `pratique` by itself: options before the command."""
    parser = argparse.ArgumentParser(
        prog="pratique",
        usage="pratique [--version] [--help] COMMAND [ARGUMENT...]",
        description="Run an unknown installer in quarantine, weigh what it does, install only what you admit.",
        epilog=f"commands:\n{listing()}\n\n`pratique COMMAND --help` tells more.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this and exit")
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the return value is the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _have_standard_streams()
    try:
        return _dispatch(words)
    except PratiqueError as error:
        return _complain(error)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # it may have been the terminal that went
            print("pratique: interrupted; nothing was committed", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`); flushing again at exit would only complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            where = f" for {error.filename}" if error.filename else ""
            return _complain(NoRoomError(f"no room on the disk{where}", hint="free some, and run the command again"))
        refused = places.not_ours(error) if isinstance(error, PermissionError) else None
        return _complain(refused) if refused else _crash(words)
    except Exception:  # the border of the program: anything that gets here is a fault of ours
        return _crash(words)


def _have_standard_streams() -> None:
    """A descriptor closed by the caller (`2>&-`) would go to the next file opened, which nobody should print into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _dispatch(words: list[str]) -> int:
    try:
        os.getcwd()  # noqa: PTH109  # only asked whether there is one
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(f"the current directory cannot be used: {reason}", hint="cd somewhere else") from None
    if words and words[0] == "help":  # as many type it; a plugin's command is asked for its help the same way
        words = [*words[1:2], "--help"]
    if words and words[0] in COMMANDS:
        parser = parser_for(words[0])
        prepare = getattr(importlib.import_module(f"pratique.cli.{COMMANDS[words[0]][0]}"), "prepare", list)
        args = parser.parse_args(prepare(words[1:]))
        args.typed = words[1:]
        return int(args.run_command(args))
    if words and not words[0].startswith("-"):
        return _plugin_command(words)
    options = top_parser().parse_args(words)
    if options.version:
        print(f"pratique {__version__}")
        return 0
    top_parser().print_help()
    return 0 if options.help else 2


def _plugin_command(words: list[str]) -> int:
    import difflib

    from pratique.host import Host

    host = Host.open()
    for answer in host.call("commands"):
        for command in answer.value:
            if command.name == words[0]:
                parser = argparse.ArgumentParser(prog=f"pratique {command.name}", description=command.help)
                command.configure(parser)
                return int(command.run(parser.parse_args(words[1:])))
    near = difflib.get_close_matches(words[0], COMMANDS, 1)
    print(f"pratique: no command {words[0]!r}", file=sys.stderr)
    print(f"  did you mean `pratique {near[0]}`?" if near else f"commands:\n{listing()}", file=sys.stderr)
    return 2


def _complain(error: PratiqueError) -> int:
    complain(error)
    return error.exit_code


def _crash(words: list[str]) -> int:
    import platform
    import tempfile
    import time
    import traceback

    detail = (
        f"pratique {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}\ncommand: {words!r}\n\n{traceback.format_exc()}"
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="pratique-fault-", suffix=".txt", errors="backslashreplace", delete=False
        ) as file:
            file.write(detail)
        where = f"in {file.name}"
    except OSError:  # no room, or no place that may be written to
        print(detail, file=sys.stderr)
        where = "above"
    print(f"pratique: a fault of ours, sorry; please report it with the details {where}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""`pratique completion`: a script for a shell that completes commands, options, files and sessions."""

from __future__ import annotations

import argparse
import importlib
from typing import Final

from pratique.errors import CannotError

_EPILOG = """\
examples:
  pratique completion bash > /etc/bash_completion.d/pratique
  pratique completion zsh > "${fpath[1]}/_pratique"
  pratique completion fish > ~/.config/fish/completions/pratique.fish
"""

#: What prints the ids that may follow. Without quotes and wildcards, it is the same in every shell.
_SESSIONS: Final = "pratique history | grep -v no.sessions | cut -c-8"
_KEPT: Final = "pratique discard --list | grep -v no.session.is.kept | cut -c-8"
_SESSIONS_FOR: Final = {
    "commit": _KEPT,
    "discard": _KEPT,
    "undo": "pratique undo --list | grep -v installed.that.could.be.undone | cut -c-8",
}
_DECISIONS: Final = "pratique decisions list | grep -v nothing.is.remembered | cut -c-8"
_PLUGINS: Final = "pratique plugins --names"

#: In bash: files, and behind `--` commands, too. `pos_only` is a variable of the script that calls it.
_INSTALLER: Final = """
_pratique_compgen_files() {
  [[ $pos_only = 1 ]] && compgen -c -- "$1"
  compgen -f -- "$1"
}"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=["bash", "zsh", "fish", "tcsh"], help="the shell it is for")


def run(args: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise CannotError("shell completion needs shtab", hint="pip install shtab") from None
    print(shtab.complete(whole_parser(), shell=args.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """One parser that holds those of all commands: what the command line understands, for reading only."""
    from pratique.cli import main

    parser = argparse.ArgumentParser(prog="pratique")
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers()
    for name, (module, text) in main.COMMANDS.items():
        command = importlib.import_module(f"pratique.cli.{module}")
        if hasattr(command, "SUBCOMMANDS"):  # it looks its own up by name, as `pratique` does its commands
            subcommands = commands.add_parser(name, help=text).add_subparsers()
            for sub, sub_text in command.SUBCOMMANDS.items():
                subcommands.add_parser(sub, parents=[command.parser_for(sub)], add_help=False, help=sub_text)
        else:
            commands.add_parser(name, parents=[main.parser_for(name)], add_help=False, help=text)
    _complete_values(parser)
    return parser


def _complete_values(parser: argparse.ArgumentParser) -> None:
    """Arguments that name files or folders say so in their metavar, sessions in their name."""
    import shtab

    from pratique.policy.sessionplan import SOCKETS
    from pratique.rolefile.record import keys

    command = parser.prog.rsplit(" ", 1)[-1]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in {id(one): one for one in action.choices.values()}.values():
                _complete_values(inner)
        elif str(action.metavar) == "INSTALLER":
            files = {**shtab.FILE, "bash": "_pratique_compgen_files", "preamble": {"bash": _INSTALLER}}
            action.complete = files  # type: ignore[attr-defined]
        elif str(action.metavar) == "SOCKET":  # or a path
            action.choices = SOCKETS
        elif str(action.metavar) == "KEY":
            action.choices = keys()
        elif action.dest == "session" and command != "explain":  # that takes files in the first place
            action.complete = shtab.cmd(_SESSIONS_FOR.get(command, _SESSIONS))  # type: ignore[attr-defined]
        elif action.dest == "id":
            action.complete = shtab.cmd(_DECISIONS)  # type: ignore[attr-defined]
        elif action.dest == "disable":
            action.complete = shtab.cmd(_PLUGINS)  # type: ignore[attr-defined]
        elif str(action.metavar) == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif any(word in str(action.metavar) for word in ("FILE", "PATH", "OLD", "NEW", "RECORDING")):
            action.complete = shtab.FILE  # type: ignore[attr-defined]

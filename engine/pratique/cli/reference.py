"""The command reference, made from the commands themselves: `python -m pratique.cli.reference > docs/commands.md`."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Iterator
from typing import Final

from pratique.cli.main import COMMANDS, parser_for

_HEAD: Final = """\
# Commands

Made from the code by `make docs`; a test compares the two. `pratique COMMAND --help` says the same.

- Every command that prints for people takes `--json` where there is something to print.
- Progress and complaints go to standard error. A complaint is one line, and where something can be done, a second that
  says what. Of a command line that cannot be read, the usage is shown before; of a policy, its errors.
- Colours appear only on a terminal, and never with `NO_COLOR` set.
- Plugins may add commands; `pratique plugins` lists who does.

| variable | moves |
|---|---|
| `PRATIQUE_STATE` | decisions, history and sessions: `/var/lib/pratique` for root, else `~/.local/state/pratique` |
| `PRATIQUE_CONFIG` | policies and role file of your own: `/etc/pratique` for root, else `~/.config/pratique` |
| `PRATIQUE_HOST` | the role file to use, when `--host` does not name one |

## Exit codes

| code | means | on the machine |
|---|---|---|
| 0 | done; for `run`: installed, with or without parts left out | what was admitted is installed |
| 1 | a fault of ours; the details are in a file that is named | nothing was changed, unless the message says so |
| 2 | wrong usage, or a missing, unreadable or damaged file | nothing ran; `--without-component`: not installed |
| 3 | invalid policy or role file, or tests of a policy failed | nothing ran; the policy in force stays |
| 4 | this machine or user cannot; the second line says what mends it | nothing ran |
| 5 | the machine changed meanwhile where the installer changed it too | nothing was committed; the session is kept |
| 6 | the installer itself failed; 10 and 11 win over this | nothing was committed without `--anyway` |
| 7 | the deadline passed | everything it started is gone, nothing was committed |
| 8 | no room on the disk | nothing was committed; what was admitted is kept, if it can be |
| 10 | judged undesirable; for `policy diff`: something is judged differently | not installed |
| 11 | clean but refused, or blocked as known | not installed |
| 130 | interrupted | nothing was committed |
| 137 | ended with SIGKILL, by somebody or because a plugin let nothing else run | the next command clears up |
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The same text whatever the version of Python: they differ in how an option with a short form is written."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def commands() -> str:
    """docs/commands.md."""
    os.environ["COLUMNS"] = "100"
    parts = [_HEAD]
    for name in COMMANDS:
        parser = parser_for(name)
        parts.append(_section(parser, 2))
        parts += [_section(verb, 3) for verb in _verbs(name, parser)]
    return "\n".join(parts)


def _verbs(name: str, parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The subcommands of a command, each once, however it keeps them."""
    command = importlib.import_module(f"pratique.cli.{COMMANDS[name][0]}")
    for sub in getattr(command, "SUBCOMMANDS", ()):
        yield command.parser_for(sub)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from {id(one): one for one in action.choices.values()}.values()


def _section(parser: argparse.ArgumentParser, level: int) -> str:
    parser.formatter_class = _Formatter
    return f"{'#' * level} {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```\n"


if __name__ == "__main__":
    print(commands(), end="")

"""The command reference, made from the commands themselves: `python -m pratique.cli.reference > docs/commands.md`."""

from __future__ import annotations

import os

from pratique.cli.main import COMMANDS, EXIT_CODES, parser_for

_HEAD = """\
# Commands

Made from the code by `make docs`; a test compares the two. `pratique COMMAND --help` prints the same.

Every command that prints for people takes `--json` where there is something to print; progress goes to standard error;
colours appear only on a terminal, and never with `NO_COLOR` set.
"""


def commands() -> str:
    """docs/commands.md."""
    os.environ["COLUMNS"] = "100"
    parts = [_HEAD, f"```text\n{EXIT_CODES}```\n"]
    for name in COMMANDS:
        parts.append(f"## pratique {name}\n\n```text\n{parser_for(name).format_help().rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(commands(), end="")

"""`pratique policy fmt`: policy files in the one canonical style."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pratique.cli.plain import printable

#: What became of a file; "wrong": it does not parse, and is left as it is.
State: TypeAlias = Literal["in style", "formatted", "not in style", "wrong"]
_CODES: Final[dict[State, int]] = {"in style": 0, "formatted": 0, "not in style": 1, "wrong": 3}

_EPILOG: Final = """\
exit codes: 0 formatted (with --check or --diff: nothing to do), 1 with --check or --diff: something to do,
2 no such file, 3 a file does not parse (it is left as it is)

examples:
  pratique policy fmt policies/*.policy
  pratique policy fmt --check --diff policies
  pratique policy fmt - < draft.policy
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "path", nargs="+", metavar="FILE|-", help="files or directories; -: from and to the standard ones"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; say which files are not in style")
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    parser.add_argument("--json", action="store_true", help="print one JSON document: what became of each file")


def run(args: argparse.Namespace) -> int:
    from pratique.errors import UsageError
    from pratique.policies.reading import files_below, no_such

    if args.json and (args.diff or "-" in args.path):
        raise UsageError("--json goes with files, and not with --diff", hint="pratique policy fmt --json --check FILE")
    files: list[Path] = []
    for name in args.path:
        path = Path(name)
        if name != "-" and not path.exists():
            raise no_such(path)
        files += files_below(path) if path.is_dir() else [path]
    states = {str(file): _format(file, check=args.check, diff=args.diff, quiet=args.json) for file in files}
    if args.json:
        import msgspec

        document = {"files": [{"file": file, "state": state} for file, state in states.items()]}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
    return max((_CODES[state] for state in states.values()), default=0)


def _format(path: Path, *, check: bool, diff: bool, quiet: bool) -> State:
    from pratique.policies.reading import read, shown
    from pratique.policy.diagnostics import errors, render, summary
    from pratique.policy.format import format_text
    from pratique.policy.parser import parse

    standard = str(path) == "-"
    name = "standard input" if standard else shown(path)
    text = _from_standard_input() if standard else read(path)
    diagnostics = errors(parse(text, name).diagnostics) if isinstance(text, str) else [text]
    if not isinstance(text, str) or diagnostics:
        print(render(diagnostics, {name: text} if isinstance(text, str) else {}), file=sys.stderr)
        print(f"\n{summary(diagnostics)}; left as it is", file=sys.stderr)
        return "wrong"
    formatted = format_text(text)
    if standard and not (check or diff):
        sys.stdout.write(formatted)
        return "in style"
    if formatted == text:
        return "in style"
    if not (check or diff):
        _replace(path, formatted)
        return "formatted"
    if diff:
        sys.stdout.writelines(_diff(text, formatted, name))
    if check and not quiet:
        print(printable(f"{name}: not in style; `pratique policy fmt {path}` mends it"), file=sys.stderr)
    return "not in style"


def _from_standard_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace")


def _diff(before: str, after: str, name: str) -> list[str]:
    import difflib

    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} (in style)")
    return [line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines]


def _replace(path: Path, text: str) -> None:
    """Write the file anew, whole or not at all, with the mode it had."""
    import os
    import tempfile

    target = path.resolve()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, prefix=".fmt-", delete=False) as file:
        file.write(text)
        os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
    Path(file.name).replace(target)

"""`pratique plugins`: which plugins there are, where they come from, what they do and what went wrong; a new one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pratique.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=False, help="print JSON")
    parser.add_argument("--host", metavar="FILE", type=Path, help="the role file to use")
    parser.add_argument("--disable", metavar="NAME", action="append", default=[], help="leave this plugin out")
    parser.add_argument(
        "--hash", metavar="NAME", help="print the hash of a plugin's distribution, for a role file's allow list"
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    new = verbs.add_parser("new", help="write a working plugin to start from: a module, its test, its pyproject.toml")
    new.add_argument("name", metavar="NAME", help="what it is called: lower-case words joined by -")
    new.add_argument(
        "--into", metavar="DIR", type=Path, default=Path(), help="where to make its folder (default: here)"
    )


def run(args: argparse.Namespace) -> int:
    if args.verb == "new":
        return _new(args.name, args.into)
    if args.hash:
        return _hash(args.hash, args.json)
    from pratique.host import Host

    host = Host.open(args.host, disable=args.disable)
    plugins, failures = host.plugins(), host.failures()
    if args.json:
        import msgspec

        document = {"plugins": msgspec.to_builtins(plugins), "failures": msgspec.to_builtins(failures)}
        print(json.dumps(document, indent=2))
        return 0
    _print_table(plugins)
    for failure in failures:
        print(f"{failure}", file=sys.stderr)
    return 0


def _print_table(plugins: tuple) -> None:  # type: ignore[type-arg]
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "state", "from", "hooks", "kinds"):
        table.add_column(column, overflow="fold")
    for column in ("calls", "ms", "errors"):
        table.add_column(column, justify="right")
    for one in plugins:
        state = Text(one.state, {"on": "green", "off": "dim", "failed": "red"}[one.state])
        if one.why:
            state.append(f": {one.why}", "default")
        table.add_row(
            Text(one.name), state, Text(f"{one.distribution} {one.version}".strip()), Text(", ".join(one.hooks)),
            Text(_kinds(one.kinds)), str(one.calls), f"{one.ms + one.load_ms:.1f}", str(one.errors),
        )  # fmt: skip
    Console().print(table)


def _kinds(kinds: tuple[str, ...]) -> str:
    """By the first word, as one would say it: `file.create, delete, read`."""
    groups: dict[str, list[str]] = {}
    for kind in kinds:
        head, _, tail = kind.partition(".")
        groups.setdefault(head, []).append(tail)
    return "; ".join(f"{head}.{', '.join(tails)}" for head, tails in groups.items())


def _hash(name: str, as_json: bool) -> int:
    from pratique.host.fingerprint import fingerprint
    from pratique.host.installed import distribution, entries

    owner = distribution(name)
    if owner is None:
        owners = {entry.name: entry.distribution for entry in entries()}
        if name not in owners:
            raise UsageError(
                f"no plugin and no distribution with plugins is called {name!r}",
                hint="`pratique plugins` lists the plugins and the distributions they come from",
            )
        owner = owners[name]
    sha256 = fingerprint(owner)
    if as_json:
        print(json.dumps({"name": owner.name, "version": owner.version, "sha256": sha256}))
    else:
        print(f"{owner.name} {owner.version}\n{sha256}\n\nin a role file:\n"
              f"plugins:\n  allow:\n    - {{name: {owner.name}, sha256: {sha256}}}")  # fmt: skip
    return 0


def _new(name: str, into: Path) -> int:
    from pratique.cli.new_plugin import write

    made = write(name, into)
    print(f"made {made}")
    print(f"  try it:  cd {made} && pip install -e . && python -m pytest && pratique plugins")
    return 0

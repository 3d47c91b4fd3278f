"""`pratique plugins`: which plugins there are, where they come from, what they do and what went wrong; a new one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pratique.errors import UsageError

if TYPE_CHECKING:
    from pratique.host import PluginStatus


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", default=False, help="print JSON")
    parser.add_argument("--host", metavar="FILE", type=Path, help="the role file to use")
    parser.add_argument("--disable", metavar="NAME", action="append", default=[], help="leave this plugin out")
    parser.add_argument(
        "--hash", metavar="NAME", help="print the hash of a plugin's distribution, for a role file's allow list"
    )
    parser.add_argument("--names", action="store_true", help=argparse.SUPPRESS)  # for the completion of shells
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    new = verbs.add_parser("new", help="write a working plugin to start from: a module, its test, its pyproject.toml")
    new.add_argument("name", metavar="NAME", help="what it is called: lower-case words joined by -")
    new.add_argument(
        "--into", metavar="DIR", type=Path, default=Path(), help="where to make its folder (default: here)"
    )


def run(args: argparse.Namespace) -> int:
    if args.verb == "new":
        return _new(args.name, args.into)
    if args.names:
        from pratique.host.installed import entries

        print("\n".join(dict.fromkeys(entry.name for entry in entries())))
        return 0
    if args.hash:
        return _hash(args.hash, args.json)
    from pratique.cli.standard_output import for_a_document
    from pratique.host import Host

    with for_a_document() as print_document:  # a plugin may print while it is loaded
        host = Host.open(args.host, disable=args.disable)
        plugins, failures = host.plugins(), host.failures()
        if args.json:
            import msgspec

            document = {"plugins": msgspec.to_builtins(plugins), "failures": msgspec.to_builtins(failures)}
            print_document(json.dumps(document, indent=2).encode() + b"\n")
            return 0
    _print_list(plugins)
    for failure in failures:
        print(f"{failure}", file=sys.stderr)
    return 0


def _print_list(plugins: tuple[PluginStatus, ...]) -> None:
    import shutil
    import textwrap

    columns = max(40, shutil.get_terminal_size().columns)
    width = max((len(one.name) for one in plugins), default=0) + 2
    for one in plugins:
        origin = f"{one.distribution} {one.version}".strip() or "not installed"
        work = [f"{one.calls} call{'' if one.calls == 1 else 's'}", f"{one.ms + one.load_ms:.1f} ms"]
        work += [f"{one.errors} error{'' if one.errors == 1 else 's'}"] if one.errors else []
        print(f"{one.name:<{width}}{one.state:<8}{origin}" + (f"  {', '.join(work)}" if one.state == "on" else ""))
        for word, said in (("why", one.why), ("hooks", ", ".join(one.hooks)), ("kinds", _kinds(one.kinds))):
            indent = " " * width + f"{'':<8}"
            first = " " * width + f"{word:<8}"
            if said:
                print(textwrap.fill(said, columns, initial_indent=first, subsequent_indent=indent))
    if not plugins:
        print("no plugins are installed")


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
    print(f"  try it:  cd {made} && pip install -e . pytest && python -m pytest && pratique plugins")
    return 0

"""`pratique host`: this machine's role file: show it, change it, check it, say where it is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pratique import places, rolefile
from pratique.errors import CannotError, HostFileError

_EPILOG = """\
examples:
  pratique host set plugins.disable '[terminal]'
  pratique host set policy company
  pratique host unset plugins.use
"""


def configure(parser: argparse.ArgumentParser) -> None:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--host", metavar="FILE", type=Path, default=argparse.SUPPRESS, help="the role file to use")
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.epilog = _EPILOG
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    verbs.add_parser("show", parents=[shared], help="show what holds on this machine, defaults included")
    verbs.add_parser("path", parents=[shared], help="say which file holds, and why")
    check = verbs.add_parser("check", parents=[shared], help="check a role file (exit 3 when it is wrong)")
    check.add_argument("file", metavar="FILE", type=Path, nargs="?", help="instead of the one in use")
    change = verbs.add_parser("set", parents=[shared], help="set one key; comments stay, the file is replaced at once")
    change.add_argument("key", metavar="KEY", help="dots lead into blocks: plugins.disable")
    change.add_argument("value", metavar="VALUE", help="as YAML: osaka, 5, true, '[a, b]'")
    unset = verbs.add_parser("unset", parents=[shared], help="take one key out, so that its default holds")
    unset.add_argument("key", metavar="KEY", help="dots lead into blocks: plugins.use")


def run(args: argparse.Namespace) -> int:
    args.host, args.json = getattr(args, "host", None), getattr(args, "json", False)
    verbs = {"show": _show, "path": _path, "check": _check, "set": _set, "unset": _set}
    return verbs[args.verb](args)


def _show(args: argparse.Namespace) -> int:
    import msgspec

    path = rolefile.find(args.host)
    content = msgspec.to_builtins(rolefile.read(path))
    if args.json:
        print(json.dumps({"file": str(path), "content": content}, indent=2))
        return 0
    from pratique.rolefile.reading import yaml

    print(f"# {path}: what it says, and the defaults of what it does not say")
    import sys

    yaml().dump(content, sys.stdout)
    return 0


def _path(args: argparse.Namespace) -> int:
    path, why = rolefile.find(args.host), rolefile.reason(args.host)
    if args.json:
        print(json.dumps({"file": str(path), "exists": path.exists(), "why": why}))
    else:
        print(f"{path}  ({why}{'' if path.exists() else '; it does not exist'})")
    return 0


def _check(args: argparse.Namespace) -> int:
    from pratique.cli.host_notes import notes

    path = args.file or rolefile.find(args.host)
    error = ""
    try:
        rolefile.read(path)
    except HostFileError as found:
        if not args.json:
            raise
        error = str(found)
    warnings = [] if error else notes(path)
    if args.json:
        print(json.dumps({"file": str(path), "ok": not error, "error": error, "warnings": warnings}, indent=2))
        return HostFileError.exit_code if error else 0
    print(f"{path}: a valid role file")
    for sentence in warnings:
        print(f"  note: {sentence}")
    return 0


def _set(args: argparse.Namespace) -> int:
    from pratique.cli.host_notes import notes
    from pratique.rolefile.writing import change

    source = rolefile.find(args.host)
    target = source
    if args.host is None and source == rolefile.shipped():
        target = places.config() / "host.yaml"  # the shipped file stays as it is
    value = args.value if args.verb == "set" else None
    before = source.read_bytes() if source.exists() else b""
    try:
        change(source, args.key, value, onto=target)
    except OSError as error:
        raise CannotError(
            f"{target} cannot be written: {error.strerror}", hint="run it as the owner of that file (sudo, for root's)"
        ) from None
    except HostFileError as error:
        raise HostFileError(f"{error}", hint=f"{target} was not changed") from None
    warnings = notes(target, args.key)
    if args.json:
        print(json.dumps({"file": str(target), "key": args.key, "value": value, "warnings": warnings}))
        return 0
    if value is not None:
        print(f"{target}: {args.key} is now {value}")
    elif target.read_bytes() == before:
        print(f"{target}: {args.key} was not set; nothing is changed")
    else:
        print(f"{target}: {args.key} is taken out")
    for sentence in warnings:
        print(f"  note: {sentence}")
    return 0

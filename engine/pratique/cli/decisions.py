"""`pratique decisions`: what was decided before, and marks made by hand."""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec

from pratique.cli.plain import printable
from pratique.decisions import Decisions, Mark, Remembered
from pratique.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    # The options of `list` stand on the command too, since `list` may be left out.
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(verb="list", as_json=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")

    def verb(name: str, help: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=help, description=help)
        one.add_argument("--json", dest="as_json", action="store_true", help="print JSON")
        one.set_defaults(verb=name)
        return one

    verb("list", "list what is remembered and marked, newest first (without a verb: this)")
    show = verb("show", "show one entry with all it was decided on")
    show.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    forget = verb("forget", "drop one entry, so that the question is asked again")
    which = forget.add_mutually_exclusive_group(required=True)
    which.add_argument("id", metavar="ID", nargs="?", help="its id, or the beginning of it")
    which.add_argument("--all", action="store_true", help="drop every decision and every mark")
    mark = verb("mark", "say by hand what a file is: an undesirable one is blocked from then on")
    mark.add_argument("what", metavar="FILE|SHA256", help="the file, or the SHA-256 of its content")
    standing = mark.add_mutually_exclusive_group(required=True)
    standing.add_argument("--undesirable", dest="standing", action="store_const", const="undesirable")
    standing.add_argument("--clean", dest="standing", action="store_const", const="clean")
    mark.add_argument("--note", default="", help="why, in a few words")


def run(args: argparse.Namespace) -> int:
    store = Decisions()
    as_json = args.json or args.as_json
    if args.verb == "list":
        entries = store.entries()
        _print_json([_plain(entry) for entry in entries]) if as_json else _print_list(entries)
    elif args.verb == "show":
        entry = store.show(args.id)
        _print_json(_plain(entry)) if as_json else _print_entry(entry)
    elif args.verb == "forget" and args.all:
        count = store.forget_all()
        _print_json({"forgotten": count}) if as_json else print(f"forgot {count} {_plural(count, 'entry', 'entries')}")
    elif args.verb == "forget":
        entry = store.forget(args.id)
        _print_json(_plain(entry)) if as_json else print(f"forgot {entry.id}  {_line(entry)}")
    else:
        sha256, name = _what(args.what)
        entry = store.mark(sha256, args.standing, name=name, note=printable(args.note))
        _print_json(_plain(entry)) if as_json else _print_mark(entry)
    return 0


def _what(text: str) -> tuple[str, str]:
    """The SHA-256 and the name of what the person wrote: a hash, or a file."""
    if re.fullmatch("[0-9a-fA-F]{64}", text) and not Path(text).exists():
        return text.lower(), ""
    from pratique.opened import regular_file

    if not os.path.lexists(text):
        raise UsageError(f"no such file: {text}", hint="name a file, or the SHA-256 of its content: 64 hex digits")
    try:
        with regular_file(text) as file:
            return file.sha256(), Path(text).name
    except UsageError as error:
        hint = error.hint or "a SHA-256 has 64 hex digits"
        raise UsageError(str(error), hint=hint) from None


def _plain(entry: Remembered | Mark) -> dict[str, Any]:
    plain: dict[str, Any] = {"is": "mark" if isinstance(entry, Mark) else "decision"}
    for name in entry.__struct_fields__:
        plain[name] = msgspec.to_builtins(getattr(entry, name), order="deterministic")
    if isinstance(entry, Remembered):
        plain["key"] = {name: getattr(entry.key, name) for name in entry.key.__struct_fields__}
        plain["agreed"] = {
            "verdict": entry.agreed.verdict,
            "total": entry.agreed.total,
            "actions": sorted(entry.agreed.actions),
            "policy": entry.agreed.policy,
        }
        plain["in_force"] = entry.in_force(time.time())
    return plain


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_list(entries: tuple[Remembered | Mark, ...]) -> None:
    if not entries:
        print("nothing is remembered")
        return
    for entry in entries:
        print(f"{entry.id}  {_line(entry)}")


def _line(entry: Remembered | Mark) -> str:
    day = time.strftime("%Y-%m-%d", time.localtime(entry.made))
    name = printable(entry.name) or f"{(entry.sha256 if isinstance(entry, Mark) else entry.key.sha256)[:12]}…"
    if isinstance(entry, Mark):
        note = f" · {printable(entry.note)}" if entry.note else ""
        return f"{day}  marked {entry.standing:<11}  {name}{note}"
    return f"{day}  {entry.choice:<18}  {name} · by {_for(entry)} · {_until(entry)}"


def _for(entry: Remembered) -> str:
    if entry.key.sha256:
        return f"file {entry.key.sha256[:12]}…"
    return f"signer {printable(entry.signer) or entry.key.signer} and name"


def _until(entry: Remembered) -> str:
    if entry.expires is None:
        return "for ever"
    day = time.strftime("%Y-%m-%d", time.localtime(entry.expires))
    if entry.in_force(time.time()):
        return f"until {day}"
    return f"expired {day}" if time.time() >= entry.expires else "not in force: the clock went back"


def _print_entry(entry: Remembered | Mark) -> None:
    print(f"{entry.id}  {_line(entry)}")
    if isinstance(entry, Mark):
        print(f"  sha256    {entry.sha256}")
        return
    print(f"  made      {time.strftime('%Y-%m-%d %H:%M', time.localtime(entry.made))}, by {entry.source}")
    if entry.key.sha256:
        print(f"  sha256    {entry.key.sha256}")
    else:
        print(f"  signer    {printable(entry.signer)}, key {entry.key.signer}\n  name      {printable(entry.key.name)}")
    policy = f", by {printable(entry.agreed.policy)}" if entry.agreed.policy else ""
    print(f"  verdict   {entry.agreed.verdict}, {entry.agreed.total:.1f}{policy}")
    for action in sorted(entry.agreed.actions):
        print(f"    {printable(action)}")
    for component, choice in sorted(entry.components.items()):
        print(f"  {choice:<9} {printable(component)}")
    if entry.choice != "refuse":
        print("  It answers as long as nothing undesirable is done beyond what stands here; else you are asked again.")


def _print_mark(entry: Mark) -> None:
    print(f"{entry.id}  {_line(entry)}")
    if entry.standing == "clean":
        print("  It counts once the file is also signed by somebody the policy trusts; it is judged in any case.")


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many

"""What several commands are given to work on: a policy, a recording, or an event written out."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pratique.errors import UsageError

if TYPE_CHECKING:
    from pratique.events import Event, Field, FieldValue, Vocabulary
    from pratique.host import Host
    from pratique.policies import InForce
    from pratique.policy.model import Policy
    from pratique.recording import Recording


def policy_option(parser: argparse.ArgumentParser, *, judge: str = "judge") -> None:
    """`--policy FILE`, for what `policy` is given. `judge`: what the command does by it."""
    parser.add_argument(
        "--policy", action="append", default=[], metavar="FILE", type=Path,
        help=f"{judge} by this policy instead of the one in force (repeatable)",
    )  # fmt: skip


def policy(paths: Sequence[Path], host: Host) -> Policy:
    """The policy in these files; without any, the one in force. Raises `PolicyError`, `UsageError`.

    A program is judged whatever became of the policy files: what is wrong with them is said on standard error.
    """
    return _in_files(paths, host) if paths else in_force(host).policy


def sound_policy(paths: Sequence[Path], host: Host) -> Policy:
    """The same for whoever asks about the policy itself: raises `PolicyError` when its files cannot be loaded."""
    if paths:
        return _in_files(paths, host)
    held = held_by(host)
    if held.wrong is not None:
        raise held.wrong
    return held.policy


def in_force(host: Host) -> InForce:
    """The policy in force. What keeps another from being it is said on standard error. Raises `PolicyError`."""
    from pratique.cli.complaint import complain

    held = held_by(host)
    if held.wrong is not None:
        complain(held.wrong)
    return held


def held_by(host: Host) -> InForce:
    """The policy in force, as the role file wants it; nothing is said. Raises `PolicyError`."""
    from pratique import policies

    role = host.role
    return policies.in_force(
        host.vocabulary(), name=role.policy or None, directories=[Path(place) for place in role.policies]
    )


def _in_files(paths: Sequence[Path], host: Host) -> Policy:
    from pratique import policies

    return policies.load(list(paths), host.vocabulary(), directories=[Path(place) for place in host.role.policies])


def recording(path: Path) -> Recording:
    """The recording in this file. Raises `UsageError` when it is none."""
    from pratique import recording as recordings

    try:
        return recordings.read(path)
    except recordings.RecordingError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        hint = "`pratique run --record FILE` makes a recording"
        if is_past(path):
            hint = f"of a past session there is the report: `pratique show {path}`; {hint}"
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=hint) from None


def is_past(path: Path) -> bool:
    """Whether this is no file, and could be the id of a past session."""
    return re.fullmatch("[0-9a-f]{1,8}", str(path)) is not None and not path.exists()


def event(text: str, vocabulary: Vocabulary, home: str) -> Event:
    """The event that `file.write path=~/.bashrc by_package_manager=true` speaks of.

    A `~` that begins a path is `home`; the mode of a file is octal. `component`, `process` and `time` can be given like
    fields. Raises `UsageError`.
    """
    from pratique.events import Event
    from pratique.policy.nearest import did_you_mean, listed

    try:
        kind_name, *parts = shlex.split(text) or [""]
    except ValueError as error:
        raise UsageError(
            f"expected KIND FIELD=VALUE ..., found {text!r}: {error}", hint="try: file.write path=~/.bashrc"
        ) from None
    if not kind_name:
        raise UsageError("expected KIND FIELD=VALUE ..., found nothing", hint="try: file.write path=~/.bashrc")
    kind = vocabulary.get(kind_name)
    if kind is None:
        raise UsageError(f"no event kind {kind_name!r}", hint=_kinds_like(kind_name, list(vocabulary)))
    fields: dict[str, FieldValue] = {}
    about: dict[str, str] = {}
    for part in parts:
        name, between, value = part.partition("=")
        if between and name in ("component", "process", "time"):
            about[name] = value
        elif between and name in kind.fields:
            fields[name] = _value(kind_name, name, kind.fields[name], value, home)
        elif name in kind.fields or name in ("component", "process", "time"):
            raise UsageError(f"{kind_name}: {name} lacks its value", hint=f"write: {name}=...")
        else:
            raise UsageError(
                f"{kind_name} has no field {part!r}" if not between else f"{kind_name} has no field {name!r}",
                hint=did_you_mean(name, list(kind.fields)) or f"its fields: {listed(kind.fields, 'and')}",
            )
    try:
        process, time = int(about.get("process", "0")), float(about.get("time", "0"))
    except ValueError as error:
        raise UsageError(f"process and time are numbers: {error}") from None
    found = Event(kind_name, component=about.get("component", ""), process=process, time=time)
    found.fields = fields
    return found


def _kinds_like(name: str, kinds: Sequence[str]) -> str:
    """The nearest kind; else those with the same beginning, or all beginnings that there are."""
    from pratique.policy.nearest import did_you_mean, listed

    beginnings = list(dict.fromkeys(kind.partition(".")[0] for kind in kinds))
    head = name.partition(".")[0]
    if near := did_you_mean(name, kinds):
        return near
    if head in beginnings:
        return f"there are {listed((kind for kind in kinds if kind.startswith(f'{head}.')), 'and', most=30)}"
    return f"kinds begin with {listed(beginnings, 'or', most=30)}; `pratique plugins` lists them all"


def _value(kind: str, name: str, field: Field, text: str, home: str) -> FieldValue:
    from pratique.policy import modes
    from pratique.policy.paths import expand_home

    match field.value:
        case "flag":
            if text.lower() not in ("true", "false"):
                raise UsageError(f"{kind}: {name} is true or false; found {text!r}")
            return text.lower() == "true"
        case "mode":
            if (mode := modes.read(text.removeprefix("0o"))) is None:
                raise UsageError(f"{kind}: {name} is written in octal, as in 4755; found {text!r}")
            return mode
        case "number" | "size" | "duration":
            try:
                return float(text) if "." in text else int(text, 0)
            except ValueError:
                return _measured(kind, name, field, text)
        case "path":
            return expand_home(text, home)
        case _:
            return text


def _measured(kind: str, name: str, field: Field, text: str) -> float:
    """A number with a unit, as policies write it: 10MiB, 60s."""
    from pratique.policy.building import quantity
    from pratique.policy.comparing import UNITS

    found = quantity(text)
    if found is None or found.unit not in UNITS[field]:
        examples = {"size": " like 4096 or 10MiB", "duration": " of seconds, or one with a unit like 60s or 5m"}
        raise UsageError(f"{kind}: {name} is a number{examples.get(field.value, '')}; found {text!r}")
    return found.value

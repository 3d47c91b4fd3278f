"""`pratique doctor`: what this machine can and cannot do for Pratique, and the command that mends what is missing."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pratique.cli import plain
from pratique.errors import CannotError, PolicyError, PratiqueError

if TYPE_CHECKING:
    from pratique.host import Host

#: Program -> (the package that brings it, what is missing without it).
_TOOLS: Final = {
    "dpkg": ("dpkg", "Debian packages cannot be installed, nor files attributed to packages"),
    "apt-get": ("apt", "`pratique run -- apt-get install` has nothing to run"),
    "gpgv": ("gpgv", "signatures cannot be checked, so every program is unknown"),
    "npm": ("npm", "npm packages cannot be judged"),
    "pip3": ("python3-pip", "Python packages cannot be judged"),
}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `needed`: without it nothing can be judged, else only less is seen, held or possible.

    `mend` is a command, or what to do.
    """

    name: str
    ok: bool
    needed: bool = True
    detail: str = ""
    mend: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--host", metavar="FILE", type=Path, help="the role file to use")


def run(args: argparse.Namespace) -> int:
    checks = examine(args.host)
    lacking = [check for check in checks if check.needed and not check.ok]
    if args.json:
        print(json.dumps({"ok": not lacking, "checks": msgspec.to_builtins(checks)}, indent=2))
    else:
        _print(checks)
        print(f"\n{_summary(checks)}")
    return CannotError.exit_code if lacking else 0


def examine(role_file: Path | None = None) -> list[Check]:
    """Every check, each contained: one that breaks is itself a finding."""
    looks: dict[str, Callable[[], Iterator[Check]]] = {
        "python": _python, "user": _user, "quarantine": _quarantine, "programs from inside": _inside, "tools": _tools,
        "state directory": _state, "cut short": _cut_short, "plugins and policy": lambda: _configured(role_file),
    }  # fmt: skip
    found: list[Check] = []
    for name, look in looks.items():
        try:
            found += look()
        except PratiqueError as error:
            found.append(Check(name=name, ok=False, detail=str(error), mend=error.hint))
        except Exception as error:  # the border between one look and the next: this command must answer
            detail = f"could not be examined: {type(error).__name__}: {error}"
            found.append(Check(name=name, ok=False, detail=detail, mend="report this with the line above"))
    return found


def _python() -> Iterator[Check]:
    yield Check(
        name="python", ok=sys.version_info >= (3, 11), detail=f"{platform.python_version()} at {sys.executable}",
        mend="install Python 3.11 or newer",
    )  # fmt: skip


def _user() -> Iterator[Check]:
    root = os.geteuid() == 0
    means = "packages of the whole system can be judged" if root else (
        "what is yours can be judged; system packages need root (sudo pratique run ...)")  # fmt: skip
    yield Check(name="user", ok=True, needed=False, detail=f"{'root' if root else 'not root'}: {means}")


def _quarantine() -> Iterator[Check]:
    try:
        from pratique.sandbox import abilities
    except ImportError as error:
        raise CannotError(f"the quarantine cannot be loaded: {error}", hint="install pratique again") from None
    for ability in abilities.examine():
        yield Check(
            name=ability.name, ok=ability.ok, needed=ability.needed, detail=ability.detail, mend=ability.mend
        )  # fmt: skip


def _inside() -> Iterator[Check]:
    """Whether programs can be looked into while they run."""
    installed = importlib.util.find_spec("frida") is not None
    known = platform.machine() == "x86_64"
    detail = "Frida" if installed and known else "what programs mean by what they do is not seen: "
    if not known:
        detail += f"programs of {platform.machine()} cannot be stopped at their beginning"
    elif not installed:
        detail += "Frida is not installed"
    yield Check(name="programs from inside", ok=installed and known, needed=False, detail=detail,
                mend="" if installed else "pip install 'pratique[frida]'")  # fmt: skip


def _tools() -> Iterator[Check]:
    for tool, (package, lack) in _TOOLS.items():
        found = shutil.which(tool)
        install = f"apt install {package}" if shutil.which("apt") else f"install {package}"
        yield Check(name=tool, ok=found is not None, needed=False, detail=found or lack, mend="" if found else install)


def _state() -> Iterator[Check]:
    from pratique import places

    try:
        place = places.state()
    except OSError as error:
        yield Check(name="state directory", ok=False, detail=f"{error.filename}: {error.strerror}",
                    mend="make it yours, or name another in PRATIQUE_STATE")  # fmt: skip
        return
    writable = os.access(place, os.W_OK | os.X_OK)
    yield Check(
        name="state directory", ok=writable, detail=str(place) + ("" if writable else " cannot be written"),
        mend="" if writable else f"chown {os.geteuid()} {place}, or name another in PRATIQUE_STATE",
    )  # fmt: skip


def _cut_short() -> Iterator[Check]:
    """Installations and undoings of which something stays where it is, though it should have been taken back."""
    from pratique.cli import recovering
    from pratique.run.claimed import clear_up

    try:
        found = clear_up()
    except (OSError, PratiqueError):
        return  # without a state directory, which is said already
    for one in found:
        first, *troubles = recovering.told(one)
        yield Check(name="cut short", ok=not troubles, needed=False, detail="\n".join([first, *troubles]),
                    mend="mend what is named; the next command tries it again")  # fmt: skip


def _configured(role_file: Path | None) -> Iterator[Check]:
    from pratique import rolefile
    from pratique.cli import chosen, host_notes, listening
    from pratique.host import Host

    try:
        host = Host.open(role_file)
    except PratiqueError as error:
        yield Check(name="role file", ok=False, detail=str(error), mend=error.hint or "pratique host check")
        return
    yield Check(name="role file", ok=True, detail=f"{rolefile.find(role_file)}: {host.role.role}")
    host.vocabulary()  # asks the plugins for their kinds: who fails at it is among the failed
    yield from _plugins(host, role_file)
    try:
        in_force = chosen.held_by(host)
    except PolicyError as error:
        detail = "\n".join(filter(None, (error.rendered, str(error))))
        mend = host_notes.mend_of_policy(host.role, role_file) or error.hint or "pratique policy check"
        yield Check(name="policy", ok=False, needed=False, detail=detail, mend=mend)
        return
    name = f"{in_force.policy.name} {in_force.policy.version}".strip()
    wrong = in_force.wrong
    detail = name if wrong is None else f"{name} is in force instead of what cannot be loaded:\n{in_force.problems}"
    mend = host_notes.mend_of_policy(host.role, role_file) or "pratique policy check" if wrong else ""
    yield Check(name="policy", ok=wrong is None, needed=False, detail=detail, mend=mend)
    if unobserved := in_force.policy.plan.kinds - host.observed_kinds():
        yield Check(name="observed", ok=False, needed=False, detail=listening.sentence(unobserved),
                    mend=listening.mend(host, unobserved, role_file))  # fmt: skip


def _plugins(host: Host, role_file: Path | None) -> Iterator[Check]:
    """What failed, together where it is one distribution's and for one reason: the lack is one, and so is its mend."""
    from pratique.cli import listening
    from pratique.host.installed import OURS

    starts = bool(host.implementations("launch"))
    ours = listening.allowed(host.role, OURS)
    failed: dict[tuple[str, str], list[str]] = {}
    for plugin in host.plugins():
        without_ours = plugin.state == "off" and plugin.distribution == OURS and not ours  # hardly meant
        if plugin.state == "failed" or plugin.errors or without_ours:
            why = "; ".join(failure.message for failure in host.failures() if failure.plugin == plugin.name)
            why = why or plugin.why
            failed.setdefault((plugin.distribution, why), []).append(plugin.name)
    for (distribution, why), names in failed.items():
        one = len(names) == 1
        yield Check(
            name=f"plugin {names[0]}" if one else f"plugins of {distribution}",
            ok=False,
            needed=not starts,
            detail=why if one else f"{len(names)} plugins do not run: {why}",
            mend=listening.mend_of_failed(host.role, distribution, names, role_file),
        )
    if not failed:
        count = sum(plugin.state == "on" for plugin in host.plugins())
        detail = f"{count} run, none failed" + ("" if starts else ", and none of them knows how a program is started")
        mend = "" if starts else listening.mend_launching(host, role_file)
        yield Check(name="plugins", ok=starts, detail=detail, mend=mend)


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks) + 2
    columns = max(40, shutil.get_terminal_size().columns)
    for check in checks:
        state = "ok" if check.ok else "missing" if check.needed else "without"
        lead, indent = f"{state:<9}{check.name:<{width}}", " " * (9 + width)
        first, *more = check.detail.splitlines() or [""]
        # A path longer than the line is left whole: the terminal breaks it, and it can be copied.
        whole: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
        lines = [
            textwrap.fill(first, columns, initial_indent=lead, subsequent_indent=indent, **whole) if first else lead,
            *(indent + line for line in more),
        ]
        if check.mend and not check.ok:
            lines.append(f"{indent}mend it: {check.mend}")
        print(plain.lines("\n".join(lines)))


def _summary(checks: list[Check]) -> str:
    """Whether programs can be judged, and what of it is less than it might be."""
    lacking = sum(check.needed and not check.ok for check in checks)
    without = sum(not check.needed and not check.ok for check in checks)
    if lacking:
        return (
            f"there {'is one lack' if lacking == 1 else f'are {lacking} lacks'} to mend before programs can be judged"
        )
    if without:
        said = "one lack makes" if without == 1 else f"{without} lacks make"
        return f"programs can be judged; {said} that less is seen, held or possible"
    return "all that is needed is there"

"""Programs that talk to what a session has not: the service manager, the firewall, the kernel's modules.

A stand-in takes such a program's place in the session, in the same layer as those of hidden files. Where the plan
emulates what the program asks for, it asks the supervisor of calls whether this command is one to be pretended, and if
so ends well; if not it executes the real program, which lies in a private directory. `systemctl enable` stays real that
way: links are made, and belong to what the installer leaves. Programs that give rights have theirs in `rights`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from pratique.policy.model import Step
from pratique.sandbox import linux, rights
from pratique.sandbox.calls.commands import FIREWALLS, MODULES
from pratique.sandbox.calls.context import PRETEND, STAND_IN
from pratique.sandbox.calls.context import REAL as _REAL
from pratique.sandbox.layers import Layer, layer_of

#: Private to the session, below its own /run.
REAL: Final = os.fsdecode(_REAL).rstrip("/")

SCRIPT: Final = (
    STAND_IN
    + f"""what this command asks for is not done here.
if true 2>/dev/null >{PRETEND}; then exit 0; fi
exec "{REAL}/${{0##*/}}" "$@"
""".encode()
)
UNFIT: Final = "it is the session's own stand-in, not the program's work"

_DIRECTORIES: Final = ("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin")
_SERVICE: Final = frozenset({
    "systemctl", "service", "invoke-rc.d", "deb-systemd-invoke", "rc-service", "initctl", "reboot", "poweroff", "halt",
    "shutdown", "telinit",
})  # fmt: skip
_PROGRAMS: Final = {"service.control": _SERVICE, "firewall.change": FIREWALLS, "kernel.module": MODULES}


class StandIn(msgspec.Struct, frozen=True):
    """`path`: the program's, its directory's links resolved; `target`: where it leads when it is a link itself.

    `script`: what is executed in its place.
    """

    path: str
    script: bytes
    target: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def find(emulate: Iterable[Step], others: Mapping[str, bytes]) -> tuple[StandIn, ...]:
    """The programs this machine has that ask for what is to be emulated, and `others`, with the scripts for those."""
    kinds = {kind for step in emulate for kind in step.kinds}
    scripts = {name: SCRIPT for kind in _PROGRAMS.keys() & kinds for name in _PROGRAMS[kind]} | dict(others)
    found: dict[str, StandIn] = {}
    for directory in dict.fromkeys(os.path.realpath(one) for one in _DIRECTORIES):
        for name in sorted(scripts):
            path = f"{directory}/{name}"
            try:
                mode = Path(path).lstat().st_mode
                target = os.path.realpath(path, strict=True) if stat.S_ISLNK(mode) else ""
            except OSError:
                continue  # not here, or a link that leads nowhere
            if target or stat.S_ISREG(mode):
                found[path] = StandIn(path, scripts[name], target)
    return tuple(found.values())


def fill(root: Path, wanted: Iterable[StandIn], among: Iterable[Layer]) -> None:
    """Make stand-ins of the empty files that `hidden.build` made below `root`."""
    among = tuple(among)
    for one in wanted:
        layer = layer_of(one.path, among)
        assert layer is not None, "only what lies in one overlay is wanted"
        file = root / str(layer.number) / one.path.removeprefix(layer.at.rstrip("/") + "/")
        status = file.stat()
        file.write_bytes(one.script)
        file.chmod(0o755)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def keep_real(root: Path, wanted: Iterable[StandIn]) -> None:
    """Put the real programs where the stand-ins find them. While the host's root is still ours."""
    wanted = tuple(wanted)
    if not wanted:
        return
    real = root / REAL[1:]
    real.mkdir(parents=True)
    covered = {one.path for one in wanted}
    for one in wanted:
        here = real / one.name
        if os.path.lexists(here):
            continue  # of the same name, earlier on the usual PATH
        if one.target:
            here.symlink_to(f"{REAL}/{one.target.rpartition('/')[2]}" if one.target in covered else one.target)
        else:
            here.touch()
            linux.bind(one.path, str(here), read_only=True)
    for name, target in _other_names(covered):
        with contextlib.suppress(FileExistsError):
            (real / name).symlink_to(f"{REAL}/{target}")
    linux.bind(str(real), str(real), read_only=True, recursive=True)  # what is executed there is not told again


def _other_names(covered: Container[str]) -> Iterator[tuple[str, str]]:
    """Links that lead to a stand-in by another name, as `runlevel` to `systemctl`: the name, and the program's."""
    for directory in dict.fromkeys(os.path.realpath(one) for one in _DIRECTORIES):
        try:
            links = [one.name for one in os.scandir(directory) if one.is_symlink()]
        except OSError:
            continue
        for name in links:
            target = os.path.realpath(f"{directory}/{name}")
            if target in covered and f"{directory}/{name}" not in covered:
                yield name, target.rpartition("/")[2]


def is_stand_in(sha256: str) -> bool:
    return sha256 in {hashlib.sha256(script).hexdigest() for script in (SCRIPT, *rights.scripts().values())}

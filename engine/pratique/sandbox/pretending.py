"""Programs that talk to what a session has not: the service manager, the firewall, the kernel's modules.

Where the plan emulates what such a program asks for, a stand-in takes its place in the session, in the same layer as
those of hidden files. It asks the supervisor of calls whether this command is one to be pretended, and if so ends well;
if not it executes the real program, which lies in a private directory. `systemctl enable` stays real that way: links
are made, and belong to what the installer leaves.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from pratique.policy.model import Step
from pratique.sandbox import linux
from pratique.sandbox.calls.commands import FIREWALLS, MODULES
from pratique.sandbox.calls.context import PRETEND, STAND_IN
from pratique.sandbox.calls.context import REAL as _REAL
from pratique.sandbox.layers import Layer, layer_of

#: Private to the session, below its own /run.
REAL: Final = os.fsdecode(_REAL).rstrip("/")

SCRIPT: Final = (
    STAND_IN
    + f"""if true 2>/dev/null >{PRETEND}; then exit 0; fi
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
    """`path`: the program's, its directory's links resolved; `target`: where it leads when it is a link itself."""

    path: str
    target: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def find(emulate: Iterable[Step]) -> tuple[StandIn, ...]:
    """The programs this machine has that ask for what is to be emulated."""
    kinds = {kind for step in emulate for kind in step.kinds}
    names = sorted(name for kind in _PROGRAMS.keys() & kinds for name in _PROGRAMS[kind])
    found: dict[str, StandIn] = {}
    for directory in dict.fromkeys(os.path.realpath(one) for one in _DIRECTORIES):
        for name in names:
            path = f"{directory}/{name}"
            try:
                mode = Path(path).lstat().st_mode
                target = os.path.realpath(path, strict=True) if stat.S_ISLNK(mode) else ""
            except OSError:
                continue  # not here, or a link that leads nowhere
            if target or stat.S_ISREG(mode):
                found[path] = StandIn(path, target)
    return tuple(found.values())


def fill(root: Path, wanted: Iterable[StandIn], among: Iterable[Layer]) -> None:
    """Make stand-ins of the empty files that `hidden.build` made below `root`."""
    among = tuple(among)
    for one in wanted:
        layer = layer_of(one.path, among)
        assert layer is not None, "only what lies in one overlay is wanted"
        file = root / str(layer.number) / one.path.removeprefix(layer.at.rstrip("/") + "/")
        status = file.stat()
        file.write_bytes(SCRIPT)
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


def is_stand_in(sha256: str) -> bool:
    return sha256 == _SHA256


_SHA256: Final = hashlib.sha256(SCRIPT).hexdigest()

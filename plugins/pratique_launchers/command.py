"""Any other command: run as it was typed, by the program that was found for it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pratique import Launch, Request, Subject, hookimpl

#: Package managers that install only for root: the verbs that change something.
ROOT_ONLY: Final = {
    "apt": {"install", "remove", "purge", "upgrade", "full-upgrade", "autoremove", "reinstall", "update"},
    "apt-get": {"install", "remove", "purge", "upgrade", "dist-upgrade", "autoremove", "reinstall", "update"},
    "aptitude": {"install", "remove", "purge", "upgrade", "safe-upgrade", "full-upgrade", "update"},
    "dpkg": {"-i", "--install", "-r", "--remove", "-P", "--purge", "--unpack", "--configure"},
    "snap": {"install", "remove", "refresh"},
}


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "command":
        return None
    program = Path(subject.path).name
    debian = program in ("apt", "apt-get", "aptitude", "dpkg")
    return Launch(
        command=(subject.path, *subject.command[1:]),
        environment={"DEBIAN_FRONTEND": "noninteractive"} if debian and not request.attended else {},
        needs_root=not ROOT_ONLY.get(program, set()).isdisjoint(subject.command[1:]),
        describe=f"command {program}",
    )

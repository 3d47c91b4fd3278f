"""Any other command: run as it was typed, by the program that was found for it."""

from __future__ import annotations

import re
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

_OF_DEBIAN: Final = frozenset({
    "install", "reinstall", "remove", "purge", "autoremove", "autopurge", "upgrade", "full-upgrade", "safe-upgrade",
    "dist-upgrade", "build-dep", "satisfy",
})  # fmt: skip
_OF_RED_HAT: Final = frozenset({
    "install", "localinstall", "groupinstall", "reinstall", "remove", "erase", "autoremove", "upgrade", "update",
    "downgrade", "distro-sync", "swap",
})  # fmt: skip
_OF_SUSE: Final = frozenset({
    "install", "in", "remove", "rm", "update", "up", "patch", "dist-upgrade", "dup", "install-new-recommends", "inr",
})  # fmt: skip
#: Those that ask before they change anything, and give up where nobody answers: the verbs with which they do.
ASK: Final = {
    **dict.fromkeys(("apt", "apt-get", "aptitude"), _OF_DEBIAN), **dict.fromkeys(("dnf", "yum"), _OF_RED_HAT),
    "zypper": _OF_SUSE,
}  # fmt: skip
#: What makes them ask nothing.
YES: Final = re.compile(r"(^| )(-[a-z]*y[a-z]*|--(assume-)?yes|--assumeyes|--non-interactive|-qq)( |$)")


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "command":
        return None
    program = Path(subject.path).name
    debian = program in ("apt", "apt-get", "aptitude", "dpkg")
    words = subject.command[1:]
    verb = not ASK.get(program, frozenset()).isdisjoint(words)
    asks = verb and not request.attended and not YES.search(" ".join(words))
    return Launch(
        command=(subject.path, *subject.command[1:]),
        environment={"DEBIAN_FRONTEND": "noninteractive"} if debian and not request.attended else {},
        needs_root=not ROOT_ONLY.get(program, set()).isdisjoint(words),
        describe=f"command {program}",
        hint=f"nobody was there to answer {program}: `-y` answers its questions" if asks else "",
    )

"""After files were installed or taken back: the commands plugins ask for, such as making a cache anew from them.

What goes wrong here is said and changes nothing: what was installed is installed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from typing import Final

from pratique.hookspecs import AfterCommit
from pratique.host import Host

#: Seconds one command may take.
BUDGET: Final = 60.0
#: Of the machine's own programs, whoever calls us: a command of ours may run as root.
ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def asked_for(host: Host, paths: Iterable[str]) -> tuple[AfterCommit, ...]:
    """What the plugins want done after these paths changed; each command once."""
    found: dict[tuple[str, ...], AfterCommit] = {}
    for answer in host.call("after_commit", paths=tuple(paths)):
        for one in answer.value:
            found.setdefault(one.command, one)
    return tuple(found.values())


def rebuilt(commands: Iterable[AfterCommit]) -> tuple[str, ...]:
    """The files that will be made anew."""
    return tuple(path for one in commands for path in one.rebuilds)


def carry_out(commands: Sequence[AfterCommit]) -> tuple[str, ...]:
    """Run them one after the other; what did not work, in words."""
    return tuple(filter(None, (_run(one) for one in commands)))


def _run(one: AfterCommit) -> str:
    name = " ".join(one.command)
    try:
        done = subprocess.run(
            one.command, env={**ENVIRONMENT, "HOME": os.environ.get("HOME", "/")}, cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=BUDGET, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{name} did not end within {BUDGET:.0f} s and was stopped; it was run because {one.because}"
    except OSError as error:
        return f"{name} could not be run ({(error.strerror or str(error)).lower()}), though {one.because}"
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        return f"{name} failed with status {done.returncode}" + (f": {said[-1]}" if said else "")
    return ""

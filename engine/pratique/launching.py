"""How a subject is started, and whether this machine can: asked of the `launch` plugins before anything runs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pratique.errors import CannotError
from pratique.hookspecs import Launch, Request
from pratique.subject import Subject

if TYPE_CHECKING:
    from pratique.host import Host


def launch(host: Host, subject: Subject, request: Request) -> Launch:
    """The first plugin's answer. Raises `CannotError` when there is none, or this machine or user cannot do it."""
    answers = host.call("launch", first=True, subject=subject, request=request)
    if not answers:
        raise CannotError(
            f"no plugin knows how to run a program of the kind {subject.kind!r}",
            hint="`pratique plugins` lists them; one that failed or is switched off is marked there",
        )
    found: Launch = answers[0].value
    check(found, subject, request)
    return found


def check(found: Launch, subject: Subject, request: Request) -> None:
    """Raise `CannotError` for what is missing: the kind itself, root, programs."""
    what = found.describe or subject.kind
    if found.cannot:
        raise CannotError(found.cannot, hint=found.hint)
    if found.needs_root and not request.root:
        raise CannotError(f"{what}: only root can install it, and you are not root", hint="sudo pratique run ...")
    missing = {program: package for program, package in found.needs.items() if shutil.which(program) is None}
    if missing:
        packages = " ".join(sorted({package for package in missing.values() if package}))
        raise CannotError(
            f"{what}: it needs {', '.join(sorted(missing))}, which this machine does not have",
            hint=f"sudo apt-get install {packages}" if packages else "install it first",
        )

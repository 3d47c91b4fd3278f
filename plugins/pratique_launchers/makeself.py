"""Makeself archives: a shell script that unpacks what stands behind it and runs a program of it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from pratique import Facts, Launch, Request, Subject, hookimpl
from pratique_launchers import script

#: The header script of makeself is about 20 KiB; nobody's is longer than this.
LONGEST_HEADER: Final = 256 * 1024  # bytes
_MARK: Final = re.compile(rb"^# This script was generated using Makeself ([0-9.]+)", re.MULTILINE)
_SETTING: Final = re.compile(rb"^(label|script|targetdir|filesizes|skip|SHA|encrypt)=(?:\"([^\"\n]*)\"|(\S*))$", re.M)
_FIRST_PAYLOAD: Final = re.compile(rb"head -n (\d+) \"\$")


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        header = file.read(LONGEST_HEADER)
    words = script.interpreter(header)
    mark = _MARK.search(header[:1024])
    if words is None or mark is None:
        return None
    settings = {m[1].decode(): (m[2] or m[3] or b"").decode("utf-8", "replace") for m in _SETTING.finditer(header)}
    facts = {"interpreter": shlex.join(words), "makeself": mark[1].decode()}
    facts.update(
        {
            name: settings[setting]
            for name, setting in (
                ("label", "label"),
                ("runs", "script"),
                ("unpacks_to", "targetdir"),
                ("sha256", "SHA"),
            )
            if settings.get(setting, "").strip("0")
        }
    )
    offset = payload_offset(header, settings.get("skip", ""))
    if offset is not None:
        facts["payload_offset"] = str(offset)
    return Facts(kind="makeself", certainty=0.9, name=settings.get("label") or None, facts=facts)


def payload_offset(header: bytes, skip: str) -> int | None:
    """The byte where the archive begins: behind so many lines of script. None when the header does not say, or lies."""
    old = _FIRST_PAYLOAD.search(header)  # before 2.4.2 the number stood in the commands
    lines = int(skip) if skip.isascii() and skip.isdigit() and len(skip) < 7 else int(old[1]) if old else 0
    at = 0
    for _ in range(lines):
        at = header.find(b"\n", at) + 1
        if at == 0:
            return None
    return at or None


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "makeself":
        return None
    # Without --nox11 it may start a terminal window of its own, away from the quarantine's.
    own = ["--nox11"]
    if request.silent:
        own += ["--accept", "--noprogress"]
    started = script.run_script(subject, request, describe="", extra=tuple(own))
    return Launch(
        command=started.command,
        needs={**started.needs, "tar": "tar", "gzip": "gzip"},
        describe="makeself archive",
        cannot=started.cannot,
        hint=started.hint,
    )

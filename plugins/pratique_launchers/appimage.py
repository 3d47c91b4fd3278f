"""AppImages: a program with its files behind it; run from an unpacked copy, since mounting is not for a quarantine."""

from __future__ import annotations

import platform
from pathlib import Path

from pratique import Facts, Launch, Request, Subject, hookimpl
from pratique_launchers import elf


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        # The AppImage specification puts its letters where ELF keeps padding.
        magic = file.read(11)
        if magic[:4] != b"\x7fELF" or magic[8:10] != b"AI" or magic[10:] not in (b"\x01", b"\x02"):
            return None
        file.seek(0)
        header = elf.read_header(file)
    facts = {"format": f"AppImage type {magic[10]}"}
    if header is not None:
        facts.update({"machine": header.machine, "class": f"{header.bits}-bit", "linkage": header.linkage})
    return Facts(kind="appimage", certainty=0.95, facts=facts)


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "appimage":
        return None
    damaged = elf.damage(subject.facts)
    cannot, hint = elf.why_not(subject.facts, platform.machine())
    if not cannot and subject.facts.get("format") == "AppImage type 1":
        cannot = "this is an AppImage of the first type, which can only run mounted"
        hint = "ask for a newer build: those of the second type unpack themselves"
    return Launch(
        command=(subject.path, "--appimage-extract-and-run", *request.arguments),
        # For the AppImages it starts in its turn.
        environment={"APPIMAGE_EXTRACT_AND_RUN": "1"},
        describe="AppImage",
        cannot=cannot,
        damaged=damaged,
        hint="fetch it again" if damaged else hint,
    )

"""AppImages are ELF programs with two letters more, run unpacked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pratique import Launch, Request, Subject
from pratique_launchers import appimage, elf

Installer = Callable[[str], Path]


def appimage_of(path: Path, type_: int) -> Path:
    content = bytearray(path.read_bytes())
    content[8:11] = b"AI" + bytes([type_])
    path.write_bytes(content)
    return path


def started(path: Path) -> Launch:
    facts = appimage.identify(path)
    assert facts is not None and facts.kind == "appimage"
    launch = appimage.launch(Subject(path=str(path), kind="appimage", facts=facts.facts), Request(arguments=("-v",)))
    assert launch is not None
    return launch


def test_it_is_started_from_an_unpacked_copy(installer: Installer) -> None:
    path = appimage_of(installer("static-elf"), 2)
    launch = started(path)
    assert launch.command == (str(path), "--appimage-extract-and-run", "-v")
    assert launch.environment == {"APPIMAGE_EXTRACT_AND_RUN": "1"}
    assert launch.cannot == ""


def test_it_is_surer_than_a_mere_program(installer: Installer) -> None:
    path = appimage_of(installer("static-elf"), 2)
    own, other = appimage.identify(path), elf.identify(path)
    assert own is not None and other is not None and own.certainty > other.certainty


def test_the_first_type_cannot_run_in_a_quarantine(installer: Installer) -> None:
    assert "first type" in started(appimage_of(installer("static-elf"), 1)).cannot


def test_one_that_was_cut_off_is_damaged(installer: Installer) -> None:
    path = appimage_of(installer("static-elf"), 2)
    path.write_bytes(path.read_bytes()[:200])
    launch = started(path)
    assert (launch.damaged[:23], launch.hint) == ("this program is cut off", "fetch it again")


def test_a_plain_program_is_none(installer: Installer) -> None:
    assert appimage.identify(installer("static-elf")) is None

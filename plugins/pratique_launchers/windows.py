"""Windows programs and installer packages: recognised, described, not run yet."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

from pratique import Facts, Launch, Request, Subject, hookimpl

# Numbers of the PE format's COFF header.
MACHINES: Final = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64", 0x1C0: "arm"}
#: What installer makers leave in their programs, within the first LOOK bytes.
MAKERS: Final = {
    b"Nullsoft.NSIS": "NSIS",
    b"Inno Setup": "Inno Setup",
    b"InstallShield": "InstallShield",
    b"WixBundle": "WiX Burn",
}
LOOK: Final = 1024 * 1024  # bytes
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: The class id {000C1084-0000-0000-C000-000000000046} of an installer database, as it lies in the file.
MSI_CLASS: Final = bytes.fromhex("84100c0000000000c000000000000046")


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        head = file.read(512)
        if head.startswith(b"MZ"):
            return portable_executable(file, head)
        if head.startswith(OLE) and _root_class(file, head) == MSI_CLASS:
            return Facts(kind="pe", certainty=0.9, facts={"format": "Windows Installer package"})
    return None


def portable_executable(file: BinaryIO, head: bytes) -> Facts | None:
    """A Windows program, and by which maker's installer when it carries the mark of one; None for a DOS program."""
    if len(head) < 64:
        return None
    (offset,) = struct.unpack_from("<I", head, 0x3C)
    file.seek(offset)
    header = file.read(6)
    if header[:4] != b"PE\0\0" or len(header) < 6:
        return None
    (machine,) = struct.unpack_from("<H", header, 4)
    facts = {"format": "Windows program", "machine": MACHINES.get(machine, f"machine {machine:#x}")}
    file.seek(0)
    start = file.read(LOOK)
    maker = next((name for mark, name in MAKERS.items() if mark in start), None)
    if maker is not None:
        facts["installer"] = maker
    return Facts(kind="pe", certainty=0.9, facts=facts)


def _root_class(file: BinaryIO, head: bytes) -> bytes:
    """The class id of a compound file's root directory entry."""
    (shift,) = struct.unpack_from("<H", head, 30)
    (sector,) = struct.unpack_from("<I", head, 48)
    if shift not in (9, 12):
        return b""
    file.seek((sector + 1) << shift)
    return file.read(128)[80:96]


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "pe":
        return None
    return Launch(
        command=(subject.path,),
        describe=subject.facts.get("format", "Windows program"),
        cannot="Windows installers are not run yet; this is a " + subject.facts.get("format", "Windows program"),
        hint="download the version for Linux, if there is one",
    )

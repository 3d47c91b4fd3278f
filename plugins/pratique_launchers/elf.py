"""ELF programs: known by their header; run as they are, when this machine's processor and loaders can."""

from __future__ import annotations

import os
import platform
import struct
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pratique import Facts, Launch, Request, Subject, hookimpl

# Numbers from <elf.h>.
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_FLAGS_1, DF_1_PIE = 0x6FFFFFFB, 0x08000000

MACHINES: Final = {
    3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 43: "sparc64", 50: "ia64", 62: "x86_64",
    183: "aarch64", 243: "riscv64", 258: "loongarch64",
}  # fmt: skip
#: What a machine runs besides its own programs.
ALSO_RUNS: Final = {"x86_64": {"i386"}, "aarch64": {"arm"}, "i686": {"i386"}, "armv7l": {"arm"}}
LOADER_PACKAGES: Final = {
    "/lib/ld-linux.so.2": "libc6:i386 (after `sudo dpkg --add-architecture i386 && sudo apt-get update`)",
    "/lib/ld-musl-x86_64.so.1": "musl",
}
MOST_HEADERS: Final = 128
LONGEST_PATH: Final = 4096


class Header(NamedTuple):
    bits: int  # 32 or 64
    machine: str
    linkage: str  # static | dynamic | library | cut off | other (a core dump, an object file)
    loader: str  # path of the dynamic loader, "" for a static program


def read_header(file: BinaryIO) -> Header | None:
    """The header of an ELF file; None when it is not one, or a torn one. Reads a few kilobytes at most."""
    ident = file.read(16)
    if ident[:4] != b"\x7fELF" or len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        return None
    wide, order = ident[4] == 2, "<" if ident[5] == 1 else ">"
    layout = struct.Struct(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"))
    rest = file.read(layout.size)
    if len(rest) < layout.size:
        return None
    type_, machine, _, _, table, _, _, _, entry_size, count, *_ = layout.unpack(rest)
    name = MACHINES.get(machine, f"machine {machine}")
    count = min(count, MOST_HEADERS)
    segments, end = _segments(file, order, wide, table, entry_size, count)
    loader = ""
    if PT_INTERP in segments:
        offset, size = segments[PT_INTERP]
        file.seek(offset)
        loader = file.read(min(size, LONGEST_PATH)).split(b"\0", 1)[0].decode("utf-8", "replace")
    if type_ in (ET_EXEC, ET_DYN) and file.seek(0, os.SEEK_END) < max(end, table + count * entry_size):
        linkage = "cut off"
    elif type_ == ET_EXEC or (type_ == ET_DYN and loader):
        linkage = "dynamic" if loader else "static"
    elif type_ == ET_DYN:
        linkage = "static" if _is_pie(file, order, wide, segments.get(PT_DYNAMIC)) else "library"
    else:
        linkage = "other"
    return Header(64 if wide else 32, name, linkage, loader)


def _segments(
    file: BinaryIO, order: str, wide: bool, table: int, entry_size: int, count: int
) -> tuple[dict[int, tuple[int, int]], int]:
    """Segment type -> offset and size in the file, of the first of each type; and where the last loaded one ends."""
    layout = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    found: dict[int, tuple[int, int]] = {}
    end = 0
    if entry_size < layout.size or table >= 1 << 62:
        return found, end
    file.seek(table)
    for _ in range(count):
        entry = file.read(entry_size)
        if len(entry) < entry_size:
            break
        fields = layout.unpack(entry[: layout.size])
        offset, size = (fields[2], fields[5]) if wide else (fields[1], fields[4])
        if offset < 1 << 62:
            found.setdefault(fields[0], (offset, size))
            if fields[0] == PT_LOAD:
                end = max(end, offset + size)
    return found, end


def _is_pie(file: BinaryIO, order: str, wide: bool, where: tuple[int, int] | None) -> bool:
    """Whether the dynamic section says "program": what tells a static program that can be moved from a library."""
    if where is None:
        return False
    layout = struct.Struct(order + ("qQ" if wide else "iI"))
    file.seek(where[0])
    table = file.read(min(where[1], 65536))
    usable = len(table) - len(table) % layout.size
    return any(tag == DT_FLAGS_1 and value & DF_1_PIE for tag, value in layout.iter_unpack(table[:usable]))


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        header = read_header(file)
    if header is None or header.linkage == "other":
        return None
    facts = {"class": f"{header.bits}-bit", "machine": header.machine, "linkage": header.linkage}
    if header.loader:
        facts["loader"] = header.loader
    return Facts(kind="elf", certainty=0.7, facts=facts)


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "elf":
        return None
    damaged = damage(subject.facts)
    cannot, hint = why_not(subject.facts, platform.machine())
    linkage = subject.facts.get("linkage", "")
    return Launch(
        command=(subject.path, *request.arguments),
        describe=f"{linkage} program" if linkage else "program",
        cannot=cannot,
        damaged=damaged,
        hint="fetch it again" if damaged else hint,
    )


def damage(facts: dict[str, str]) -> str:
    """Why such a file is not whole; "" when it seems to be."""
    cut_off = facts.get("linkage") == "cut off"
    return "this program is cut off: its header tells of more than the file holds" if cut_off else ""


def why_not(facts: dict[str, str], here: str) -> tuple[str, str]:
    """Why such a program cannot run on a machine of the type `here`, and what to do; ("", "") when it can."""
    machine, loader = facts.get("machine", here), facts.get("loader", "")
    if facts.get("linkage") == "library":
        return "this is a shared library, not a program", "run the program that uses it"
    if machine != here and machine not in ALSO_RUNS.get(here, set()):
        return f"this program is for {machine}; this machine is {here}", f"download the version for {here}"
    if loader and not Path(loader).exists():
        package = LOADER_PACKAGES.get(loader)
        hint = f"sudo apt-get install {package}" if package else "download the version for this distribution"
        return f"this program needs the loader {loader}, which this machine does not have", hint
    return "", ""

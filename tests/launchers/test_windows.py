"""Windows programs and installer packages are recognised, and it is said that they do not run here."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pratique import Request, Subject
from pratique_launchers import windows


def portable_executable(machine: int = 0x8664, tail: bytes = b"") -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", machine) + bytes(200) + tail


def compound_file(class_id: bytes) -> bytes:
    header = bytearray(512)
    header[:8] = windows.OLE
    struct.pack_into("<H", header, 30, 9)  # sectors of 512 bytes
    struct.pack_into("<I", header, 48, 1)  # the directory is in the second
    directory = bytearray(128)
    directory[80:96] = class_id
    return bytes(header) + bytes(512) + bytes(directory)


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (portable_executable(), {"format": "Windows program", "machine": "x86_64"}),
        (
            portable_executable(0x14C, b"<name>Nullsoft.NSIS.exehead</name>"),
            {"format": "Windows program", "machine": "i386", "installer": "NSIS"},
        ),
        (compound_file(windows.MSI_CLASS), {"format": "Windows Installer package"}),
    ],
)
def test_each_form_is_known_by_its_content(content: bytes, facts: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    found = windows.identify(path)
    assert found is not None
    assert (found.kind, found.facts) == ("pe", facts)
    launch = windows.launch(Subject(path=str(path), kind="pe", facts=found.facts), Request())
    assert launch is not None
    assert "Windows" in launch.cannot and "Linux" in launch.hint


@pytest.mark.parametrize(
    "content", [b"MZ", b"MZ" + bytes(100), compound_file(bytes(16)), windows.OLE, b"MZ" + b"\xff" * 100]
)
def test_a_document_or_a_torn_file_is_neither(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content.ljust(512, b"\0") if content.startswith(windows.OLE) else content)
    assert windows.identify(tmp_path / "x") is None

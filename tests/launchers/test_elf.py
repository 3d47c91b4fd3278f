"""ELF programs are told from libraries and from programs of other machines."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique import Launch, Request, Subject
from pratique_launchers import elf

Installer = Callable[[str], Path]


def started(path: Path, *arguments: str) -> Launch:
    facts = elf.identify(path)
    assert facts is not None and facts.kind == "elf"
    launch = elf.launch(Subject(path=str(path), kind="elf", facts=facts.facts), Request(arguments=arguments))
    assert launch is not None
    return launch


@pytest.mark.parametrize(
    ("kind", "linkage"), [("static-elf", "static"), ("static-pie", "static"), ("dynamic-elf", "dynamic")]
)
def test_the_way_it_is_linked_is_read(kind: str, linkage: str, installer: Installer) -> None:
    facts = elf.identify(installer(kind))
    assert facts is not None
    assert facts.facts["linkage"] == linkage
    assert ("loader" in facts.facts) == (linkage == "dynamic")


def test_a_program_is_run_as_it_is(installer: Installer) -> None:
    path = installer("static-elf")
    launch = started(path, "--yes")
    assert launch.command == (str(path), "--yes")
    assert (launch.cannot, launch.damaged) == ("", "")


def patched(path: Path, offset: int, value: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)
    return path


def test_a_program_of_another_machine_is_said_so(installer: Installer) -> None:
    path = patched(installer("static-elf"), 18, (183).to_bytes(2, "little"))  # e_machine
    launch = started(path)
    assert "for aarch64" in launch.cannot and "x86_64" in launch.hint


def test_a_missing_loader_is_named_with_its_package(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = installer("dynamic-elf")
    loader = b"/lib64/ld-linux-x86-64.so.2\0"
    at = path.read_bytes().index(loader)
    monkeypatch.setitem(elf.LOADER_PACKAGES, "/lib/ld-other.so.1", "other")  # whatever loaders this machine has
    launch = started(patched(path, at, b"/lib/ld-other.so.1\0"))
    assert "/lib/ld-other.so.1" in launch.cannot
    assert launch.hint == "sudo apt-get install other"


@pytest.mark.parametrize("kept", [200, 4000])
def test_a_program_that_was_cut_off_is_damaged_wherever_it_would_run(installer: Installer, kept: int) -> None:
    path = patched(installer("static-elf"), 18, (183).to_bytes(2, "little"))
    path.write_bytes(path.read_bytes()[:kept])
    launch = started(path)
    assert launch.damaged == "this program is cut off: its header tells of more than the file holds"
    assert launch.hint == "fetch it again"


def test_a_library_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int f(void) { return 1; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", "lib.so", "x.c"], cwd=tmp_path, check=True)
    assert "shared library" in started(tmp_path / "lib.so").cannot


def test_an_object_file_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int f(void) { return 1; }\n")
    subprocess.run(["gcc", "-c", "x.c"], cwd=tmp_path, check=True)
    assert elf.identify(tmp_path / "x.o") is None


@given(st.binary(max_size=300))
def test_no_header_makes_the_reader_stumble(tail: bytes) -> None:
    for start in (b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01"):
        header = elf.read_header(io.BytesIO(start + tail))
        assert header is None or header.bits in (32, 64)

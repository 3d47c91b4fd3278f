"""Archives hold installers but are none: the person is told how to get at what is inside."""

from __future__ import annotations

import bz2
import gzip
import tarfile
import zipfile
from pathlib import Path

import pytest

from pratique import Request, Subject
from pratique_launchers import archives


def a_tar(path: Path, mode: str) -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("setup"))


def a_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("setup", "x")


MAKES = {
    "tar": lambda path: a_tar(path, "w"),
    "tar ": lambda path: a_tar(path, "w:gz"),
    "tar  ": lambda path: a_tar(path, "w:xz"),
    "zip": a_zip,
    "gz": lambda path: path.write_bytes(gzip.compress(b"#!/bin/sh\n")),
    "bz2": lambda path: path.write_bytes(bz2.compress(b"#!/bin/sh\n")),
    "rpm": lambda path: path.write_bytes(b"\xed\xab\xee\xdb\3\0" + bytes(200)),
    "dmg": lambda path: path.write_bytes(bytes(2048) + b"koly" + bytes(508)),
}


@pytest.mark.parametrize("kind", MAKES)
def test_each_is_known_by_its_content_and_says_what_to_do(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "installer.run"
    MAKES[kind](path)
    found = archives.identify(path)
    assert found is not None
    assert found.kind == kind.strip()
    launch = archives.launch(Subject(path=str(path), kind=found.kind), Request())
    assert launch is not None
    assert launch.cannot.startswith("installer.run is ")
    assert launch.hint


@pytest.mark.parametrize("content", [b"x", b"BZh but no more", b"\x1f\x8b", b"plain text\n" * 100])
def test_letters_alone_do_not_make_an_archive_of_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    found = archives.identify(tmp_path / "x")
    assert found is None or found.kind != "tar"

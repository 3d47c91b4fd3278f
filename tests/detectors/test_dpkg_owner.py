"""The package a file belongs to is read from dpkg's own lists, and agrees with what dpkg says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pratique_detectors import dpkg_owner


@pytest.mark.parametrize("path", ["/usr/bin/ls", "/usr/bin/dpkg", "/etc/debian_version"])
def test_it_agrees_with_dpkg(path: str) -> None:
    line = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=False).stdout
    if not line:  # dpkg of Debian 12 knows some only by the path from before /usr was merged
        line = subprocess.run(
            ["dpkg", "-S", path.removeprefix("/usr")], capture_output=True, text=True, check=True
        ).stdout
    package = line.split(":")[0]
    version = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True
    ).stdout
    facts = dpkg_owner.identify(Path(path))
    assert facts is not None and facts.owner is not None
    assert (facts.owner.manager, facts.owner.package, facts.owner.version) == ("dpkg", package, version)


def test_a_download_belongs_to_nobody(tmp_path: Path) -> None:
    assert dpkg_owner.identify(tmp_path / "setup.run") is None
    assert dpkg_owner.identify(Path("/usr/bin/nothing-is-called-so")) is None


def test_part_of_a_path_is_not_the_path(tmp_path: Path) -> None:
    (tmp_path / "tool.list").write_text("/.\n/usr\n/usr/bin\n/usr/bin/tool-box\n")
    (tmp_path / "libc6:amd64.list").write_text("/lib/x86_64-linux-gnu/libc.so.6\n")
    assert dpkg_owner.owner_of("/usr/bin/tool", tmp_path) is None
    assert dpkg_owner.owner_of("/usr/bin/tool-box", tmp_path) == "tool"
    assert dpkg_owner.owner_of("/usr/lib/x86_64-linux-gnu/libc.so.6", tmp_path) == "libc6"


def test_a_machine_without_dpkg_owns_nothing(tmp_path: Path) -> None:
    assert dpkg_owner.owner_of("/usr/bin/ls", tmp_path / "missing") is None
    assert dpkg_owner.version_of("coreutils", tmp_path / "missing") == ""

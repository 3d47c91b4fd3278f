"""Debian packages are known by their content, described by their control file and installed by apt."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique import Launch, Request, Subject
from pratique_launchers import ar, deb

Installer = Callable[[str], Path]


def subject_of(path: Path) -> Subject:
    facts = deb.identify(path)
    assert facts is not None and facts.kind is not None
    return Subject(path=str(path), command=(str(path),), kind=facts.kind, name=facts.name or "", facts=facts.facts)


def started(subject: Subject, request: Request) -> Launch:
    launch = deb.launch(subject, request)
    assert launch is not None
    return launch


def built(directory: Path, packer: str, control: str = "Package: sample\nVersion: 1-2\n", **scripts: str) -> Path:
    """A package made by dpkg-deb, packed in the way asked for."""
    root = directory / f"root-{packer}"
    (root / "DEBIAN").mkdir(parents=True)
    extra = "Architecture: all\nMaintainer: Nobody <n@example.org>\nDescription: a sample\n and more about it\n"
    (root / "DEBIAN" / "control").write_text(control + extra)
    for name, text in scripts.items():
        (root / "DEBIAN" / name).write_text(text)
        (root / "DEBIAN" / name).chmod(0o755)
    package = directory / f"{packer}.bin"  # a name that says nothing
    subprocess.run(["dpkg-deb", f"-Z{packer}", "--build", str(root), str(package)], check=True, capture_output=True)
    return package


def test_a_package_of_the_archive_is_described_by_its_control_file(installer: Installer) -> None:
    facts = deb.identify(installer("cron"))
    assert facts is not None
    assert (facts.kind, facts.name) == ("deb", "cron")
    assert facts.facts["version"].startswith("3.0pl1")
    assert "libc6" in facts.facts["depends"]
    assert facts.facts["maintainer_scripts"] == "preinst, postinst, prerm, postrm"


@pytest.mark.parametrize("packer", ["gzip", "xz", "zstd", "none"])
def test_every_packer_dpkg_has_is_read(packer: str, tmp_path: Path) -> None:
    facts = deb.identify(built(tmp_path, packer, postinst="#!/bin/sh\n"))
    assert facts is not None
    assert (facts.facts["package"], facts.facts["version"]) == ("sample", "1-2")
    assert facts.facts["description"] == "a sample"
    assert facts.facts["maintainer_scripts"] == "postinst"


def test_a_field_over_several_lines_is_one_fact(tmp_path: Path) -> None:
    facts = deb.identify(built(tmp_path, "gzip", "Package: sample\nVersion: 1\nDepends: one,\n two (>= 3)\n"))
    assert facts is not None
    assert facts.facts["depends"] == "one, two (>= 3)"


def test_a_package_is_installed_from_its_absolute_path_without_a_network_unless_there_is_one(
    installer: Installer,
) -> None:
    path = installer("hello")
    offline = started(subject_of(path), Request(network="none", root=True, attended=True))
    assert offline.command == ("apt-get", "install", "--yes", *deb.NO_SOURCES, str(path))
    assert "--network observed" in offline.hint
    online = started(subject_of(path), Request(network="host", root=True, attended=True))
    assert online.command == ("apt-get", "install", "--yes", str(path))
    assert online.needs_root


def test_other_packages_may_be_named_with_it(installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    package, other = installer("cowsay"), installer("hello")
    monkeypatch.chdir(other.parent)
    launch = started(subject_of(package), Request(arguments=(other.name,), network="host", attended=True))
    assert launch.command == ("apt-get", "install", "--yes", str(other), str(package))


def test_changed_settings_stay_when_nobody_can_be_asked(installer: Installer) -> None:
    command = started(subject_of(installer("hello")), Request(attended=False)).command
    assert {"Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold"} <= set(command)


def test_debconf_asks_nobody_when_nobody_is_there(installer: Installer) -> None:
    subject = subject_of(installer("hello"))
    assert started(subject, Request(attended=False)).environment == {"DEBIAN_FRONTEND": "noninteractive"}
    assert started(subject, Request(attended=True)).environment == {}


def test_a_machine_without_apt_uses_dpkg(installer: Installer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    subject = subject_of(installer("hello"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert started(subject, Request(attended=True)).command == ("dpkg", "--install", subject.path)


@pytest.mark.parametrize("kept", [70, 200, 5000])
def test_a_package_that_was_cut_off_is_still_a_package_but_is_not_run(installer: Installer, kept: int) -> None:
    path = installer("hello")
    path.write_bytes(path.read_bytes()[:kept])
    launch = started(subject_of(path), Request())
    assert launch.damaged.startswith("this Debian package is damaged: ")
    assert (launch.cannot, launch.hint) == ("", "download it again")


def test_a_package_that_was_cut_off_between_two_members_is_damaged(installer: Installer) -> None:
    path = installer("hello")
    with path.open("r+b") as file:
        control = list(ar.members(file, path.stat().st_size))[1]
        file.truncate(control.offset + control.size)
    assert "it ends before its files" in started(subject_of(path), Request()).damaged


def test_a_control_archive_that_is_no_archive_is_damaged(tmp_path: Path) -> None:
    package = built(tmp_path, "gzip")
    with package.open("r+b") as file:
        control = list(ar.members(file, package.stat().st_size))[1]
        file.seek(control.offset)
        file.write(b"\0" * control.size)
    assert "damaged" in subject_of(package).facts


def test_a_control_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    package = built(tmp_path, "gzip", postinst="#!/bin/sh\n#" + "x" * (deb.LARGEST_CONTROL + 1))
    assert "larger than" in subject_of(package).facts["damaged"]


def test_other_ar_archives_are_no_packages(tmp_path: Path) -> None:
    (tmp_path / "member").write_bytes(b"object")
    subprocess.run(["ar", "rc", "lib.a", "member"], cwd=tmp_path, check=True)
    assert deb.identify(tmp_path / "lib.a") is None
    (tmp_path / "short").write_bytes(b"!<arch>\n")
    assert deb.identify(tmp_path / "short") is None


def test_other_kinds_are_left_to_others(tmp_path: Path) -> None:
    assert deb.launch(Subject(path="/x", kind="script"), Request()) is None

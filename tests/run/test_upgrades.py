"""A package that is there already: a newer version of it, and its removal."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.machine]
NAME = "pratique-sample-upgrade"
SETTINGS, PROGRAM = Path(f"/etc/{NAME}.conf"), Path(f"/opt/{NAME}/version")


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a version of a package with one settings file; what was installed of it is purged in the end."""

    def make(version: int) -> Path:
        tree = tmp_path / str(version)
        for path, content in {
            SETTINGS: f"setting={version}\n",
            PROGRAM: f"{version}\n",
            Path("/DEBIAN/conffiles"): f"{SETTINGS}\n",
            Path("/DEBIAN/control"): f"Package: {NAME}\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: a sample\n",
        }.items():
            (tree / path.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
            (tree / path.relative_to("/")).write_text(content)
        file = tmp_path / f"{NAME}_{version}.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, file], check=True, capture_output=True)
        return file

    yield make
    subprocess.run(["dpkg", "--purge", NAME], capture_output=True, check=False)
    SETTINGS.with_name(f"{SETTINGS.name}.dpkg-dist").unlink(missing_ok=True)


def status() -> str:
    form = "${db:Status-Status} ${Version}"
    return subprocess.run(["dpkg-query", "-W", "-f", form, NAME], capture_output=True, text=True).stdout


def test_an_upgrade_brings_the_new_settings_where_the_old_were_untouched(pratique, package):
    for version in (1, 2):
        ran = pratique("run", "--json", package(version))
        assert ran.code == 0, ran.err
    assert [(e["op"], e["path"]) for e in ran.json["effects"] if e["path"] in map(str, (SETTINGS, PROGRAM))] == [
        ("modify", str(SETTINGS)),
        ("modify", str(PROGRAM)),
    ]
    assert (status(), PROGRAM.read_text(), SETTINGS.read_text()) == ("installed 2", "2\n", "setting=2\n")


def test_settings_the_administrator_changed_stay_when_nobody_can_be_asked(pratique, package):
    first = pratique("run", package(1))
    assert first.code == 0, first.err
    SETTINGS.write_text("setting=mine\n")
    ran = pratique("run", package(2))
    assert ran.code == 0, ran.err
    assert (status(), PROGRAM.read_text(), SETTINGS.read_text()) == ("installed 2", "2\n", "setting=mine\n")


def test_a_package_an_installer_removes_is_told_and_gone_once_admitted(pratique, package, tmp_path):
    first = pratique("run", package(1))
    assert first.code == 0, first.err
    script = tmp_path / "remove.sh"
    script.write_text(f"#!/bin/sh\napt-get purge --yes {NAME}\n")
    for flag, left in (("--refuse", True), ("--install", False)):
        ran = pratique("run", flag, "--json", script)
        assert ran.json["installer_exit_status"] == 0, ran.err
        assert ("package", "delete", NAME) in {
            (e["type"], e["op"], e["details"].get("package")) for e in ran.json["effects"]
        }
        assert (PROGRAM.exists(), SETTINGS.exists(), status().startswith("installed")) == (left, left, left)

"""npm packages are known by their manifest; npm runs without speaking to the registry of its own accord."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from pratique import Request, Subject
from pratique_launchers import npm

Installer = Callable[[str], Path]


def tarball(path: Path, **files: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_the_install_script_of_a_package_is_told(installer: Installer) -> None:
    facts = npm.identify(installer("esbuild"))
    assert facts is not None
    assert (facts.kind, facts.name, facts.facts["version"]) == ("npm", "esbuild", "0.21.5")
    assert facts.facts["script:postinstall"] == "node install.js"


def test_a_package_without_scripts_names_none(installer: Installer) -> None:
    facts = npm.identify(installer("left-pad"))
    assert facts is not None
    assert not [name for name in facts.facts if name.startswith("script:")]


def test_a_tarball_is_installed_from_its_path(installer: Installer) -> None:
    path = installer("left-pad")
    launch = npm.launch(Subject(path=str(path), kind="npm", facts={"package": "left-pad"}), Request())
    assert launch is not None
    assert launch.command == ("npm", "install", str(path))
    assert launch.environment["npm_config_update_notifier"] == "false"
    assert launch.needs == {"npm": "npm", "node": "nodejs"}


def test_a_command_is_run_as_it_was_typed() -> None:
    subject = Subject(
        path="/usr/bin/npm", command=("npm", "install", "x"), kind="npm", facts={"program": "/usr/bin/npm"}
    )
    launch = npm.launch(subject, Request(arguments=("install", "x")))
    assert launch is not None
    assert launch.command == ("/usr/bin/npm", "install", "x")


def test_other_archives_are_no_npm_packages(tmp_path: Path) -> None:
    assert npm.identify(tarball(tmp_path / "a", **{"x/readme": "hello"})) is None
    assert npm.identify(tarball(tmp_path / "b", **{"package/package.json": "{"})) is None
    assert npm.identify(tarball(tmp_path / "c", **{"package/package.json": "[1]"})) is None
    assert npm.identify(tarball(tmp_path / "d", **{"package/package.json": "[" * 100_000})) is None
    deep = tarball(tmp_path / "e", **{"a/b/package.json": json.dumps({"name": "x"})})
    assert npm.identify(deep) is None

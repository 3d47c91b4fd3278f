"""Wheels and source archives are known by what they hold, and installed by pip."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique import Request, Subject
from pratique_launchers import pip

Installer = Callable[[str], Path]


def test_a_source_archive_says_that_its_setup_runs(installer: Installer) -> None:
    facts = pip.identify(installer("sdist"))
    assert facts is not None
    assert (facts.kind, facts.name) == ("pip", "pratique-sample")
    assert facts.facts["version"] == "1.2"
    assert facts.facts["runs"] == "setup.py"


def test_a_wheel_runs_nothing(installer: Installer) -> None:
    facts = pip.identify(installer("wheel"))
    assert facts is not None
    assert (facts.kind, facts.name, facts.facts["format"]) == ("pip", "pratique-tame", "wheel")
    assert "runs" not in facts.facts


def test_any_other_zip_file_is_no_wheel(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("setup.exe", "MZ")
    assert pip.identify(tmp_path / "x.whl") is None
    (tmp_path / "torn.whl").write_bytes((tmp_path / "x.whl").read_bytes()[:40])
    assert pip.identify(tmp_path / "torn.whl") is None


def test_an_npm_tarball_is_left_to_npm(installer: Installer) -> None:
    assert pip.identify(installer("left-pad")) is None


def test_a_file_is_installed_by_the_pip_there_is(
    installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject(path=str(installer("wheel")), kind="pip", facts={"format": "wheel"})
    (tmp_path / "pip3").write_text("#!/bin/sh\n")
    (tmp_path / "pip3").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    launch = pip.launch(subject, Request())
    assert launch is not None
    assert launch.command == ("pip3", "install", subject.path)
    assert launch.environment == {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    assert launch.needs == {"pip3": "python3-pip"}


def test_a_command_is_run_as_it_was_typed() -> None:
    subject = Subject(
        path="/venv/bin/pip", command=("pip", "install", "x"), kind="pip", facts={"program": "/venv/bin/pip"}
    )
    launch = pip.launch(subject, Request(attended=True))
    assert launch is not None
    assert launch.command == ("/venv/bin/pip", "install", "x")
    assert "PIP_NO_INPUT" not in launch.environment


def test_what_a_failing_pip_is_told_depends_on_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = str(tmp_path / "bin" / "pip3")
    words = ("pip3", "install", "--user", "six")
    assert "use the pip of a virtual environment" in pip.failing(program, words)
    (tmp_path / "pyvenv.cfg").touch()
    assert pip.failing(program, words) == "this pip is a virtual environment's, which has no --user: leave that out"
    assert pip.failing(program, ("pip3", "install", "six")) == ""

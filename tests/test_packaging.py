"""The wheel: built, installed into a clean virtual environment, and used from there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_the_data(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "pratique/hookspecs.py", "pratique_detectors/effects.py", "pratique_launchers/deb.py",
        "pratique/data/grammar/policy.lark", "pratique/data/rules/baseline.policy", "pratique/data/hosts/laptop.yaml",
    ):  # fmt: skip
        assert needed in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


@pytest.mark.network
def test_it_works_from_a_clean_virtual_environment(wheel: Path, tmp_path: Path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run(
        [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PRATIQUE_STATE": str(tmp_path / "state")}

    def pratique(*words: str) -> subprocess.CompletedProcess[str]:
        command = [venv / "bin" / "pratique", *words]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert pratique("--version").stdout.startswith("pratique ")
    checked = pratique("policy", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    listed = pratique("plugins")
    assert "effects" in listed.stdout
    installer = tmp_path / "setup.sh"
    installer.write_text('#!/bin/sh\necho "alias x=y" >> "$HOME/.bashrc"\n')
    (tmp_path / ".bashrc").write_text("")
    judged = pratique("run", "--refuse", str(installer))
    assert judged.returncode == 10, judged.stderr
    assert (tmp_path / ".bashrc").read_text() == ""

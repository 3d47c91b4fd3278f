"""Large installations from the registries: judged, installed, working; every file on the disk is among the effects."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.proof]

#: With what they depend on: more than 300 packages.
NPM: Final = ("webpack@5.99.9", "jest@29.7.0")
#: Pure Python, and wheels with compiled parts.
PIP: Final = (
    "certifi", "charset-normalizer", "idna", "markdown-it-py", "mdurl", "numpy==2.2.6", "pygments", "requests==2.32.3",
    "rich==14.0.0", "urllib3",
)  # fmt: skip
NPM_USE: Final = "const w = require('webpack'); console.log(typeof w, require('jest/package.json').version)"
PIP_USE: Final = "import numpy, requests, rich.markdown; print(numpy.arange(4).sum(), requests.__version__)"


def _measured(place: Path, run: Callable[[], Any]) -> tuple[int, str, str, float, float]:
    """Exit code, output, seconds and MiB: from a process of its own, whose children are this run's alone."""
    result = place / "measured"
    child = os.fork()
    if child == 0:
        try:
            started = time.monotonic()
            ran = run()
            took = time.monotonic() - started
            largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            result.write_text(json.dumps([ran.code, ran.out, ran.err, took, largest]))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return tuple(json.loads(result.read_text()))  # type: ignore[return-value]


def _installed(place: Path, top: Path, run: Callable[..., Any], *command: str) -> tuple[dict[str, Any], float, float]:
    words = ("run", "--install", "--json", "--network", "observed", "--", *command)
    code, out, err, took, largest = _measured(place, lambda: run(*words, cwd=top))
    assert code == 0, err
    report = json.loads(out)
    assert report["verdict"]["class"] == "clean", report["actions"]
    found = {f"{directory}/{name}" for directory, names, files in os.walk(top) for name in (*names, *files)}
    told = {one["path"] for one in report["effects"] if one["type"] == "file" and one["path"].startswith(f"{top}/")}
    assert found == told
    assert not [one["path"] for one in report["effects"] if not one["kept"] and one["path"].startswith(f"{top}/")]
    return report, took, largest


def _row(report: dict[str, Any], packages: int) -> tuple[int, int, int, int]:
    events = {one["name"]: one["events"] for one in report["observers"]}
    files = sum(one["type"] == "file" for one in report["effects"])
    return packages, files, sum(events.values()), events["network"]


def test_npm_with_more_than_300_packages(pratique, tmp_path, results):
    top = tmp_path / "project"
    top.mkdir()
    report, took, largest = _installed(tmp_path, top, pratique, "npm", "install", *NPM)
    packages = len(json.loads((top / "package-lock.json").read_text())["packages"]) - 1
    assert packages >= 300
    used = subprocess.run(["node", "-e", NPM_USE], cwd=top, capture_output=True, text=True)
    assert used.stdout == "function 29.7.0\n", used.stderr
    results.add("registries", f"`npm install {' '.join(NPM)}`", "root", *_row(report, packages), took, largest)


@pytest.mark.parametrize("whose", ["root", "an ordinary user"])
def test_pip_with_ten_packages(pratique, ordinary_user, tmp_path, results, whose):
    top = (tmp_path if whose == "root" else ordinary_user.home) / "packages"
    top.mkdir()
    run = pratique
    if whose != "root":
        ordinary_user.own(top)
        run = ordinary_user.pratique
    command = ("/usr/bin/python3", "-m", "pip", "install", "--target", str(top), *PIP)
    report, took, largest = _installed(tmp_path, top, run, *command)
    packages = len(list(top.glob("*.dist-info")))
    assert packages == len(PIP)
    env = {**os.environ, "PYTHONPATH": str(top), "PYTHONDONTWRITEBYTECODE": "1"}
    used = subprocess.run(["/usr/bin/python3", "-c", PIP_USE], env=env, capture_output=True, text=True)
    assert used.stdout == "6 2.32.3\n", used.stderr
    results.add("registries", "`pip install` of ten", whose, *_row(report, packages), took, largest)

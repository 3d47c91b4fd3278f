"""The example plugin, as a third party would ship it: installed by pip, found, and spoken of by a policy."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a process for which the example is installed."""
    place = tmp_path_factory.mktemp("example")
    source = place / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", "build"))
    words = ["install", "--quiet", "--no-build-isolation", "--no-deps", "--target", place / "site", source]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    return {"PYTHONPATH": str(place / "site")}


def test_it_is_listed_with_its_kinds(pratique, installed):
    plugins = {plugin["name"]: plugin for plugin in pratique("plugins", "--json", env=installed).json["plugins"]}
    fonts = plugins["fonts"]
    assert (fonts["state"], fonts["distribution"], fonts["version"]) == ("on", "pratique-fonts", "1.0.0")
    assert fonts["kinds"] == ["font.replace"]
    assert fonts["hooks"] == ["event_kinds", "observe"]


def test_its_own_tests_pass(installed, tmp_path):
    test = tmp_path / "test_pratique_fonts.py"
    shutil.copy(EXAMPLE / "test_pratique_fonts.py", test)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, "-c", os.devnull, test],
        env={**os.environ, **installed}, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_a_policy_may_speak_of_its_kind(pratique, installed):
    done = pratique("policy", "check", EXAMPLE / "fonts.policy", env=installed)
    assert done.code == 0, done.err


def test_without_it_the_policy_does_not_know_the_kind(pratique):
    done = pratique("policy", "check", EXAMPLE / "fonts.policy")
    assert done.code == 3
    assert "font.replace" in done.out + done.err


def test_it_can_be_pinned_by_its_hash(pratique, installed, tmp_path):
    sha256 = pratique("plugins", "--hash", "fonts", "--json", env=installed).json["sha256"]
    role = tmp_path / "host.yaml"
    role.write_text(f"plugins:\n  allow: [pratique, {{name: pratique-fonts, sha256: {sha256}}}]\n")
    plugins = pratique("plugins", "--json", "--host", role, env=installed).json["plugins"]
    assert {plugin["name"]: plugin["state"] for plugin in plugins}["fonts"] == "on"


def font(family: str) -> bytes:
    """The least that is a font with a name."""
    text = family.encode("utf-16-be")
    names = struct.pack(">HHH", 0, 1, 18) + struct.pack(">6H", 3, 1, 0x409, 1, len(text), 0) + text
    return b"\0\1\0\0" + struct.pack(">4H", 1, 0, 0, 0) + struct.pack(">4sIII", b"name", 0, 28, len(names)) + names


@pytest.mark.root
def test_it_watches_a_session(pratique, installed, tmp_path):
    folder = Path("/usr/local/share/fonts")
    there = folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pratique-test.ttf"
    path.write_bytes(font("Noto Sans"))
    (tmp_path / "cheap.ttf").write_bytes(font("Cheap Sans"))
    script = tmp_path / "setup.sh"
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/cheap.ttf > {path}\n")
    try:
        ran = pratique("run", "--refuse", "--json", "--policy", EXAMPLE / "fonts.policy", script, env=installed)
        assert path.read_bytes() == font("Noto Sans")
    finally:
        path.unlink()
        if not there:
            folder.rmdir()
    (observer,) = [one for one in ran.json["observers"] if one["name"] == "fonts"]
    assert (observer["state"], observer["events"]) == ("ok", 1), ran.err
    (action,) = ran.json["actions"]
    assert (action["name"], action["weight"]) == ("font-replacement", 40.0)
    (evidence,) = action["evidence"]
    assert (evidence["kind"], evidence["observer"]) == ("font.replace", "fonts")
    assert evidence["fields"] == {"family": "Cheap Sans", "previous": "Noto Sans", "path": str(path)}

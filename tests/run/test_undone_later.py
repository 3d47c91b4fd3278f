"""Undone after others have used the same package manager: what they left anew there does not stand in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from own_root import OwnRoot

NEW, OTHER, NEEDY = "pratique-sample-new", "pratique-sample-other", "pratique-sample-needy"
STATUS = "/var/lib/dpkg/status"
NO_MIRRORS = ("-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null")

PRATIQUE = (sys.executable, "-m", "pratique.cli.main")

Package = Callable[..., Path]


@pytest.fixture
def own_root(tmp_path: Path, state: Path) -> Iterator[OwnRoot]:
    root = OwnRoot(tmp_path)
    yield root
    root.close()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Makes a package with one program."""

    def make(name: str, *fields: str, version: str = "1") -> Path:
        tree = tmp_path / f"{name}-{version}"
        control = (f"Package: {name}", f"Version: {version}", "Architecture: all", "Maintainer: Nobody <n@example.org>")
        for path, content in {
            f"opt/{name}": "a program\n",
            "DEBIAN/control": "\n".join([*control, *fields, "Description: a sample", ""]),
        }.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(content)
        file = tmp_path / f"{name}_{version}.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, file], check=True, capture_output=True)
        return file

    return make


def installed(root: OwnRoot, file: Path) -> str:
    """The id of the session that installed the package."""
    session: str = json.loads(root.pratique("run", "--install", "--json", file))["id"]
    return session


def knows(root: OwnRoot, name: str) -> bool:
    return root.run("dpkg-query", "-W", "-f", "${db:Status-Status}", name, code=None).stdout == "installed"


@pytest.mark.root
def test_a_debian_package_after_others_came_and_went(own_root, package):
    session = installed(own_root, package(NEW))
    own_root.run("dpkg", "--install", package(OTHER))
    own_root.run("dpkg", "--purge", OTHER)
    own_root.run("apt-get", "install", "--yes", *NO_MIRRORS, package(OTHER))
    said = own_root.pratique("undo", session)
    assert "left to others, who changed it since: backups, logs and caches of dpkg and apt (/var/" in said
    assert (knows(own_root, NEW), knows(own_root, OTHER)) == (False, True)
    assert own_root.run("ls", "/opt").stdout.split().count(OTHER) == 1
    assert not own_root.run("ls", f"/opt/{NEW}", code=None).stdout
    assert own_root.run("dpkg", "--audit").stdout == ""
    own_root.run("apt-get", "check")


@pytest.mark.root
def test_a_package_that_another_depends_on_stands_in_the_way(own_root, package):
    session = installed(own_root, package(NEW))
    own_root.run("dpkg", "--install", package(NEEDY, f"Depends: {NEW}"), package(OTHER, f"Depends: {NEW} | base-files"))
    refused = own_root.run(*PRATIQUE, "undo", session, code=5)
    assert "other packages would be broken; nothing was undone:\n" in refused.stderr
    assert f"\n  {NEEDY} needs {NEW}\n  take these packages away first; " in refused.stderr
    assert OTHER not in refused.stderr
    assert knows(own_root, NEW)
    done = own_root.pratique("undo", "--anyway", session)
    assert f"\n  broken by that: {NEEDY} needs {NEW}\n" in done
    assert not knows(own_root, NEW)


@pytest.mark.root
def test_an_older_version_that_would_come_back_stands_in_the_way_of_who_needs_the_newer(own_root, package):
    own_root.run("dpkg", "--install", package(NEW, version="1.9"))
    session = installed(own_root, package(NEW, version="1.10"))
    own_root.run("dpkg", "--install", package(OTHER, f"Depends: {NEW} (>= 1.2)"))
    own_root.run("dpkg", "--install", package(NEEDY, f"Depends: {NEW} (>= 1.10)"))
    refused = own_root.run(*PRATIQUE, "undo", session, code=5)
    assert f"  {NEEDY} needs {NEW} (>= 1.10)\n  take" in refused.stderr
    own_root.run("dpkg", "--purge", NEEDY)
    own_root.pratique("undo", session)
    own_root.run("apt-get", "check")


def program(place: Path, *lines: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join(("#!/bin/sh", *lines, "")))
    place.chmod(0o755)
    return place


@pytest.mark.root
def test_versions_are_compared_by_the_machine_s_dpkg_and_somebody_waiting_for_it_is_shown_that(
    own_root, package, tmp_path
):
    """Not by one that the caller's PATH leads to: undo runs as root."""
    own_root.run("dpkg", "--install", package(NEW, version="1.9"))
    session = installed(own_root, package(NEW, version="1.10"))
    own_root.run("dpkg", "--install", package(NEEDY, f"Depends: {NEW} (>= 1.10)"))
    theirs = program(tmp_path / "bin" / "dpkg", f'echo "$@" >> {tmp_path}/asked')
    path = {"PATH": f"{theirs.parent}:{os.environ['PATH']}"}
    refused = own_root.run(*PRATIQUE, "undo", session, code=5, env=path)
    assert f"  {NEEDY} needs {NEW} (>= 1.10)\n  take" in refused.stderr
    asked = tmp_path / "asked"
    assert "--compare-versions" not in (asked.read_text() if asked.exists() else "")
    own_root.run("cp", program(tmp_path / "slow", "sleep 1.5", 'exec /usr/bin/dpkg "$@"'), "/usr/local/bin/dpkg")
    with own_root.copy() as inside:
        first, *words = inside(*PRATIQUE, "undo", session)
        child = pexpect.spawn(first, words, encoding="utf-8", timeout=30)
        child.expect_exact("pratique: putting back what was there, 1 s")
        child.expect_exact("nothing was undone")
        child.expect(pexpect.EOF)
        child.close()


@pytest.mark.root
def test_where_nobody_can_tell_who_needs_what_goes_it_is_said_and_undone_anyway(own_root, package):
    session = installed(own_root, package(NEW))
    own_root.run("mv", STATUS, f"{STATUS}-away")
    own_root.run("mkdir", STATUS)
    refused = own_root.run(*PRATIQUE, "undo", session, code=5)
    assert f"nothing was undone:\n  which ones cannot be told: {STATUS}: is a directory\n" in refused.stderr
    assert f"  {STATUS}: was changed\n" in refused.stderr
    done = own_root.pratique("undo", "--anyway", session)
    assert f"\n  broken by that: which ones cannot be told: {STATUS}: is a directory\n" in done
    assert not own_root.run("ls", f"/opt/{NEW}", code=None).stdout


@pytest.mark.root
def test_without_dpkgs_records_nobody_is_known_to_need_what_goes(own_root, package):
    session = installed(own_root, package(NEW))
    own_root.run("rm", STATUS)
    refused = own_root.run(*PRATIQUE, "undo", session, code=5)
    assert f"this was changed since it was installed; nothing was undone:\n  {STATUS}: was removed\n" in refused.stderr
    assert "broken" not in own_root.pratique("undo", "--anyway", session)
    assert not own_root.run("ls", f"/opt/{NEW}", code=None).stdout


def outside(scene, *words: str | os.PathLike[str]) -> None:
    """The person, without Pratique."""
    done = subprocess.run(
        words, cwd=scene.home, env={**os.environ, **scene.environment}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def stayed(done) -> dict[str, list[str]]:
    """What an undo left, by what it is."""
    out: dict[str, list[str]] = {}
    for one in done.json["stayed"]:
        out.setdefault(one["what"], []).append(one["path"])
    return out


@pytest.mark.network
@pytest.mark.root
def test_an_npm_package_after_others_were_installed(scene):
    """Both projects are in a home that had no `.npm`."""
    first, second = scene.home / "first", scene.home / "second"
    for project in (first, second):
        project.mkdir()
        (project / "package.json").write_text('{"name": "mine", "version": "1.0.0"}\n')
    ran = scene.run("--install", "--json", "--", "npm", "install", "--prefix", first, "left-pad@1.3.0")
    assert ran.code == 0, ran.err
    outside(scene, "npm", "install", "--prefix", second, "left-pad@1.2.0", "is-odd@3.0.1")
    before = {path for path in (scene.home / ".npm").rglob("*") if path.is_file()}
    done = scene.pratique("undo", "--json", ran.json["id"])
    assert done.code == 0, done.err
    assert not (first / "node_modules").exists()
    assert (first / "package.json").read_text() == '{"name": "mine", "version": "1.0.0"}\n'
    assert (second / "node_modules/left-pad/package.json").exists()
    assert list(stayed(done)) == ["npm's cache and logs"]
    gone = before - {path for path in (scene.home / ".npm").rglob("*") if path.is_file()}
    assert not any("left-pad-1.2" in str(path) for path in gone)
    outside(scene, "npm", "cache", "verify")
    outside(scene, "npm", "install", "--prefix", first, "is-odd@3.0.1")


@pytest.mark.network
@pytest.mark.root
def test_a_python_package_after_others_were_installed(scene):
    pip = ("/usr/bin/python3", "-m", "pip", "install", "--user", "--break-system-packages", "--ignore-installed")
    ran = scene.run("--install", "--json", "--network", "observed", "--", *pip, "iniconfig==2.0.0")
    assert ran.code == 0, ran.err
    outside(scene, *pip, "wcwidth==0.2.13")
    done = scene.pratique("undo", "--json", ran.json["id"])
    assert done.code == 0, done.err
    names = {path.name for path in next((scene.home / ".local/lib").glob("python3*/site-packages")).iterdir()}
    assert (any(name.startswith("iniconfig") for name in names), "wcwidth" in names) == (False, True)
    assert "directories of all Python packages" in stayed(done)


@pytest.mark.root
def test_directories_that_all_share_stay_with_what_others_put_there(scene):
    script = scene.script(
        "mkdir -p ~/.local/bin ~/.config/tool", "echo 1 > ~/.local/bin/tool", "echo 2 > ~/.config/tool/x"
    )
    ran = scene.run("--install", "--json", script)
    assert ran.code == 0, ran.err
    (scene.home / ".local/bin/mine").write_text("mine\n")
    (scene.home / ".config/mine").write_text("mine\n")
    done = scene.pratique("undo", "--json", ran.json["id"])
    assert done.code == 0, done.err
    left = sorted(str(path.relative_to(scene.home)) for path in scene.home.rglob("*") if ".ssh" not in path.parts)
    assert left == [".bashrc", ".config", ".config/mine", ".local", ".local/bin", ".local/bin/mine"]
    assert {path for paths in stayed(done).values() for path in paths} == {
        str(scene.home / one) for one in (".config", ".local/bin")
    }


@pytest.mark.root
def test_a_directory_that_another_took_and_closed_stands_in_the_way(ordinary_user):
    home = ordinary_user.home
    script = ordinary_user.own(program(home / "setup.sh", "mkdir -m 300 ~/shut", "mkdir ~/taken", "touch ~/other"))
    session = ordinary_user.pratique("run", "--install", "--json", script).json["id"]
    os.chown(home / "taken", 0, 0)
    (home / "taken").chmod(0o711)
    refused = ordinary_user.pratique("undo", session)
    assert refused.code == 5, refused.err
    assert f"  {home}/taken: cannot be listed: operation not permitted\n" in refused.err
    done = ordinary_user.pratique("undo", "--anyway", session)
    assert done.code == 0, done.err
    assert [path.name for path in home.iterdir() if path.name in ("shut", "taken", "other")] == ["taken"]
    (home / "taken").rmdir()


@pytest.mark.root
def test_a_text_that_nobody_may_read_any_more_stands_in_the_way(ordinary_user):
    home = ordinary_user.home
    settings = ordinary_user.own(program(home / "settings"))
    script = ordinary_user.own(program(home / "setup.sh", "echo ours >> ~/settings", "touch ~/other"))
    session = ordinary_user.pratique("run", "--install", "--json", script).json["id"]
    settings.chmod(0)
    refused = ordinary_user.pratique("undo", session)
    assert refused.code == 5, refused.err
    assert f"  {settings}: was changed\n" in refused.err
    done = ordinary_user.pratique("undo", "--anyway", session)
    assert (done.code, (home / "other").exists()) == (0, False), done.err
    settings.unlink()

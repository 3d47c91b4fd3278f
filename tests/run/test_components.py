"""Each act lands on the component that did it: what is dropped and run, packages; and each can be refused by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.root, pytest.mark.machine]

EXTRA_C = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s/extra-data", getenv("HOME"));
    FILE *file = fopen(path, "w");
    return !file || fputs("extra\n", file) < 0 || fclose(file);
}
"""

PLAYER = {
    "player": "#!/bin/sh\necho playing\n",
    "setup.sh": "#!/bin/sh\nset -e\nmkdir ~/player\ncp player ~/player/\n./toolbar-helper.sh\n./extra\n",
    "toolbar-helper.sh": "#!/bin/sh\necho 'bar &' >> ~/.bashrc\nsh -c 'cp toolbar-helper.sh ~/toolbar'\n",
}


def components(report: dict[str, Any]) -> dict[str, str]:
    """Each path, below the home by its last names -> the component it counts for."""
    return {effect["path"]: effect["component"] for effect in report["effects"] if effect["type"] == "file"}


def tool(*words: object, cwd: Path | None = None) -> str:
    if shutil.which(str(words[0])) is None:
        pytest.fail(f"{words[0]} is missing: `make setup` installs what the tests need", pytrace=False)
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture
def player(tmp_path: Path) -> Path:
    """A makeself archive that brings two programs along and runs them: a script and an ELF program."""
    inside = tmp_path / "inside"
    inside.mkdir()
    for name, content in PLAYER.items():
        (inside / name).write_text(content)
        (inside / name).chmod(0o755)
    (tmp_path / "extra.c").write_text(EXTRA_C)
    tool("gcc", "-o", inside / "extra", tmp_path / "extra.c")
    tool("makeself", "--quiet", "--nomd5", inside, tmp_path / "player.run", "Free Player", "./setup.sh")
    return tmp_path / "player.run"


@pytest.fixture
def freeplayer(scene, player: Path) -> Path:
    target = scene.downloads / player.name
    shutil.copy2(player, target)
    scene.start()
    return target


# -- programs that are dropped and run --------------------------------------------------------------------------------


def test_what_an_archive_brings_along_and_runs_are_components(scene, freeplayer):
    report = scene.run("--refuse", "--json", freeplayer).json
    home = str(scene.home)
    found = components(report)
    assert {path.removeprefix(home): found[path] for path in found if path.startswith(home)} == {
        "/player": "Free Player", "/player/player": "Free Player", "/.bashrc": "toolbar-helper",
        "/toolbar": "toolbar-helper", "/extra-data": "extra",
    }  # fmt: skip
    parts = {part["name"]: part for part in report["components"]}
    assert {name: (part["kind"], part["class"], part["brought_by"]) for name, part in parts.items()} == {
        "Free Player": ("program", "clean", ""),
        "toolbar-helper": ("dropped", "undesirable", "Free Player"),
        "extra": ("dropped", "clean", "Free Player"),
    }
    (action,) = report["actions"]
    evidence = action["evidence"][0]
    assert (action["component"], evidence["command"]) == ("toolbar-helper", "/bin/sh ./toolbar-helper.sh")
    assert {process["component"] for process in report["processes"] if "cp player" in process["command"]} == {
        "Free Player"
    }


def test_the_toolbar_is_refused_and_the_player_is_installed_and_works(scene, freeplayer):
    ran = scene.run("--without-component", "toolbar-helper", freeplayer)
    assert ran.code == 0, (ran.out, ran.err)
    assert "left out   toolbar-helper" in ran.out
    assert tool(scene.home / "player" / "player") == "playing\n"
    assert (scene.home / "extra-data").read_text() == "extra\n"
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert not (scene.home / "toolbar").exists()


@pytest.mark.parametrize("flag", [(), ("--install",)])
def test_a_replay_leaves_out_the_same_components(scene, pratique, freeplayer, flag):
    kept = scene.faults.parent / "kept.rec"
    ran = scene.run(*flag, "--without-component", "extra", "--json", "--record", kept, freeplayer)
    again = pratique("replay", "--json", kept)
    assert ran.code == 0, ran.err
    assert ran.json["decision"]["components"] == ["extra"]
    for part in ("decision", "components", "actions", "without"):
        assert again.json[part] == ran.json[part], part
    assert (scene.home / "toolbar").exists()
    assert ("bar &" in (scene.home / ".bashrc").read_text()) == bool(flag)


def test_a_component_nobody_has_is_said_with_those_there_are(scene, freeplayer):
    ran = scene.run("--without-component", "tolbar", freeplayer)
    assert ran.code == 2
    assert "there is no component 'tolbar'; nothing was committed" in ran.err
    assert "toolbar-helper, extra" in ran.err
    assert scene.left() == []


def test_a_second_installer_out_of_an_archive_is_a_component_and_what_it_leaves_running_too(scene):
    bundle = scene.faults.parent / "second"
    bundle.mkdir()
    (bundle / "install").write_text(
        "#!/bin/sh\ntouch ~/second\n(sleep 0.2; (touch ~/from-a-daemon) &) >/dev/null 2>&1 &\n"
    )
    (bundle / "install").chmod(0o755)
    with tarfile.open(scene.downloads / "second.tar", "w") as archive:
        archive.add(bundle / "install", "install")
    script = scene.script(
        "touch ~/first", "d=$(mktemp -d)", f"tar -xf {scene.downloads}/second.tar -C $d", "(cd $d && ./install)",
        "rm -r $d", "sleep 0.5",
    )  # fmt: skip
    report = scene.run("--refuse", "--json", script).json
    found = {path.rsplit("/", 1)[-1]: component for path, component in components(report).items()}
    assert found == {"first": "setup.sh", "second": "install", "from-a-daemon": "install"}
    (_, second) = report["components"]
    assert (second["kind"], second["sha256"]) == ("dropped", ""), "it is gone"


def test_an_ordinary_user_s_installer_is_taken_apart_as_well(ordinary_user, player):
    home = ordinary_user.home
    shutil.copy2(player, home / "player.run")
    (home / ".bashrc").write_text("# mine\n")
    ordinary_user.own(home)
    ran = ordinary_user.pratique("run", "--without-component", "toolbar-helper", "--json", "player.run")
    assert ran.code == 0, (ran.out, ran.err)
    assert {part["name"]: part["decision"] for part in ran.json["components"]} == {
        "Free Player": "install", "toolbar-helper": "refuse", "extra": "install",
    }  # fmt: skip
    assert (home / "player" / "player").exists()
    assert (home / ".bashrc").read_text() == "# mine\n"


def test_what_cannot_be_left_out_act_by_act_is_left_out_as_a_whole(scene, freeplayer):
    policy = scene.faults.parent / "strict.policy"
    policy.write_text(
        'policy strict { version "1"; threshold 100; undesirable without }\n'
        'action spoils "Spoils the shell" {\n category c\n on file.write where path in ["~/.bashrc"]\n weight 100\n'
        " remedy notify\n}\n"
    )
    scene.start()
    ran = scene.run("--policy", policy, "--json", freeplayer)
    assert ran.code == 0, (ran.out, ran.err)
    assert ran.json["decision"] == {"choice": "without", "source": "policy", "components": ["toolbar-helper"]}
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert (scene.home / "player" / "player").exists()


# -- packages of a batch ----------------------------------------------------------------------------------------------


def deb(place: Path, name: str, postinst: str) -> Path:
    tree = place / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n"
    )
    for script in ("preinst", "postinst"):
        (tree / "DEBIAN" / script).write_text(f"#!/bin/sh\nset -e\n{postinst.replace('WHEN', script)}\n")
        (tree / "DEBIAN" / script).chmod(0o755)
    (tree / "usr" / "share" / name).mkdir(parents=True)
    (tree / "usr" / "share" / name / "data").write_text(name)
    tool("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, place / f"{name}.deb")
    return place / f"{name}.deb"


def test_maintainer_scripts_act_for_their_packages(scene, tmp_path):
    alpha = deb(tmp_path, "pratique-alpha", "echo alpha > /var/lib/pratique-WHEN-a")
    beta = deb(tmp_path, "pratique-beta", "cp /usr/bin/true /var/lib/pratique-WHEN-b")
    report = scene.run("--refuse", "--json", "--", "dpkg", "-i", alpha, beta).json
    assert report["installer_exit_status"] == 0, report["screens"]
    found = components(report)
    a, b = "pratique-alpha", "pratique-beta"
    assert {path: found[path] for path in found if "/pratique-" in path and "/dpkg/" not in path} == {
        "/var/lib/pratique-preinst-a": a, "/var/lib/pratique-postinst-a": a, f"/usr/share/{a}": a,
        f"/usr/share/{a}/data": a, "/var/lib/pratique-preinst-b": b, "/var/lib/pratique-postinst-b": b,
        f"/usr/share/{b}": b, f"/usr/share/{b}/data": b,
    }  # fmt: skip
    assert found["/var/lib/dpkg/status"] == "dpkg"
    assert {part["name"]: part["kind"] for part in report["components"]} == {
        "dpkg": "program", a: "package", b: "package",
    }  # fmt: skip


@pytest.fixture
def purged() -> Iterator[None]:
    """Whatever is installed of the two packages goes again."""
    yield
    for name in ("pratique-alpha", "pratique-beta"):
        subprocess.run(["dpkg", "--purge", name], capture_output=True, check=False)
    for path in Path("/var/lib").glob("pratique-*inst-*"):
        path.unlink()


@pytest.mark.usefixtures("purged")
def test_one_package_of_a_batch_is_refused_with_all_its_scripts_did(scene, tmp_path):
    alpha = deb(tmp_path, "pratique-alpha", "echo alpha > /var/lib/pratique-WHEN-a")
    beta = deb(tmp_path, "pratique-beta", "echo beta > /var/lib/pratique-WHEN-b")
    ran = scene.run("--without-component", "pratique-beta", "--", "dpkg", "-i", alpha, beta)
    assert ran.code == 0, (ran.out, ran.err)
    assert Path("/var/lib/pratique-postinst-a").read_text() == "alpha\n"
    assert not list(Path("/var/lib").glob("pratique-*-b"))
    assert tool("dpkg-query", "-W", "-f", "${Status}", "pratique-alpha") == "install ok installed"
    assert subprocess.run(["dpkg-query", "-W", "pratique-beta"], capture_output=True, check=False).returncode == 1
    assert not Path("/usr/share/pratique-beta").exists()
    assert tool("dpkg", "--audit") == ""


def test_npm_scripts_act_for_their_packages(scene, tmp_path):
    project = scene.downloads / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "project", "version": "1.0.0"}')
    packed = []
    for name, scripts in (("@pq/one", {"postinstall": "echo one >> ~/one"}), ("two", {})):
        place = tmp_path / name.replace("/", "-")
        place.mkdir()
        (place / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", "scripts": scripts}))
        (place / "index.js").write_text("")
        packed.append(place / tool("npm", "pack", "--silent", cwd=place).strip())
    scene.start()
    report = scene.run("--refuse", "--json", "--", "npm", "install", "--prefix", project, *packed).json
    assert report["installer_exit_status"] == 0, report["screens"]
    found = components(report)
    assert found[f"{scene.home}/one"] == "@pq/one"
    assert found[f"{project}/node_modules/@pq/one/index.js"] == "@pq/one"
    assert found[f"{project}/node_modules/two/index.js"] == "two"
    assert found[f"{project}/package-lock.json"] not in ("@pq/one", "two")


def test_builds_act_for_the_package_that_is_built(scene, tmp_path, python_for_all):
    sources = []
    for name in ("pratique-one", "pratique-two"):
        place = tmp_path / name
        place.mkdir()
        (place / "setup.py").write_text(
            "import pathlib, setuptools\n"
            f"pathlib.Path.home().joinpath('built-{name}').write_text('x')\n"
            f"setuptools.setup(name='{name}', version='1', py_modules=['{name.replace('-', '_')}'])\n"
        )
        (place / f"{name.replace('-', '_')}.py").write_text("X = 1\n")
        with tarfile.open(tmp_path / f"{name}-1.tar.gz", "w:gz") as archive:
            archive.add(place, f"{name}-1")
        sources.append(tmp_path / f"{name}-1.tar.gz")
    report = scene.run(
        "--refuse", "--json", "--", python_for_all, "-m", "pip", "install", "--no-build-isolation", "--no-deps",
        "--no-cache-dir", "--target", scene.home / "site", *sources,
    ).json  # fmt: skip
    assert report["installer_exit_status"] == 0, report["screens"]
    found = components(report)
    for number in ("one", "two"):
        assert found[f"{scene.home}/built-pratique-{number}"] == f"pratique_{number}"
        assert found[f"{scene.home}/site/pratique_{number}.py"] == f"pratique_{number}"

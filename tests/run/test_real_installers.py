"""Real installers, end to end: judged, installed, refused, installed without. As root, and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.network, pytest.mark.machine]


def installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True, text=True)
    return done.stdout == "installed"


def packages() -> set[str]:
    listing = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"]
    lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[1] for line in lines if line.startswith("installed ")}


@pytest.fixture
def purge() -> Iterator[None]:
    """What the test installs is taken off the machine again, with everything that came along."""
    packages: list[str] = []
    before = set(
        subprocess.run(["dpkg-query", "-W", "-f", "${Package}\n"], capture_output=True, text=True).stdout.split()
    )
    yield packages
    now = set(subprocess.run(["dpkg-query", "-W", "-f", "${Package}\n"], capture_output=True, text=True).stdout.split())
    extra = sorted(now - before)
    if extra:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(["dpkg", "--purge", "--force-depends", *extra], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with settings of one's own and a private key."""
    place = tmp_path / "home"
    (place / ".ssh").mkdir(parents=True, mode=0o700)
    (place / ".ssh" / "id_ed25519").write_text("PRIVATE\n")
    (place / ".bashrc").write_text("# mine\n")
    return place


# -- Debian packages --------------------------------------------------------------------------------------------------


def test_a_clean_package_is_installed_as_dpkg_would(pratique, installer, purge):
    assert not installed("hello"), "hello must not be on this machine beforehand"
    ran = pratique("run", "--json", installer("hello"))
    assert ran.code == 0, ran.err
    report = ran.json
    assert report["verdict"]["class"] == "clean"
    assert report["decision"] == {"choice": "install", "source": "policy"}
    assert {"type": "package", "op": "add"}.items() <= next(
        e for e in report["effects"] if e["type"] == "package"
    ).items()
    assert installed("hello")
    assert subprocess.run(["hello"], capture_output=True, text=True).stdout == "Hello, world!\n"
    verified = subprocess.run(["dpkg", "--verify", "hello"], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout) == (0, "")


@pytest.mark.parametrize("name", ["hello", "cowsay", "cron", "nginx-light"])
def test_a_refused_package_leaves_the_host_byte_for_byte_unchanged(pratique, installer, host_watch, name):
    package = installer(name)
    host_watch.start()
    ran = pratique("run", "--refuse", "--network", "host", "--json", package)
    assert ran.code == 11, ran.err
    assert not installed(name)
    assert host_watch.changed() == []
    assert len(ran.json["effects"]) > 10
    assert not any(effect["kept"] for effect in ran.json["effects"])


def test_a_package_with_dependencies_and_a_service_is_ordinary(pratique, installer, purge):
    ran = pratique("run", "--network", "host", "--json", installer("nginx-light"))
    assert ran.code == 0, ran.err
    assert ran.json["verdict"]["class"] == "clean", ran.json["actions"]
    assert {"nginx-light", "nginx-common"} <= {component["name"] for component in ran.json["components"]}
    services = [e for e in ran.json["effects"] if e["type"] == "service" and e["details"]["what"] == "enable"]
    assert any(e["details"]["name"] == "nginx.service" and e["kept"] for e in services)
    assert installed("nginx-light")
    assert subprocess.run(["/usr/sbin/nginx", "-t", "-q"], capture_output=True).returncode == 0
    audit = subprocess.run(["dpkg", "--audit"], capture_output=True, text=True)
    assert audit.stdout == ""


def test_a_package_whose_dependencies_are_missing_says_what_to_do(pratique, installer):
    ran = pratique("run", installer("nginx-light"))
    assert ran.code == 6
    assert "or use `--network observed`" in ran.err
    assert not installed("nginx-light")


@pytest.mark.parametrize("package", ["cowsay", "cron"])
def test_maintainer_scripts_run_and_the_package_works(pratique, installer, purge, package):
    ran = pratique("run", "--network", "host", "--json", installer(package))
    assert ran.code == 0, ran.err
    assert ran.json["verdict"]["class"] == "clean", ran.json["actions"]
    assert installed(package)
    assert subprocess.run(["dpkg", "--audit"], capture_output=True, text=True).stdout == ""
    if package == "cowsay":
        assert "moo" in subprocess.run(["/usr/games/cowsay", "moo"], capture_output=True, text=True).stdout
    else:
        assert Path("/usr/bin/crontab").stat().st_mode & 0o2000, "setgid survives the commit"
        assert shutil.which("cron")


@pytest.fixture
def greedy(tmp_path: Path) -> Path:
    """A package with a program, whose maintainer script starts something with every shell of root's."""
    tree = tmp_path / "greedy"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: pratique-greedy\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n"
        "Description: greets, and more\n"
    )
    script = tree / "DEBIAN" / "postinst"
    script.write_text('#!/bin/sh\nset -e\necho "pratique-greet --more &" >> "$HOME/.bashrc"\n')
    program = tree / "usr" / "bin" / "pratique-greet"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho greetings\n")
    for file in (script, program):
        file.chmod(0o755)
    package = tmp_path / "pratique-greedy_1.0_all.deb"
    built = ["dpkg-deb", "--root-owner-group", "--build", tree, package]
    subprocess.run(built, check=True, capture_output=True)
    return package


def test_a_package_without_what_its_maintainer_script_adds(pratique, greedy, purge, home):
    ran = pratique("run", "--without", "--json", greedy, env={"HOME": str(home)})
    assert ran.code == 0, ran.err
    assert ran.json["verdict"]["class"] == "undesirable"
    assert ran.json["decision"] == {"choice": "without", "source": "flag"}
    assert [(action["name"], action["outcome"]) for action in ran.json["actions"]] == [("shell-startup", "reverted")]
    assert (home / ".bashrc").read_text() == "# mine\n"
    assert installed("pratique-greedy")
    assert subprocess.run(["pratique-greet"], capture_output=True, text=True).stdout == "greetings\n"
    assert subprocess.run(["dpkg", "--audit"], capture_output=True, text=True).stdout == ""


# -- other kinds, as root ---------------------------------------------------------------------------------------------


def test_a_makeself_archive_without_its_autorun(pratique, installer, home):
    place = Path("/opt/player")
    assert not place.exists()
    try:
        ran = pratique("run", "--without", "--json", installer("makeself"), env={"HOME": str(home)})
        assert ran.code == 0, ran.err
        assert ran.json["verdict"]["class"] == "undesirable"
        assert ran.json["decision"] == {"choice": "without", "source": "flag"}
        assert [action["outcome"] for action in ran.json["actions"]] == ["reverted"]
        assert subprocess.run([place / "player"], capture_output=True, text=True).stdout == "playing\n"
        assert (home / ".bashrc").read_text() == "# mine\n"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_an_undesirable_program_is_refused_when_nobody_can_be_asked(pratique, installer, home, host_watch):
    program = installer("script")
    host_watch.start()
    ran = pratique("run", program, env={"HOME": str(home)})
    assert ran.code == 10
    assert "UNDESIRABLE" in ran.out
    assert (home / ".bashrc").read_text() == "# mine\n"
    assert not (home / ".local").exists()
    assert host_watch.changed() == []


@pytest.mark.parametrize("kind", ["static-elf", "dynamic-elf", "static-pie"])
def test_a_compiled_installer_is_seen_as_well(pratique, installer, home, kind):
    ran = pratique("run", "--refuse", "--json", installer(kind), env={"HOME": str(home)})
    assert ran.code == 10, ran.err
    assert [action["name"] for action in ran.json["actions"]] == ["shell-startup"]
    assert not Path("/opt/static-sample").exists()


def test_npm_install_with_its_install_script(pratique, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    ran = pratique("run", "--network", "host", "--json", "--", "npm", "install", "esbuild@0.21.5", cwd=project,
                   env={"HOME": str(tmp_path)})  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["verdict"]["class"] == "clean", ran.json["actions"]
    assert "esbuild" in {component["name"] for component in ran.json["components"]}
    program = project / "node_modules" / ".bin" / "esbuild"
    assert subprocess.run([program, "--version"], capture_output=True, text=True).stdout == "0.21.5\n"


def test_pip_install_of_a_source_archive_without_what_its_setup_does(pratique, installer, home, tmp_path):
    target = tmp_path / "lib"
    command = ["python3", "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--target", target]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = pratique(
        "run", "--without", "--json", "--", *command, installer("sdist"), env={"HOME": str(home), "PATH": path}
    )
    assert ran.code == 0, ran.err
    assert [action["name"] for action in ran.json["actions"]] == ["shell-startup"]
    assert "pratique_sample" in {component["name"].replace("-", "_") for component in ran.json["components"]}
    assert (target / "pratique_sample.py").read_text() == "VALUE = 1\n"
    assert (home / ".bashrc").read_text() == "# mine\n"


# -- as an ordinary user ----------------------------------------------------------------------------------------------


def test_a_package_needs_root_and_says_so(ordinary_user, installer, tmp_path_factory):
    package = ordinary_user.home / "hello.deb"
    shutil.copy(installer("hello"), package)
    ordinary_user.own(package)
    ran = ordinary_user.pratique("run", package)
    assert ran.code == 4
    assert f"sudo pratique run {package}" in ran.err


def test_an_ordinary_user_installs_a_script_without_its_autorun(ordinary_user, installer):
    home = ordinary_user.home
    (home / ".bashrc").write_text("# mine\n")
    shutil.copy(installer("script"), home / "install.sh")
    ordinary_user.own(home)
    ran = ordinary_user.pratique("run", "--without", "--json", "install.sh")
    assert ran.code == 0, ran.err
    assert (home / ".bashrc").read_text() == "# mine\n"
    tool = home / ".local" / "bin" / "tool"
    assert subprocess.run([tool], capture_output=True, text=True).stdout == "tool\n"
    assert tool.stat().st_uid == ordinary_user.uid


def test_an_ordinary_user_is_refused_a_makeself_archive_that_needs_opt(ordinary_user, installer):
    shutil.copy(installer("makeself"), ordinary_user.home / "player.run")
    ordinary_user.own(ordinary_user.home)
    ran = ordinary_user.pratique("run", "--install", "player.run")
    assert ran.code == 6, (ran.out, ran.err)
    assert not Path("/opt/player").exists()


def test_an_ordinary_user_installs_npm_and_pip_packages_in_their_home(ordinary_user, installer):
    home = ordinary_user.home
    project = home / "project"
    project.mkdir()
    shutil.copy(installer("sdist"), home / "pratique-sample-1.2.tar.gz")
    (home / ".bashrc").write_text("# mine\n")
    ordinary_user.own(home)
    npm = ordinary_user.pratique("run", "--network", "host", "--", "npm", "install", "esbuild@0.21.5", cwd=project)
    assert npm.code == 0, npm.err
    program = project / "node_modules" / ".bin" / "esbuild"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, user=ordinary_user.uid)
    assert done.stdout == "0.21.5\n"
    site = home / "lib"
    pip = ordinary_user.pratique(
        "run", "--without", "--json", "--", shutil.which("python3", path="/usr/bin"), "-m", "pip", "install",
        "--no-build-isolation", "--no-deps", "--target", site, home / "pratique-sample-1.2.tar.gz",
    )  # fmt: skip
    assert pip.code == 0, pip.err
    assert (site / "pratique_sample.py").exists()
    assert [action["outcome"] for action in pip.json["actions"]] == ["reverted"]
    assert (home / ".bashrc").read_text() == "# mine\n"


def test_an_ordinary_user_installs_by_pip_for_themselves(ordinary_user, installer):
    home = ordinary_user.home
    shutil.copy(installer("sdist"), home / "pratique-sample-1.2.tar.gz")
    (home / ".bashrc").write_text("# mine\n")
    ordinary_user.own(home)
    python = shutil.which("python3", path="/usr/bin")
    command = [python, "-m", "pip", "install", "--user", "--break-system-packages", "--no-build-isolation", "--no-deps"]
    ran = ordinary_user.pratique("run", "--without", "--json", "--", *command, home / "pratique-sample-1.2.tar.gz")
    assert ran.code == 0, ran.err
    assert [(action["name"], action["outcome"]) for action in ran.json["actions"]] == [("shell-startup", "reverted")]
    assert (home / ".bashrc").read_text() == "# mine\n"
    [module] = (home / ".local" / "lib").glob("python3*/site-packages/pratique_sample.py")
    assert (module.read_text(), module.stat().st_uid) == ("VALUE = 1\n", ordinary_user.uid)
    imported = [python, "-c", "import pratique_sample; print(pratique_sample.VALUE)"]
    done = subprocess.run(imported, capture_output=True, text=True, user=ordinary_user.uid, env={"HOME": str(home)})
    assert done.stdout == "1\n", done.stderr


def test_root_can_run_an_installer_as_somebody_else(pratique, ordinary_user, installer):
    shutil.copy(installer("script"), ordinary_user.home / "as-user.sh")
    ordinary_user.own(ordinary_user.home)
    ran = pratique("run", "--as-user", ordinary_user.name, "--json", "--refuse", ordinary_user.home / "as-user.sh")
    assert ran.code == 10, ran.err
    changed = {effect["path"] for effect in ran.json["effects"]}
    assert f"{ordinary_user.home}/.bashrc" in changed

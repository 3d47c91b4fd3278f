"""The command each launcher gives is one the real program accepts: tried here where it changes nothing outside."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique import Launch, Request
from pratique.host import Host
from pratique.identify import identify

Installer = Callable[[str], Path]


@pytest.fixture
def run(state: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Identify, ask the launchers and start the program here, in a directory and home of its own."""
    host = Host.open()
    home = tmp_path / "home"
    home.mkdir()

    def start(*words: str, network: str = "none") -> subprocess.CompletedProcess[str]:
        subject = identify(host, words)
        request = Request(arguments=words[1:], network=network, root=os.geteuid() == 0)  # type: ignore[arg-type]
        (answer,) = host.call("launch", first=True, subject=subject, request=request)
        found: Launch = answer.value
        assert found.cannot == ""
        environment = {**os.environ, "HOME": str(home), **found.environment}
        return subprocess.run(
            found.command, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    return start


@pytest.mark.machine  # apt writes down what it planned
def test_apt_takes_a_package_by_its_path_without_a_network(
    run: Callable[..., subprocess.CompletedProcess[str]], installer: Installer
) -> None:
    done = run(str(installer("hello")), "--simulate")
    assert done.returncode == 0, done.stderr
    assert "Inst hello" in done.stdout


@pytest.mark.machine  # apt writes down what it planned
def test_apt_says_at_once_which_dependency_is_missing(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    root = tmp_path / "needy"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: needy\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\n"
        "Depends: no-such-package-anywhere\nDescription: needs what nobody has\n"
    )
    subprocess.run(["dpkg-deb", "--build", str(root), str(tmp_path / "needy.deb")], check=True, capture_output=True)
    began = time.perf_counter()
    done = run(str(tmp_path / "needy.deb"), "--simulate")
    assert done.returncode != 0
    assert "no-such-package-anywhere" in done.stdout
    assert time.perf_counter() - began < 5


@pytest.mark.machine  # apt writes down what it planned
def test_apt_takes_the_dependencies_that_are_named_with_a_package(
    run: Callable[..., subprocess.CompletedProcess[str]], with_dependencies: Callable[[str], list[Path]]
) -> None:
    packages = sorted(map(str, with_dependencies("cowsay")))
    done = run(*packages, "--simulate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Inst ") == len(packages)


def test_npm_installs_a_tarball_without_a_network(
    run: Callable[..., subprocess.CompletedProcess[str]], installer: Installer, tmp_path: Path
) -> None:
    done = run(str(installer("left-pad")), "--offline")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home" / "node_modules" / "left-pad" / "package.json").exists()


def test_pip_installs_a_wheel_without_a_network(
    run: Callable[..., subprocess.CompletedProcess[str]], installer: Installer, tmp_path: Path
) -> None:
    done = run(str(installer("wheel")), "--no-index", "--target", str(tmp_path / "into"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "into" / "tame.py").exists()


def test_a_script_runs_without_being_executable(
    run: Callable[..., subprocess.CompletedProcess[str]], installer: Installer, tmp_path: Path
) -> None:
    path = installer("script")
    path.chmod(0o644)
    assert run(str(path)).stdout == "installed\n"
    assert (tmp_path / "home" / ".local" / "bin" / "tool").exists()


def test_a_command_runs_as_typed(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert run("printf", "%s|", "a b", "c").stdout == "a b|c|"

"""Debian packages: installed by commit, used for real, and taken back: every file of the root is as before."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import installers
import pytest
from own_root import OwnRoot

pytestmark = [pytest.mark.root, pytest.mark.network]

Inside = Callable[..., list[str]]


def _done(command: list[str], **settings: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **settings)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def _serving(command: list[str], port: int) -> Iterator[None]:
    """A server, run in the foreground until it has been used."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert server.poll() is None, server.stdout and server.stdout.read()
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


def git(inside: Inside, place: Path) -> str:
    repository = place / "repository"
    repository.mkdir()
    (repository / "file").write_text("first\n")
    words = (
        "git init -q && git add file && git -c user.name=A -c user.email=a@example.org commit -q -m 'The first' "
        "&& git log --format=%s && git fsck --strict && git clone -q . ../clone && cat ../clone/file"
    )
    assert _done(inside("sh", "-ec", f"cd {repository}; {words}")) == "The first\nfirst\n"
    return "`git init`, `add`, `commit`, `log`, `fsck`, `clone`"


def vim(inside: Inside, place: Path) -> str:
    file = place / "text"
    file.write_text("one\ntwo\n")
    _done(inside("/usr/bin/vim.tiny", "-es", "-u", "NONE", "-c", "%s/two/three/", "-c", "wq", file))
    assert file.read_text() == "one\nthree\n"
    return "`vim.tiny -es` edits a file"


def sshd(inside: Inside, place: Path) -> str:
    port, key = _free_port(), place / "key"
    _done(inside("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key))
    _done(inside("mkdir", "-p", "/run/sshd"))  # its unit's RuntimeDirectory
    options = ["-o", f"AuthorizedKeysFile={key}.pub", "-o", "StrictModes=no", "-o", "ListenAddress=127.0.0.1"]
    with _serving(inside("/usr/sbin/sshd", "-D", "-e", "-p", str(port), *options), port):
        hosts = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={place}/known", "-o", "BatchMode=yes"]
        said = _done(inside("ssh", "-F", "none", "-i", key, "-p", str(port), *hosts, "root@127.0.0.1", "echo", "here"))
        assert said == "here\n"
    return "`sshd` with the host keys its scripts made; a login by key runs a command"


def nginx(inside: Inside, place: Path) -> str:
    port = _free_port()
    site = "/etc/nginx/sites-enabled/default"
    _done(inside("sed", "-i", f"s/listen 80 /listen 127.0.0.1:{port} /; /listen \\[::\\]/d", site))
    with _serving(inside("/usr/sbin/nginx", "-g", "daemon off;"), port):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read().decode()
        assert "Welcome to nginx!" in page
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/missing", timeout=10)
    return "`nginx` with its own site serves its page, and 404"


#: `ldconfig` writes what is in /etc/ld.so.cache anew, the same; its own notes hold inodes and change times.
LINKER_CACHE = (
    "time: /etc: ", "time: /etc/ld.so.cache: ", "time: /var/cache/ldconfig: ", "time: /var/cache/ldconfig/aux-cache: ",
    "content: /var/cache/ldconfig/aux-cache: ",
)  # fmt: skip


class Package(NamedTuple):
    name: str
    purged: tuple[str, ...]  # what has to go for the machine to be without it
    use: Callable[[Inside, Path], str]
    units: tuple[str, ...] = ()
    rated: tuple[str, ...] = ()  # undesirable actions found
    library: bool = False  # brings one, so that the linker's cache is made again after it went


PACKAGES = (
    Package("git", ("git", "git-man"), git),
    Package("vim-tiny", ("vim-tiny",), vim),
    Package(
        "openssh-server",
        ("openssh-server", "openssh-sftp-server"),
        sshd,
        ("ssh.service", "ssh.socket"),
        ("log-in-settings", "package-privilege"),
        library=True,
    ),
    Package("nginx-light", ("nginx-light", "nginx", "nginx-common"), nginx, ("nginx.service",)),
)


def status(root: OwnRoot, name: str) -> str:
    return root.run("dpkg-query", "-W", "-f", "${db:Status-Status}", name, code=None).stdout


def there_and_back(root: OwnRoot, package: Package) -> tuple[Any, ...]:
    there = [name for name in package.purged if status(root, name) not in ("", "not-installed")]
    if there:
        root.run("dpkg", "--purge", "--force-depends", *there)
    lines = root.run("apt-get", "install", "--simulate", "--no-install-recommends", "--yes", package.name).stdout
    names = [line.split()[1] for line in lines.splitlines() if line.startswith("Inst ")]
    assert package.name in names
    files = installers.debian_files(sorted(names))
    downloads = root.place / "downloads"
    downloads.mkdir()
    for file in files:
        shutil.copy2(file, downloads)
    ours = sorted(downloads.iterdir(), key=lambda file: not file.name.startswith(f"{package.name}_"))
    root.settle()

    started = time.monotonic()
    report = json.loads(root.pratique("run", "--install", "--json", *ours))
    took = time.monotonic() - started
    # The settings of openssh-server are put there by its own script, and openssh-client's gives `ssh-agent` to a group
    # with a bit that its archive does not declare: both are rated as such.
    assert {action["name"] for action in report["actions"]} == set(package.rated)
    assert status(root, package.name) == "installed"
    assert root.run("dpkg", "--audit").stdout == ""
    assert root.run("dpkg", "--verify", *names).stdout == ""
    with root.copy() as inside:
        used = package.use(inside, root.place)
        for unit in package.units:
            _done(inside("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{unit}"))

    changed = root.changed()
    assert changed
    root.pratique("undo", report["id"])
    rebuilt = LINKER_CACHE if package.library else ()
    assert "\n".join(one for one in root.changed() if not one.startswith(rebuilt)) == ""
    assert root.run("dpkg", "--audit").stdout == ""
    assert status(root, package.name) in ("", "not-installed")
    events = sum(one["events"] for one in report["observers"])
    return package.name, len(names), len(report["effects"]), events, took, used


def test_a_package_is_installed_used_and_undone(own_root):
    """The quickest of those below."""
    there_and_back(own_root, PACKAGES[1])


@pytest.mark.proof
@pytest.mark.parametrize("package", PACKAGES, ids=[package.name for package in PACKAGES])
def test_packages_are_installed_used_and_undone(own_root, package, results):
    results.add("packages", *there_and_back(own_root, package))

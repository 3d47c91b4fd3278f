"""Real installers for the tests: fetched or built once, kept in `.cache/installers`. One that cannot be had fails.

The fixture `installer` is called with a kind of `KINDS` and returns the path of a private copy: a test may
change it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "installers"

#: Debian packages fetched with apt, by what they are good for in a test.
DEBIAN = {
    "hello": "one program, no maintainer script",
    "cowsay": "depends on perl and a module",
    "cron": "a service and a system account's spool",
    "nginx-light": "a service, with dependencies and many maintainer scripts",
}
#: A small pure package without dependencies, one with a platform binary and an install script.
NPM = {"left-pad": "left-pad@1.3.0", "esbuild": "esbuild@0.21.5"}


class CannotBuild(Exception):
    """What was tried, and what to do."""


def _run(*command: str, cwd: Path | None = None) -> str:
    if shutil.which(command[0]) is None:
        raise CannotBuild(f"{command[0]} is missing: `make setup` installs the system packages the tests need")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise CannotBuild(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def _once(name: str) -> Iterator[Path | None]:
    """The place for something to be made at; None when it is there already. Other test runs wait."""
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / name
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            yield None
            return
        making = CACHE / f".{name}.making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        try:
            yield making
            making.rename(place)
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _only(directory: Path, pattern: str = "*") -> Path:
    found = sorted(path for path in directory.glob(pattern) if path.is_file())
    if len(found) != 1:
        raise CannotBuild(f"expected one {pattern} in {directory}, found {[path.name for path in found]}")
    return found[0]


@cache
def _offered(*packages: str) -> str:
    """A word for what the package lists offer now: a package kept from other lists may not install any more."""
    offered = _run("apt-get", "-q", "--print-uris", "download", *packages)
    return hashlib.sha256(offered.encode()).hexdigest()[:8]


def _download(directory: Path, *packages: str) -> None:
    # apt drops its rights to write there unless the directory is everybody's to enter.
    _run("apt-get", "-o", "APT::Sandbox::User=root", "download", *packages, cwd=directory)


def debian(package: str) -> Path:
    """The .deb of a package, from the machine's own mirror."""
    place = f"deb-{package}-{_offered(package)}"
    with _once(place) as making:
        if making is not None:
            _download(making, package)
    return _only(CACHE / place, "*.deb")


def debian_closure(package: str) -> list[Path]:
    """The .deb files that installing the package would take on this machine, itself among them."""
    # Without apt's note of what it planned: sessions that run meanwhile would find the host changed.
    lines = _run("apt-get", "-o", "Dir::Log::Planner=/dev/null", "install", "--simulate", "--yes", package).splitlines()
    return debian_files(sorted(line.split()[1] for line in lines if line.startswith("Inst ")) or [package])


def debian_files(names: list[str]) -> list[Path]:
    """The .deb files of these packages, as the mirrors have them now."""
    place = f"closure-{names[0]}-{_offered(*names)}"
    with _once(place) as making:
        if making is not None:
            _download(making, *names)
    return sorted((CACHE / place).glob("*.deb"))


def npm(name: str) -> Path:
    """The tarball of an npm package, as the registry serves it."""
    with _once(f"npm-{name}") as making:
        if making is not None:
            _run("npm", "pack", "--silent", NPM[name], cwd=making)
    return _only(CACHE / f"npm-{name}", "*.tgz")


SETUP_PY = """
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class Build(build_py):
    def run(self):
        # What a rude package does while it is built: any code runs here.
        with (Path.home() / ".bashrc").open("a") as file:
            file.write("# pratique-sample was here\\n")
        super().run()


setup(name="pratique-sample", version="1.2", py_modules=["pratique_sample"], cmdclass={"build_py": Build})
"""


def sdist() -> Path:
    """A source archive whose setup.py writes to ~/.bashrc while it is built."""
    with _once("sdist") as making:
        if making is not None:
            top = "pratique-sample-1.2"
            (making / top).mkdir()
            (making / top / "setup.py").write_text(SETUP_PY)
            (making / top / "pratique_sample.py").write_text("VALUE = 1\n")
            (making / top / "PKG-INFO").write_text(
                "Metadata-Version: 2.1\nName: pratique-sample\nVersion: 1.2\nSummary: Changes what it should not\n"
            )
            with tarfile.open(making / f"{top}.tar.gz", "w:gz") as archive:
                archive.add(making / top, top)
            shutil.rmtree(making / top)
    return _only(CACHE / "sdist")


def wheel() -> Path:
    """A pure wheel, built from a project of three lines."""
    with _once("wheel") as making:
        if making is not None:
            (making / "src").mkdir()
            (making / "src" / "pyproject.toml").write_text(
                '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
                '[project]\nname = "pratique-tame"\nversion = "3"\n'
                '[tool.hatch.build.targets.wheel]\ninclude = ["tame.py"]\n'
            )
            (making / "src" / "tame.py").write_text("VALUE = 1\n")
            _run(
                sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(making), str(making / "src")
            )
            shutil.rmtree(making / "src")
    return _only(CACHE / "wheel")


def makeself() -> Path:
    """A makeself archive: installs one program to /opt, and a line to the shell's start-up file beside it."""
    with _once("makeself") as making:
        if making is not None:
            inside = making / "player"
            inside.mkdir()
            (inside / "player").write_text("#!/bin/sh\necho playing\n")
            setup = inside / "setup.sh"
            setup.write_text(
                "#!/bin/sh\nset -e\nmkdir -p /opt/player\ncp player /opt/player/\nchmod 755 /opt/player/player\n"
                "echo 'export PATH=$PATH:/opt/player' >> ~/.bashrc\necho installed\n"
            )
            setup.chmod(0o755)
            _run("makeself", "--quiet", "--nomd5", "player", "player.run", "Free Player 2.1", "./setup.sh", cwd=making)
            shutil.rmtree(inside)
    return _only(CACHE / "makeself")


INSTALLER_C = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int put(const char *path, int flags, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | flags, 0644);
    if (file < 0 || write(file, text, strlen(text)) < 0) { perror(path); return 1; }
    return close(file);
}

int main(void) {
    char path[4096];
    const char *home = getenv("HOME");
    mkdir("/opt/static-sample", 0755);
    if (put("/opt/static-sample/data", O_TRUNC, "data\n")) return 1;
    snprintf(path, sizeof path, "%s/.profile", home ? home : "/root");
    if (put(path, O_APPEND, "# static-sample was here\n")) return 1;
    puts("installed");
    return 0;
}
"""


def _compiled(name: str, *options: str) -> Path:
    with _once(name) as making:
        if making is not None:
            (making / "installer.c").write_text(INSTALLER_C)
            _run("gcc", "-O1", *options, "-o", "installer", "installer.c", cwd=making)
            (making / "installer.c").unlink()
    return _only(CACHE / name)


def static_elf() -> Path:
    """A static program that installs one file and writes to ~/.profile."""
    return _compiled("static-elf", "-static")


def static_pie() -> Path:
    """The same, to be loaded anywhere: by its header it looks like a library."""
    return _compiled("static-pie", "-static-pie", "-fPIE")


def dynamic_elf() -> Path:
    """The same, with the C library of the machine."""
    return _compiled("dynamic-elf")


def script() -> Path:
    """A shell script that installs one program and starts itself with every shell."""
    with _once("script") as making:
        if making is not None:
            file = making / "install.sh"
            file.write_text(
                textwrap.dedent("""\
                    #!/bin/sh
                    set -e
                    mkdir -p "$HOME/.local/bin"
                    printf '#!/bin/sh\\necho tool\\n' > "$HOME/.local/bin/tool"
                    chmod 755 "$HOME/.local/bin/tool"
                    echo 'tool' >> "$HOME/.bashrc"
                    echo installed
                    """)
            )
            file.chmod(0o755)
    return _only(CACHE / "script")


KINDS: dict[str, Callable[[], Path]] = {
    **{name: (lambda name=name: debian(name)) for name in DEBIAN},  # type: ignore[misc]
    **{name: (lambda name=name: npm(name)) for name in NPM},  # type: ignore[misc]
    "sdist": sdist,
    "wheel": wheel,
    "makeself": makeself,
    "static-elf": static_elf,
    "static-pie": static_pie,
    "dynamic-elf": dynamic_elf,
    "script": script,
}


@pytest.fixture
def installer(tmp_path: Path) -> Callable[[str], Path]:
    """A real installer of the kind named (see `KINDS`): a copy of this test's own, executable where it should be."""

    def copy(kind: str) -> Path:
        try:
            original = KINDS[kind]()
        except CannotBuild as error:
            pytest.fail(f"the installer {kind!r} cannot be had: {error}", pytrace=False)
        place = tmp_path / "downloads"
        place.mkdir(exist_ok=True)
        return Path(shutil.copy2(original, place / original.name))

    return copy


@pytest.fixture
def with_dependencies() -> Callable[[str], list[Path]]:
    """The .deb files a Debian package of `DEBIAN` takes here, itself included."""

    def closure(package: str) -> list[Path]:
        try:
            return debian_closure(package)
        except CannotBuild as error:
            pytest.fail(f"{package!r} and what it depends on cannot be had: {error}", pytrace=False)

    return closure


if __name__ == "__main__":
    for kind, make in KINDS.items():
        path = make()
        print(f"{kind:<12} {path.stat().st_size:>9}  {path}")

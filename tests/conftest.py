"""What every test may ask for: the command itself, run for real, with a state of its own."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import reachable

_CLONE_NEWNS, _MS_REC, _MS_PRIVATE = 0x20000, 0x4000, 1 << 18  # linux/sched.h, linux/mount.h

pytest_plugins = ["installers", "signing"]  # found by `pythonpath` in pyproject.toml

ROOT = Path(__file__).resolve().parents[1]
_USERS: list[str] = []  # that were made here for the workers of pytest-xdist


def pytest_configure() -> None:
    """Tests are the same wherever they are started from.

    Whoever started us in the background had Ctrl-C ignored, and every command we try would inherit that; a terminal
    that can do nothing is shown no colours, and breaks no lines.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["TERM"] = "xterm-256color"
    for name in ("COLUMNS", "LINES"):  # pytest-xdist sets them; terminals that tests make have sizes of their own
        os.environ.pop(name, None)
    if "PYTEST_XDIST_WORKER" in os.environ and os.geteuid() == 0:
        _mounts_of_our_own()


def _mounts_of_our_own() -> None:
    """What one process mounts for its tests is not there for the tests of the others."""
    libc = ctypes.CDLL(None, use_errno=True)
    private = _MS_REC | _MS_PRIVATE
    if libc.unshare(_CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, private, None) != 0:
        raise OSError(ctypes.get_errno(), "no mount name space of our own, which tests beside one another need")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever compares the whole disk needs it to itself."""
    for item in items:
        if "host_watch" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Each worker's ordinary user is there before any test and until all are over, as a setting of the machine is."""
    if os.geteuid() == 0:
        name = f"pratique-test-{os.getpid()}-{node.gateway.id}"
        _USERS.append(name)
        _make_user(name)
        node.workerinput["ordinary_user"] = name


def pytest_sessionfinish() -> None:
    while _USERS:
        _remove_user(_USERS.pop())


def _make_user(name: str) -> None:
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", name], check=True, capture_output=True)


def _remove_user(name: str) -> None:
    subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


class Ran(NamedTuple):
    """One finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Pratique = Callable[..., Ran]


@pytest.fixture(autouse=True)
def one_at_a_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of the tests that change the machine, or compare it, one runs at a time, whoever runs them."""
    if request.node.get_closest_marker("machine") is None or os.geteuid() != 0:
        yield
        return
    lock = ROOT / ".cache" / "machine.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory and a configuration of this test alone, for commands and for code called here."""
    place = tmp_path / "pratique-state"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("PRATIQUE_STATE", str(place))
    monkeypatch.setenv("PRATIQUE_CONFIG", str(tmp_path / "pratique-config"))
    return place


@pytest.fixture
def pratique(state: Path, tmp_path: Path) -> Pratique:
    """Run `pratique WORDS...` in a process of its own, with no terminal: returns its exit code and output."""

    def run(*words: str | os.PathLike[str], env: dict[str, str] | None = None, cwd: Path | None = None,
            timeout: float = 240, user: str | None = None, stdin: Any = subprocess.DEVNULL) -> Ran:  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pratique.cli.main", *map(os.fspath, words)],
            env={**os.environ, **(env or {})}, cwd=cwd or tmp_path, stdin=stdin, user=user,
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


class HostWatch:
    """Whether anything on this machine's root file system changed since a moment.

    ctime cannot be set by a program, and a deletion changes its directory's: a walk that finds no newer ctime shows
    that no file came, went or changed. Left out: this checkout, the tests' own temporary directories and caches.
    """

    def __init__(self, *own: Path) -> None:
        self._own = [ROOT, *own]
        self.start()

    def start(self) -> None:
        """From now on."""
        time.sleep(0.02)  # ctime is as coarse as the kernel's tick
        self._since = time.time_ns()

    def changed(self) -> list[str]:
        """Paths changed since; empty when the host is byte for byte as it was."""
        own = {str(path.resolve()) for path in self._own}
        found: list[str] = []
        pending = ["/"]
        device = Path("/").stat().st_dev
        while pending:
            directory = pending.pop()
            try:
                entries = list(os.scandir(directory))
            except (PermissionError, FileNotFoundError, NotADirectoryError):
                continue
            for entry in entries:
                if entry.path in own:
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_dev != device:
                    continue
                if status.st_ctime_ns > self._since:
                    found.append(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
        # A directory that holds one of ours changes with it.
        parents = {str(parent) for path in self._own for parent in path.resolve().parents}
        return [path for path in sorted(found) if path not in parents]


@pytest.fixture
def host_watch(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> HostWatch:
    """Watches the whole root file system; `changed()` says what changed since the last `start()`."""
    return HostWatch(tmp_path, tmp_path_factory.getbasetemp(), ROOT)


class OrdinaryUser(NamedTuple):
    """A person without any rights on this machine, and how to run things as them."""

    name: str
    uid: int
    gid: int
    home: Path

    def pratique(
        self, *words: str | os.PathLike[str], cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> Ran:
        """Run `pratique WORDS...` as this person, with their own state in their home."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": ":".join(reachable.python_path()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: value for name, value in os.environ.items() if name.lower().startswith(("pip_", "npm_config_"))},
            **(env or {}),
        }
        done = subprocess.run(
            [_python_for_all(), "-m", "pratique.cli.main", *map(os.fspath, words)],
            env=environment, cwd=cwd or self.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=240, check=False, user=self.uid, group=self.gid, extra_groups=[],
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def own(self, path: Path) -> Path:
        """Give a file or tree to this person."""
        for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
            os.lchown(each, self.uid, self.gid)
        return path


def _python_for_all() -> str:
    """A Python of this version that every user may run: root's own may lie in root's home."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (os.path.realpath(sys.executable), f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        parents_open = all(parent.stat().st_mode & 0o001 for parent in Path(candidate).parents)
        if os.access(candidate, os.X_OK) and parents_open:
            return candidate
    pytest.fail(f"no {name} that an ordinary user may run: install {name} from the system's packages")


@pytest.fixture(scope="session")
def python_for_all() -> str:
    """Path of a Python that an ordinary user may run."""
    return _python_for_all()


@pytest.fixture(scope="session")
def ordinary_user(request: pytest.FixtureRequest) -> Iterator[OrdinaryUser]:
    """A real user account, made for the tests (which run as root) and removed after them."""
    ready = getattr(request.config, "workerinput", {}).get("ordinary_user", "")
    name = ready or f"pratique-test-{os.getpid()}"
    if not ready:
        _make_user(name)
    try:
        entry = pwd.getpwnam(name)
        yield OrdinaryUser(name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
    finally:
        if not ready:
            _remove_user(name)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "small", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)

"""A machine of the comparison's own, in which tools are given installers to run, and which is looked at afterwards.

It has its own mounts, network, host name and shared memory, a copy of `/etc`, a small disk over the home, and
neighbours: what a person's machine runs that an installer has no business with. So an act that a tool does not hold
happens, and harms nobody. Processes are the real machine's: without kernel threads firejail takes it for a sandbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
HOME_MIB = 192
#: A setting of the whole kernel that matters to nobody: seconds that a lease of a file has to be given back.
SETTING = Path("/proc/sys/fs/lease-break-time")
_PORT = 8100
_STATIC = ("-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie")

_SET_UP = """
set -e
ip link set lo up
mkdir etc
cp -a /etc/. etc/ || cp -a /etc/. etc/  # somebody may be adding an account
[ ! -e etc/firejail ] || echo "$NAME" >>etc/firejail/firejail.users  # who may use it, where not everybody may
echo 'nameserver 127.0.0.1' >etc/resolv.conf.new
mv etc/resolv.conf.new etc/resolv.conf
mount --bind etc /etc
mount -t tmpfs -o mode=0755 none /run
mount -t tmpfs -o mode=1777 none /tmp
mount -t tmpfs -o mode=0700,size=${SIZE}m,uid=$ID,gid=$GROUP none "$PLACE"
mkdir -p "/run/user/$ID"
exec sleep infinity
"""


class Person(NamedTuple):
    """For whom the tools run."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def root(self) -> bool:
        return self.uid == 0


class Ran(NamedTuple):
    """A tool that has ended, and what it and the installer said."""

    code: int
    out: str


class Neighbours(NamedTuple):
    """What was running on the machine before, and must not have been reached."""

    process: subprocess.Popen[bytes]
    heard: Path


class Machine:
    def __init__(self, place: Path, person: Person, holder: int) -> None:
        self.place = place
        self.person = person
        self.holder = holder
        self.home = person.home
        self.downloads = place / "downloads"
        self.bus = f"/run/user/{person.uid}/bus"
        self.agent = "/tmp/ssh-agent-of-the-person/agent"
        self.port = _PORT
        self._setting = SETTING.read_text()

    def seen(self, path: Path | str) -> Path:
        """Where we find what the machine has at this path."""
        return Path(f"/proc/{self.holder}/root{path}")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "USER": self.person.name,
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "SHELL": "/bin/sh",
            "GITHUB_TOKEN": "not-a-token",
            "XDG_RUNTIME_DIR": f"/run/user/{self.person.uid}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.bus}",
            "SSH_AUTH_SOCK": self.agent,
        }

    def words(self, command: list[str], *, user: bool = True) -> list[str]:
        """The command as one that runs in the machine, as the person."""
        inside = [
            "nsenter",
            f"--target={self.holder}",
            "--mount",
            "--net",
            "--ipc",
            "--uts",
            f"--wdns={self.downloads}",
        ]
        who = [f"--reuid={self.person.uid}", f"--regid={self.person.gid}", "--clear-groups"]
        return [*inside, "--", *(["setpriv", *who, "--"] if user and not self.person.root else []), *command]

    def run(self, command: list[str], env: dict[str, str] | None = None, timeout: float = 180) -> Ran:
        done = subprocess.run(
            self.words(command), env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout)

    def script(self, name: str, text: str) -> str:
        """An installer among the downloads."""
        file = self.downloads / name
        file.write_text(text)
        file.chmod(0o755)
        return str(file)

    def at_terminal(self, command: list[str], env: dict[str, str] | None = None) -> bytes:
        """Run at a terminal; returns what stands typed in it afterwards, as if by the person."""
        master, slave = pty.openpty()
        typed = self.place / "typed"
        shutil.copy(HERE / "terminal.py", self.place / "terminal.py")
        drain = threading.Thread(target=_drain, args=(master,), daemon=True)
        drain.start()
        # As the person, so that the terminal is theirs, as it is when they log in.
        os.fchown(slave, self.person.uid, self.person.gid)
        words = ["/usr/bin/python3", str(self.place / "terminal.py"), *self.words(command)]
        done = subprocess.run(
            words, env={**self.environment, **(env or {})}, cwd=self.place, stdin=slave, stdout=slave,
            stderr=subprocess.PIPE, timeout=120, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        assert done.returncode == 0, done.stderr
        return typed.read_bytes()

    @contextlib.contextmanager
    def neighbours(self) -> Iterator[Neighbours]:
        """Servers of the person's and of the machine, and one more process, while an installer runs."""
        heard = self.place / "heard"
        heard.unlink(missing_ok=True)
        shutil.copy(HERE / "neighbours.py", self.place / "neighbours.py")
        self.seen(Path(self.agent).parent).mkdir(exist_ok=True)
        for path in (self.bus, self.agent):
            self.seen(path).unlink(missing_ok=True)
        words = [
            "/usr/bin/python3",
            str(self.place / "neighbours.py"),
            str(heard),
            str(self.port),
            self.bus,
            self.agent,
        ]
        servers = subprocess.Popen(self.words(words, user=False), stdout=subprocess.PIPE)
        process = subprocess.Popen(self.words(["sleep", "600"]), env={"PATH": "/usr/bin:/bin"})
        try:
            assert servers.stdout is not None
            assert servers.stdout.readline().strip() == b"ready"
            yield Neighbours(process, heard)
        finally:
            for one in (servers, process):
                one.kill()
                one.wait()

    @contextlib.contextmanager
    def least_room(self) -> Iterator[list[int]]:
        """The least room, in MiB, that was ever left on the home's disk meanwhile: the list's only item, at the end."""
        least, over = [HOME_MIB], threading.Event()

        def look() -> None:
            while not over.is_set():
                status = os.statvfs(self.seen(self.home))
                least[0] = min(least[0], status.f_bavail * status.f_frsize >> 20)
                time.sleep(0.002)

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield least
        finally:
            over.set()
            looking.join()

    def restore(self) -> None:
        """Take away what got through, so that the next question finds what the first one did."""
        self.seen("/etc/pratique-comparison.conf").unlink(missing_ok=True)
        self.seen(self.home / ".bashrc").write_text("# mine\n")
        while "/mnt" in self.mounted():
            subprocess.run(self.words(["umount", "/mnt"], user=False), check=True)
        SETTING.write_text(self._setting)

    def mounted(self) -> set[str]:
        """Where something is mounted."""
        return {line.split()[4] for line in Path(f"/proc/{self.holder}/mountinfo").read_text().splitlines()}

    def tree(self, top: Path) -> dict[str, tuple[object, ...]]:
        """Every path below, with content, mode, owner and times."""
        found: dict[str, tuple[object, ...]] = {}
        outside = self.seen(top)
        for directory, names, files in os.walk(outside):
            if top == self.home and directory == str(outside):
                names[:] = [name for name in names if name != ".pratique"]
            for name in (".", *files):
                path = Path(directory, name)
                status = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                # The top's own time changes whenever a state directory is put in it.
                when = status.st_mtime_ns if path != outside else 0
                key = str(path.relative_to(outside))
                found[key] = (content, status.st_mode, status.st_uid, status.st_gid, when)
        return found


@contextlib.contextmanager
def disk(place: Path) -> Iterator[tuple[int, int]]:
    """The numbers of a disk of this machine's: a file's, because not every machine lets root read its own."""
    image = place / "disk"
    image.write_bytes(b"\0" * 65536)
    attached = subprocess.run(
        ["losetup", "--find", "--show", "--read-only", image], capture_output=True, text=True, check=True
    )
    device = attached.stdout.strip()
    try:
        number = Path(device).stat().st_rdev
        yield os.major(number), os.minor(number)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def _build(place: Path) -> None:
    for name, words in (
        ("acts", (HERE / "acts.c",)),
        ("acts-static", ("-static", HERE / "acts.c")),
        ("acts-i386", ("-m32", *_STATIC, HERE / "i386.c")),
    ):
        done = subprocess.run(["gcc", "-o", place / name, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def machine(person: Person) -> Iterator[Machine]:
    """A new one, gone afterwards. In /opt, because firejail puts file systems of its own over /tmp and /var/tmp."""
    place = Path(tempfile.mkdtemp(prefix="pratique-comparison-", dir="/opt"))
    place.chmod(0o755)
    words = {"NAME": person.name, "ID": str(person.uid), "GROUP": str(person.gid), "SIZE": str(HOME_MIB),
             "PLACE": str(person.home)}  # fmt: skip
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "--net", "--ipc", "--uts", "sh", "-c", _SET_UP],
        cwd=place, env={**os.environ, **words}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    one = Machine(place, person, holder.pid)
    try:
        one.downloads.mkdir()
        _build(one.downloads)
        shutil.copyfile("/usr/bin/id", one.downloads / "id-setuid")
        (one.downloads / "id-setuid").chmod(0o4755)
        _until_set_up(holder)
        for path, text in (
            (".bashrc", "# mine\n"),
            (".profile", "# mine, too\n"),
            (".ssh/id_ed25519", "PRIVATE\n"),
            ("notes", "mine\n"),
        ):
            file = one.seen(one.home / path)
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.write_text(text)
        for file in (one.seen(one.home), *one.seen(one.home).rglob("*"), one.seen(f"/run/user/{person.uid}")):
            os.chown(file, person.uid, person.gid)
        yield one
    finally:
        if holder.poll() is None:
            one.restore()
        holder.kill()
        holder.wait()
        shutil.rmtree(place)


def _until_set_up(holder: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/proc/{holder.pid}/comm").read_text() != "sleep\n":
        if holder.poll() is not None or time.monotonic() > deadline:
            assert holder.stderr is not None
            raise AssertionError(f"no machine of its own: {os.read(holder.stderr.fileno(), 4096).decode()}")
        time.sleep(0.01)


def plain(text: str) -> str:
    """Without what colours it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

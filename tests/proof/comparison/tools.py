"""The tools that are compared, each as it is best set up for an unknown installer, and what each one tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import reachable
from proof.comparison.machine import Machine, Ran, plain

from pratique.recording import read

#: Debian package -> its program. The versions are the page's.
PACKAGES = {"strace": "strace", "firejail": "firejail", "bubblewrap": "bwrap"}
#: What changes or tells something, in strace's words: with it `--seccomp-bpf` lets the rest run at full speed.
CHANGES = "%file,%process,%network,write,kill,tgkill,mount,umount2,ptrace,fchmod,fchown,ftruncate,fsetxattr"
#: Bounds for the tools that take one.
PROCESSES = 2000
HOME_SIZE = 64 << 20


def missing() -> list[str]:
    return [package for package, program in PACKAGES.items() if shutil.which(program) is None]


def version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d[\w.]*", said)
    assert found, said
    return found.group()


class Tool:
    """One tool on one machine. `run` gives an installer to it; `told` is all that it then says of what happened."""

    name = ""
    package = ""
    #: Whether another directory can be given instead of the home (`aside`), and kept.
    keeps_aside = False

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.log = machine.place / f"log-of-{type(self).__name__.lower()}"
        self.log.mkdir(exist_ok=True)
        self.log.chmod(0o777)

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def run(self, *installer: str, aside: Path | None = None) -> Ran:
        for file in self.log.iterdir():
            file.unlink()
        return self.machine.run(self.words(list(installer), aside), self.environment())

    def at_terminal(self, *installer: str) -> bytes:
        return self.machine.at_terminal(self.words(list(installer)), self.environment())

    def start(self, *installer: str) -> subprocess.Popen[bytes]:
        """Run it in a process group of its own, to be killed."""
        return self._start(self.words(list(installer)))

    def _start(self, words: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.machine.words(words), env={**self.machine.environment, **self.environment()},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
        )  # fmt: skip

    def told(self) -> str:
        """Line by line, in the tool's order."""
        return "\n".join(file.read_text(errors="replace") for file in sorted(self.log.iterdir()))

    def shown(self) -> str:
        """The command, as the page has it."""
        words = self.words(["INSTALLER"], None)
        return " ".join(words).replace(str(self.machine.home), "~").replace(f"{self.log}/", "")


class Nothing(Tool):
    """No tool at all: what shows that an act which was held would otherwise have happened."""

    name = "nothing"

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        return installer


class Strace(Tool):
    name = "strace -f"
    package = "strace"

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        return ["strace", "-f", "-y", "-s", "4096", "-o", f"{self.log}/log", *installer]


class StraceFiltered(Strace):
    name = "strace --seccomp-bpf"

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        filtered = ["strace", "-f", "--seccomp-bpf", "-y", "-s", "4096", "-e", f"trace={CHANGES}"]
        return [*filtered, "-o", f"{self.log}/log", *installer]


class Firejail(Tool):
    name = package = "firejail"
    keeps_aside = True

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        return [
            "firejail", "--private" if aside is None else f"--private={aside}", "--private-tmp", "--private-dev",
            "--net=none", "--seccomp", "--caps.drop=all", "--nonewprivs", "--restrict-namespaces", "--nogroups",
            f"--rlimit-nproc={PROCESSES}",
            "--dbus-user=none", "--dbus-system=none", f"--trace={self.log}/log", *installer,
        ]  # fmt: skip


class Bubblewrap(Tool):
    name = package = "bubblewrap"
    keeps_aside = True

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        home = str(self.machine.home)
        return [
            "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
            "--ro-bind", "/proc/sys", "/proc/sys", "--tmpfs", "/tmp", "--tmpfs", "/run",
            *(["--size", str(HOME_SIZE), "--tmpfs", home] if aside is None else ["--bind", str(aside), home]),
            "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session",
            "--die-with-parent", *installer,
        ]  # fmt: skip


class Pratique(Tool):
    name = "Pratique"

    def words(self, installer: list[str], aside: Path | None = None) -> list[str]:
        keep = ["--record", f"{self.log}/recording", f"--json={self.log}/report"]
        return [*self.command(), "run", "--refuse", *keep, *installer]

    def command(self) -> list[str]:
        # The system's Python: our own may lie in the home that the machine's lies over.
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        python = shutil.which(name, path="/usr/local/bin:/usr/bin")
        assert python, f"no {name} outside every home: install {name} from the system's packages"
        return [python, "-m", "pratique.cli.main"]

    def environment(self) -> dict[str, str]:
        state = str(self.machine.home / ".pratique")
        return {
            "PRATIQUE_STATE": state, "PRATIQUE_CONFIG": f"{state}-config", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": ":".join(reachable.python_path()),
        }  # fmt: skip

    def do(self, *words: str) -> Ran:
        """Another of its commands."""
        return self.machine.run([*self.command(), *words], self.environment())

    def start(self, *installer: str) -> subprocess.Popen[bytes]:
        """To be killed while it installs."""
        return self._start([*self.command(), "run", "--install", *installer])

    def report(self) -> Any:
        return json.loads((self.log / "report").read_text())

    def told(self) -> str:
        """The recording: an event a line with who did it, then the changes and processes of the report."""
        kept = read(self.log / "recording")
        programs = {one.id: " ".join((one.program, *one.arguments)) for one in kept.processes}
        lines = []
        for event in kept.events:
            fields = " ".join(f"{name}={value}" for name, value in event.fields.items())
            lines.append(f"{event.kind} {fields} by [{programs.get(event.process, '?')}] of {event.component}")
        report = self.report()
        lines += [f"effect {json.dumps(effect)}" for effect in report["effects"]]
        return plain("\n".join(line.replace("\n", "\\n") for line in lines))

    def shown(self) -> str:
        return "pratique run --refuse --record FILE --json=FILE INSTALLER"


TOOLS: tuple[type[Tool], ...] = (Pratique, Strace, Firejail, Bubblewrap)

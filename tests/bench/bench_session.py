"""What being watched costs: wall time of programs in a session against bare, strace and the bare mechanism.

Each round runs every way once, one after another, so that all of them see the same machine; medians of the ratios to
bare in the same round. The time is the program's own, from its first command to its last: set-up and tear-down are
measured apart, and so is putting the outcome on the disk against `cp -a`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "5"))
PYTHON = "/usr/bin/python3"
FLOOR = (sys.executable, str(Path(__file__).with_name("floor.py")))
#: What a session asks about, in strace's words.
TRACED = "%file,%process,%network,fchmod,fchown,ftruncate,fsetxattr,kill,tgkill,mount,umount2,ptrace"

_WRITE = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char name[64];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "written/%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0644);
        if (fd < 0 || write(fd, name, 16) != 16) return 1;
        close(fd);
    }
    return 0;
}
"""
_SETUP = "from setuptools import setup\nsetup(name='benched', version='1', py_modules=['benched'])\n"


def material(place: Path) -> dict[str, str]:
    """What the programs need, made once; each program as lines for sh."""
    (place / "write.c").write_text(_WRITE)
    subprocess.run(["gcc", "-O2", "-o", "write", "write.c"], cwd=place, check=True)
    tree = place / "tree"
    for number in range(5000):
        file = tree / f"d{number // 50}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{number}\n" * 40)
    with tarfile.open(place / "tree.tar", "w") as archive:
        archive.add(tree, "tree")
    source = place / "benched"
    source.mkdir()
    (source / "setup.py").write_text(_SETUP)
    (source / "benched.py").write_text("value = 1\n")
    package = place / "package"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN" / "control").write_text(
        "Package: benched\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: a load\n"
    )
    for script in ("preinst", "postinst"):
        file = package / "DEBIAN" / script
        file.write_text('#!/bin/sh\nset -e\nfor i in 1 2 3 4 5; do echo "$i" >> "$DPKG_ROOT/log"; done\n')
        file.chmod(0o755)
    shutil.copytree(tree, package / "opt" / "benched" / "tree", ignore=lambda _, names: names[40:])
    subprocess.run(
        ["dpkg-deb", "-Znone", "-b", str(package), "benched.deb"], cwd=place, check=True, capture_output=True
    )
    admin = place / "empty" / "var" / "lib" / "dpkg"
    for name in ("info", "updates", "triggers"):
        (admin / name).mkdir(parents=True)
    (admin / "status").touch()
    sources = place / "sources"
    sources.mkdir()
    for number in range(100):
        body = "\n".join(f"int f{number}_{i}(int x) {{ return x * {i} + {number}; }}" for i in range(60))
        (sources / f"s{number}.c").write_text(f"#include <stdio.h>\n#include <stdlib.h>\n{body}\n")
    (sources / "Makefile").write_text("all: $(patsubst %.c,%.o,$(wildcard *.c))\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n")
    pip = f"{PYTHON} -m pip install -q --no-index --no-build-isolation --no-deps --target site ./benched"
    return {
        "write 2,000 files": "mkdir written; ./write",
        "unpack 5,000 files": "mkdir out; tar -xf tree.tar -C out",
        "pip install of an sdist": f"{pip} 2>/dev/null",
        "install a .deb with scripts": "cp -a empty root; "
        "dpkg --root=$PWD/root --force-script-chrootless --force-not-root --log=/dev/null -i benched.deb >/dev/null",
        "200 fork+exec": "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done",
        "gcc build of 100 files": "make -s -C sources",
    }  # fmt: skip


def ways(place: Path) -> dict[str, Callable[[Path], list[str]]]:
    log = str(place / "strace.log")
    pratique = [sys.executable, "-m", "pratique.cli.main", "run", "--refuse"]
    return {
        "bare": lambda script: [str(script)],
        "session": lambda script: [*pratique, str(script)],
        "floor": lambda script: [*FLOOR, str(script)],
        "strace -f": lambda script: ["strace", "-f", "-o", log, str(script)],
        "strace --seccomp-bpf": lambda script: [
            "strace", "-f", "--seccomp-bpf", "-e", f"trace={TRACED}", "-o", log, str(script)
        ],
    }  # fmt: skip


def once(command: list[str], place: Path, stamps: str, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds the program took, and the whole command."""
    for left in ("written", "out", "site", "root", "benched/build", "benched/benched.egg-info"):
        shutil.rmtree(place / left, ignore_errors=True)
    for left in (place / "sources").glob("*.o"):
        left.unlink()
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    whole = time.monotonic() - started
    times = [float(line.split()[1]) for line in (done.stdout + done.stderr).splitlines() if line.startswith(stamps)]
    if len(times) != 2:
        raise SystemExit(f"{command}: it did not come to its end\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return times[1] - times[0], whole


def watching(place: Path, environment: dict[str, str]) -> None:
    programs = material(place)
    asked = ways(place)
    if not shutil.which("strace"):
        print("strace is not installed (apt-get install strace): its columns are missing")
        asked = {name: way for name, way in asked.items() if not name.startswith("strace")}
    columns = list(asked)[1:]
    print(f"{'program':<28} {'bare s':>8} " + " ".join(f"{name:>21}" for name in columns) + f" {'session/floor':>14}")
    for name, lines in programs.items():
        script = place / "program.sh"
        script.write_text(f"#!/bin/sh\nset -e\necho stamp $(date +%s.%N)\n{lines}\necho stamp $(date +%s.%N)\n")
        script.chmod(0o755)
        taken: dict[str, list[float]] = {way: [] for way in asked}
        for _ in range(ROUNDS):
            for way, command in asked.items():
                taken[way].append(once(command(script), place, "stamp ", environment)[0])
        ratios = {
            way: statistics.median(one / bare for one, bare in zip(taken[way], taken["bare"], strict=True))
            for way in columns
        }
        cells = " ".join(f"{statistics.median(taken[way]):>12.3f} ({ratios[way]:>4.2f} x)" for way in columns)
        over = ratios["session"] / ratios["floor"]
        print(f"{name:<28} {statistics.median(taken['bare']):>8.3f} {cells} {over:>12.2f} x", flush=True)


def around(place: Path) -> None:
    """Set-up and tear-down of a session in which nothing happens."""
    from pratique.sandbox.quarantine import Quarantine
    from pratique.sandbox.spec import Spec

    times = []
    for number in range(11):
        started = time.monotonic()
        spec = Spec(id=f"b{number}", place=place / "sessions" / str(number), command=("/bin/true",), directory="/")
        with Quarantine(spec) as quarantine:
            quarantine.run()
            list(quarantine.calls())
            quarantine.effects()
        times.append(time.monotonic() - started)
    print(f"\nset-up, /bin/true, effects, tear-down: {statistics.median(times) * 1000:.0f} ms (aim: 250)")


def main() -> None:
    # On the disk, as an installer's files are: /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix="pratique-bench-", dir="/var/tmp") as name:
        place = Path(name)
        environment = {**os.environ, "PRATIQUE_STATE": str(place / "state"), "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ["PRATIQUE_STATE"] = environment["PRATIQUE_STATE"]
        around(place)
        watching(place, environment)


if __name__ == "__main__":
    main()

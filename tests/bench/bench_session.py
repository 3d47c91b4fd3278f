"""What being watched costs: wall time of programs in a session against bare, strace and the bare mechanism.

Each round runs every way once, one after another and each on a new disk, so that all of them see the same machine;
medians of the ratios to bare in the same round. The time is the program's own, from its first command to its last:
set-up and tear-down are measured apart, and so is putting the outcome on the disk (`bench_commit`).
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
from pathlib import Path

import disk

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
        "write 2,000 files": f"mkdir written; {place}/write",
        "unpack 5,000 files": f"mkdir out; tar -xf {place}/tree.tar -C out",
        "pip install of an sdist": f"cp -r {place}/benched .; {pip} 2>/dev/null",
        "install a .deb with scripts": f"cp -a {place}/empty root; "
        "dpkg --root=$PWD/root --force-script-chrootless --force-not-root --log=/dev/null "
        f"-i {place}/benched.deb >/dev/null",
        "200 fork+exec": "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done",
        "gcc build of 100 files": f"cp -r {place}/sources .; make -s -C sources",
    }


def ways() -> dict[str, list[str]]:
    """What is put before the program; it runs on a disk of its own."""
    return {
        "bare": [],
        "session": [sys.executable, "-m", "pratique.cli.main", "run", "--refuse"],
        "floor": [*FLOOR],
        "strace -f": ["strace", "-f", "-o", "strace.log"],
        "strace --seccomp-bpf": ["strace", "-f", "--seccomp-bpf", "-e", f"trace={TRACED}", "-o", "strace.log"],
    }


def once(before: list[str], lines: str, place: Path) -> float:
    """Seconds the program took by its own clock, from its first command to its last."""
    with disk.fresh(place) as at:
        script = at / "program.sh"
        script.write_text(f"#!/bin/sh\nset -e\necho stamp $(date +%s.%N)\n{lines}\necho stamp $(date +%s.%N)\n")
        script.chmod(0o755)
        (at / "tmp").mkdir()
        environment = {
            **os.environ, "PRATIQUE_STATE": str(at / "state"), "TMPDIR": str(at / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"
        }  # fmt: skip
        done = subprocess.run(
            [*before, str(script)],
            cwd=at, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    times = [float(line.split()[1]) for line in (done.stdout + done.stderr).splitlines() if line.startswith("stamp ")]
    if len(times) != 2:
        raise SystemExit(f"{before}: it did not come to its end\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return times[1] - times[0]


def watching(place: Path) -> None:
    programs = material(place)
    asked = ways()
    columns = list(asked)[1:]
    print(f"{'program':<28} {'bare s':>8} " + " ".join(f"{name:>21}" for name in columns) + f" {'session/floor':>14}")
    for name, lines in programs.items():
        taken: dict[str, list[float]] = {way: [] for way in asked}
        for _ in range(ROUNDS):
            for way, before in asked.items():
                taken[way].append(once(before, lines, place))
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
        os.environ["PRATIQUE_STATE"] = f"{name}/state"
        around(Path(name))
        watching(Path(name))


if __name__ == "__main__":
    main()

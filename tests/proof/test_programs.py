"""Programs of every make do known things in a whole run: each is in the recording, once, by who did it."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import installers
import pytest

from pratique.events import Event
from pratique.recording import read

pytestmark = pytest.mark.root

SOURCES: Final = Path(__file__).resolve().parents[1] / "sandbox" / "calls" / "programs"
BARE: Final = ("-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie")

#: Every change `acts.c` makes, in order: kind and path.
ACTS: Final = (
    ("file.create", "d"), ("file.create", "d/a"), ("file.write", "d/a"), ("file.mode", "d/a"), ("file.write", "d/a"),
    ("file.rename", "d/a"), ("file.create", "d/c"), ("file.write", "d/c"), ("file.create", "d/l"),
    ("file.write", "d/b"), ("file.mode", "d/b"), ("file.write", "d/b"), ("file.delete", "d/c"), ("file.create", "d/p"),
    ("file.owner", "d/l"), ("file.create", "o"), ("file.write", "o"), ("file.create", "last"), ("file.write", "last"),
)  # fmt: skip
RAW: Final = (
    ("file.create", "thread"), ("file.create", "thread/file"), ("file.write", "thread/file"), ("file.create", "main"),
    ("file.write", "main"),
)  # fmt: skip


def _forks(number: int) -> tuple[tuple[str, str], ...]:
    return tuple((kind, f"f{child}") for child in range(number) for kind in ("file.create", "file.write"))


def _threads(number: int) -> tuple[tuple[str, str], ...]:
    names = [f"t{thread}-{file}" for thread in range(number) for file in range(20)]
    return tuple((kind, name) for name in names for kind in ("file.create", "file.write"))


#: Sixteen threads that goroutines are bound to, each writes a file; the last runs a program eight times.
GO: Final = """package main

import ("fmt"; "os"; "os/exec"; "runtime"; "sync")

func main() {
    var all sync.WaitGroup
    for i := 0; i < 16; i++ {
        all.Add(1)
        go func(i int) {
            defer all.Done()
            runtime.LockOSThread()
            if err := os.WriteFile(fmt.Sprintf("g%d", i), []byte("x"), 0644); err != nil { panic(err) }
        }(i)
    }
    all.Wait()
    for i := 0; i < 8; i++ {
        if err := exec.Command("/bin/true").Run(); err != nil { panic(err) }
    }
}
"""
#: 64 at a time: each waits at a pipe until all are there.
PARALLEL: Final = """#!/bin/sh
set -e
mkfifo gate
numbers=$(seq 64)
for i in $numbers; do
    (mkdir p$i; read line < gate; echo x > p$i/a; cp p$i/a p$i/b) &
done
for i in $numbers; do
    until [ -d p$i ]; do :; done
done
exec 3> gate
seq 64 >&3
wait
"""


class Made(NamedTuple):
    """`executed`: how often it runs which programs, its own first."""

    name: str
    build: tuple[str, ...]  # compiler and flags; the source is the last
    acts: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ()
    executed: tuple[int, ...] = (1,)
    ordered: bool = False
    mode: int = 0o755
    user: bool = False


CROWD: Final = ("gcc", "-pthread", "crowd.c")
DAEMON: Final = (("file.create", "daemon"), ("file.write", "daemon"))
GO_ACTS: Final = tuple((kind, f"g{i}") for i in range(16) for kind in ("file.create", "file.write"))
PARALLEL_ACTS: Final = (
    ("file.create", "gate"), ("file.write", "gate"),
    *(("file.create", f"p{i}") for i in range(1, 65)),
    *((kind, f"p{i}/{name}") for i in range(1, 65) for kind in ("file.create", "file.write") for name in "ab"),
)  # fmt: skip

ALL: Final = (
    Made("dynamic", ("gcc", "acts.c"), ACTS, executed=(2,), ordered=True),
    Made("static", ("gcc", "-static", "acts.c"), ACTS, executed=(2,), ordered=True),
    Made("musl", ("musl-gcc", "-static", "acts.c"), ACTS, executed=(2,), ordered=True),
    Made("musl, by a user", ("musl-gcc", "-static", "acts.c"), ACTS, executed=(2,), ordered=True, user=True),
    Made("no C library, raw threads", ("gcc", *BARE, "raw.c"), RAW, ordered=True),
    Made("setuid, by a user", ("gcc", "acts.c"), ACTS, executed=(2,), ordered=True, mode=0o4755, user=True),
    Made("daemon", CROWD, DAEMON, ("daemon",)),
    Made("200 children", CROWD, _forks(200), ("forks", "200"), (1, 200)),
    Made("64 threads", CROWD, _threads(64), ("threads", "64")),
    Made("64 processes", (), PARALLEL_ACTS, executed=(1, 64, 64)),
    Made("64 processes, by a user", (), PARALLEL_ACTS, executed=(1, 64, 64), user=True),
    Made("Go", ("go",), GO_ACTS, executed=(1, 8)),
)
QUICK: Final = ("musl, by a user", "no C library, raw threads", "setuid, by a user", "daemon", "64 processes")


def _go(place: Path) -> Path:
    """The compiler, unpacked from its Debian packages: hundreds of megabytes that nothing else here needs."""
    for package in ("golang-1.19-go", "golang-1.19-src"):
        subprocess.run(["dpkg", "-x", installers.debian(package), place / "go"], check=True)
    return place / "go" / "usr" / "lib" / "go-1.19"


def _build(made: Made, place: Path) -> Path:
    program = place / "installer"
    if not made.build:
        program.write_text(PARALLEL)
    elif made.build == ("go",):
        (place / "main.go").write_text(GO)
        root = _go(place)
        env = {**os.environ, "GOROOT": str(root), "CGO_ENABLED": "0", "GO111MODULE": "off", "GOCACHE": str(place / "c")}
        subprocess.run([root / "bin" / "go", "build", "-o", program, place / "main.go"], env=env, check=True)
    else:
        compiler, *flags, source = made.build
        if shutil.which(compiler) is None:
            pytest.fail(f"{compiler} is missing: .ci/setup installs it")
        subprocess.run([compiler, *flags, "-O1", "-w", "-o", program, SOURCES / source], check=True)
    program.chmod(made.mode)
    return program


def check(made: Made, pratique: Callable[..., Any], ordinary_user: Any, tmp_path: Path) -> tuple[Any, ...]:
    """Run it, hold the recording to what it is known to do; a row of the table."""
    place = tmp_path / "place"
    if made.user:
        place = ordinary_user.home / f"place-{made.name.partition(',')[0].replace(' ', '-')}"
    there = place / "there"
    there.mkdir(parents=True)
    program = _build(made, place)
    run = pratique
    if made.user:
        run = ordinary_user.pratique
        ordinary_user.own(place)
        if made.mode & 0o4000:
            os.chown(program, 0, 0)
        program.chmod(made.mode)
    started = time.monotonic()
    ran = run(
        "run", "--refuse", "--json", "--timeout", "60", "--record", place / "recording", program, *made.words, cwd=there
    )
    took = time.monotonic() - started
    assert ran.code in (10, 11), ran.err
    report = ran.json
    assert report["installer_exit_status"] == 0
    assert list(there.iterdir()) == []
    kept = read(place / "recording")

    log = [event for event in kept.events if "syscalls" in event.observer]
    acts = [act for act in told(log, there) if act[1] != "gate" or made.build]
    known = [act for act in made.acts if act[1] != "gate"]
    found, wanted = collections.Counter(acts), collections.Counter(known)
    assert (wanted - found, found - wanted) == ({}, {})
    assert acts == known or not made.ordered
    executed = collections.Counter(event.fields["path"] for event in log if event.kind == "process.exec")
    # The program that is started is named by what the kernel runs: a script's interpreter.
    assert executed.pop(str(program) if made.build else os.path.realpath("/bin/sh")) == made.executed[0]
    several = sorted(times for times in executed.values() if times > 2)  # without what the script waits with
    assert several == sorted(made.executed[1:]), executed
    # Nothing is told of that is not there, and all that is there is told of.
    left = {path for kind, path in known if kind == "file.create"}
    if ("file.rename", "d/a") in known:
        left = left - {"d/a", "d/c"} | {"d/b"}
    effects = {effect.path.removeprefix(f"{there}/") for effect in kept.effects if effect.path.startswith(f"{there}/")}
    assert effects - {"gate"} == left
    # Whose doing it was.
    processes = {process.id: process for process in kept.processes}
    assert {effect.component for effect in kept.effects if effect.path.startswith(f"{there}/")} == {"installer"}
    assert all(processes[event.process].component == "installer" for event in log)
    who = "an ordinary user" if made.user else "root"
    in_the_log = len(acts) + made.executed[0] + sum(executed[path] for path in executed)
    return made.name, who, len(known) + sum(made.executed), in_the_log, len(processes), took


def told(log: list[Event], top: Path) -> list[tuple[str, str]]:
    """What was done below a directory, in order."""
    below = f"{top}/"
    return [
        (event.kind, str(event.fields["path"]).removeprefix(below))
        for event in log
        if event.kind.startswith("file.") and str(event.fields.get("path", "")).startswith(below)
    ]


@pytest.mark.parametrize("name", QUICK)
def test_all_it_does_is_in_the_recording(name, pratique, ordinary_user, tmp_path):
    check(next(made for made in ALL if made.name == name), pratique, ordinary_user, tmp_path)


@pytest.mark.proof
@pytest.mark.parametrize("made", ALL, ids=[made.name for made in ALL])
def test_all_that_all_do_is_in_the_recording(made, pratique, ordinary_user, tmp_path, results):
    results.add("programs", *check(made, pratique, ordinary_user, tmp_path))

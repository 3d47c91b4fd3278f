"""SIGKILL at each step, of each process of ours: nothing runs or is mounted afterwards, and the next command clears up.

The command is stopped at a step by a wrapper around the function that begins it, so that the moment is exact; what is
killed and what is left are real.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from run.conftest import Scene, survivors

from pratique.run.claimed import clear_up
from pratique.sandbox import cgroups

pytestmark = pytest.mark.root

#: Step -> where it begins, and which of our processes there are by then.
STEPS = {
    "laying out the place": ("quarantine.Quarantine._prepare", ("controller",)),
    "making name spaces": ("keeper._make_namespaces", ("controller", "keeper")),
    "process 1 begins": ("keeper.be_process_1", ("controller", "keeper", "first")),
    "mounting": ("furnish.dev", ("controller", "keeper", "first")),
    "stepping in": ("linux.pivot_root_here", ("controller", "keeper", "first")),
    "becoming the user": ("privileges.become", ("controller", "keeper", "first")),
    "running": ("conduct.Conductor._drain", ("controller", "keeper", "first")),
    "reading what changed": ("quarantine.read_effects", ("controller",)),
    "throwing it away": ("quarantine.Quarantine.discard", ("controller",)),
}

DRIVER = """
import os, sys
from pratique.sandbox import conduct, furnish, linux, privileges, quarantine
from pratique.sandbox.inside import keeper
say, go, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(".")
holder, name = globals()[place[0]], place[-1]
for inner in place[1:-1]:
    holder = getattr(holder, inner)
original, close_all_but = getattr(holder, name), keeper.close_all_but
def stopped(*arguments, **settings):
    if not os.get_inheritable(go):
        return original(*arguments, **settings)
    os.set_inheritable(go, False)  # once in each process
    os.write(say, b"x")
    os.read(go, 1)
    return original(*arguments, **settings)
setattr(holder, name, stopped)
keeper.close_all_but = lambda *kept: close_all_but(*kept, say, go)
from pratique.cli.main import main
sys.argv = ["pratique", *sys.argv[4:]]
sys.exit(main())
"""


class Stopped(NamedTuple):
    """A command that waits at a step, and its processes by their duty."""

    command: subprocess.Popen[str]
    processes: dict[str, psutil.Process]


@contextlib.contextmanager
def stopped(scene: Scene, place: str, *words: str | os.PathLike[str]) -> Iterator[Stopped]:
    """The command at that step. Leaving the block lets whoever is stopped there, and lives, go on."""
    said, say = os.pipe()
    wait, go = os.pipe()
    command = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(say), str(wait), place, *map(os.fspath, words)],
        env={**os.environ, **scene.environment}, cwd=scene.downloads, stdin=subprocess.DEVNULL, pass_fds=(say, wait),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        os.close(say)
        os.close(wait)
        assert select.select([said], [], [], 60)[0], "the step was not reached"
        assert os.read(said, 1) == b"x", command.communicate()[0]
        yield Stopped(command, _by_duty(command.pid))
    except BaseException:
        command.kill()
        raise
    finally:
        os.close(go)
        os.close(said)
        command.stdout.close() if command.poll() is not None else None


def _by_duty(pid: int) -> dict[str, psutil.Process]:
    controller = psutil.Process(pid)
    found = {"controller": controller}
    for child in controller.children(recursive=True):
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except OSError:
            continue  # one of the short ones that setting up takes
        inside = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        if len(inside) > 1 and inside[-1] == "1":
            found |= {"first": child, "keeper": child.parent()}
    if "keeper" not in found and controller.children():
        found["keeper"] = controller.children()[0]
    return found


def groups() -> list[str]:
    return [str(path) for parent in cgroups.parents() for path in parent.directory.glob("pratique-*")]


def of(scene: Scene, before: list[str]) -> list[str]:
    """Groups made since that belong to this test's sessions; others on the machine have theirs."""
    ids = {path.name.split(".")[0] for path in (scene.state / "sessions").iterdir()}
    return [path for path in groups() if path not in before and path.split("pratique-")[-1].split("-")[0] in ids]


@pytest.mark.parametrize(("step", "victim"), [(step, who) for step, (_, all_of) in STEPS.items() for who in all_of])
def test_nothing_runs_or_is_mounted_afterwards(scene, step, victim):
    script = scene.script("echo running", "touch ~/made", "exec sleep 3600")
    before = groups()
    timeout = () if step == "running" else ("--timeout", "1")
    with stopped(scene, STEPS[step][0], "run", "--refuse", *timeout, script) as it:
        assert victim in it.processes, f"there was no {victim} at this step"
        it.processes[victim].kill()
        if victim != "controller":
            gone_by(it.processes[victim])
    said, _ = it.command.communicate(timeout=60)
    assert survivors() == []
    assert scene.mounts() == []
    assert "Traceback" not in said
    if victim != "controller":
        assert it.command.returncode in (4, 6, 7, 11), said
        assert scene.left() == [], "the command lived, and should have cleared up itself"
    else:
        clear_up()
        assert of(scene, before) == []
        assert list((scene.state / "sessions").iterdir()) == []
    assert not (scene.home / "made").exists()


def gone_by(process: psutil.Process) -> None:
    """Until it has ended, as whoever waits for it would see."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(psutil.NoSuchProcess):  # between being asked for and telling
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_the_next_command_clears_up_and_leaves_alone_what_runs(scene):
    script = scene.script("echo running", "touch ~/made", "exec sleep 3600")
    with stopped(scene, STEPS["running"][0], "run", "--refuse", script) as dead:
        dead.command.kill()
        dead.command.wait()
    with stopped(scene, STEPS["running"][0], "run", "--refuse", script) as alive:
        (claim,) = (scene.state / "sessions").glob("*.lock")
        assert claim.with_suffix("").is_dir(), "the place of the one that runs"
        ran = scene.run("--refuse", scene.script("true", name="next.sh"))
        assert ran.code == 11, ran.err
        assert alive.command.poll() is None
        assert claim.exists()
        assert claim.with_suffix("").is_dir()
        alive.command.terminate()
    alive.command.communicate(timeout=60)
    assert survivors() == []
    assert list((scene.state / "sessions").iterdir()) == []

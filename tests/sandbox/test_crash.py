"""Killed at every step, or the machine with it: afterwards everything is as before, or everything is done.

The real thing: a process that commits (or undoes) is stopped by strace, with SIGKILL, before its n-th call of each kind
that changes anything, for every n. Everything is on a small ext4 in an image file: a copy of the image made at that
moment holds what had reached the disk, and nothing of what had not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installation import different, install, lay_out, traced
from overlaid import Overlaid, picture
from told import CHANGING

from pratique.sandbox import durable, linux
from pratique.sandbox.recover import recover, unfinished

pytestmark = pytest.mark.root


class Machine:
    """A file system of its own at a fixed place, whose image can be copied and put back."""

    def __init__(self, place: Path) -> None:
        self.at = place / "machine"
        self.at.mkdir()
        self.image = place / "image"
        self._mounted = False
        self._disk = self.image
        self._copies = 0
        with self.image.open("wb") as file:
            file.truncate(8 * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-b", "1024", "-J", "size=1", "-m", "0", self.image], check=True)

    @property
    def tree(self) -> Path:
        return self.at / "tree"

    @property
    def sessions(self) -> Path:
        return self.at / "sessions"

    def on(self, image: Path) -> None:
        """From now on the machine's disk is this image."""
        self.off()
        subprocess.run(["mount", "-o", "loop", image, self.at], check=True)
        self._mounted = True
        self._disk = image

    def copy(self, image: Path) -> Path:
        """A file of its own each time: a loop device that is not quite gone yet must not be met again."""
        self._copies += 1
        copy = self.image.with_name(f"disk{self._copies}")
        shutil.copy(image, copy)
        return copy

    def off(self) -> None:
        if self._mounted:
            linux.unmount(str(self.at))
            self._mounted = False
            if self._disk != self.image:
                self._disk.unlink()


@pytest.fixture
def machine() -> Iterator[Machine]:
    for program in ("mkfs.ext4", "strace"):
        assert shutil.which(program), f"{program} is missing"
    place = Path(
        tempfile.mkdtemp(prefix="pratique-crash-", dir="/dev/shm")
    )  # in memory: some hundred images are copied
    machine = Machine(place)
    try:
        machine.on(machine.image)
        machine.tree.mkdir()
        lay_out(machine.tree)
        yield machine
    finally:
        machine.off()
        shutil.rmtree(place)


def steps(work: Callable[[], object]) -> list[tuple[str, int]]:
    """Each call that changes anything, as its name and which one of that name it is."""
    ended, said = traced(work, "-e", f"trace={','.join('?' + name for name in CHANGING)}")
    assert ended, said
    count: dict[str, int] = {}
    out = []
    for name in re.findall(r"^(?:\[pid +\d+\] )?(\w+)\(", said, re.MULTILINE):
        count[name] = count.get(name, 0) + 1
        out.append((name, count[name]))
    assert len(out) > 30, said
    return out


def killed_everywhere(
    machine: Machine, work: Callable[[], object], before: dict[str, tuple[object, ...]]
) -> tuple[int, int, int]:
    """How many steps there were; after how many all was as before; after how many all was done."""
    machine.off()
    machine.on(machine.copy(machine.image))
    walk = steps(work)
    done = picture(machine.tree)
    assert done != before
    counts = {"before": 0, "done": 0}
    for name, number in walk:
        machine.off()
        disk = machine.copy(machine.image)
        machine.on(disk)
        ended, _ = traced(work, "-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}")
        assert not ended, f"it was not killed at {name} {number}"
        lost = machine.copy(disk)
        for how in ("killed", "the machine stopped"):
            if how != "killed":
                machine.on(lost)
            for one in recover(machine.sessions):
                assert one.troubles == (), f"{how} at {name} {number}: {one.troubles}"
            found = picture(machine.tree)
            # The time of the directory in which something was put is the moment that was done.
            finished = {**found, ".": ()} == {**done, ".": ()} and found["."][:3] == done["."][:3]
            assert found == before or finished, f"{how} at {name} {number}: {different(found, before, done)}"
            assert unfinished(machine.sessions) == ()
            counts["before" if found == before else "done"] += 1
    return len(walk), counts["before"], counts["done"]


def session(machine: Machine) -> Overlaid:
    overlaid = Overlaid(machine.tree, machine.sessions / "7f3a0000")
    overlaid.change(install)
    return overlaid


@pytest.mark.parametrize("few", [durable.FEW, 0], ids=["each file waited for", "the file system waited for"])
def test_a_commit_killed_at_any_step_is_taken_back_or_done(machine, monkeypatch, few):
    monkeypatch.setattr(durable, "FEW", few)
    overlaid = session(machine)
    before = picture(machine.tree)
    effects = overlaid.effects()
    assert len(effects) > 12
    count, as_before, done = killed_everywhere(machine, lambda: overlaid.commit(effects), before)
    assert as_before + done == 2 * count
    assert as_before > count
    assert done > 0


def test_an_undo_killed_at_any_step_is_taken_back_or_done(machine):
    overlaid = session(machine)
    overlaid.commit()
    before = picture(machine.tree)
    count, as_before, done = killed_everywhere(machine, overlaid.undo, before)
    assert as_before + done == 2 * count
    assert min(as_before, done) > 0


def test_a_recovery_killed_at_any_step_is_finished_by_the_next(machine):
    """A commit is killed when all of it is on the host but its last word; then taking it back is killed, everywhere."""
    overlaid = session(machine)
    before = picture(machine.tree)
    machine.off()
    machine.on(machine.copy(machine.image))
    writes = [step for step in steps(overlaid.commit) if step[0] == "write"]
    machine.on(machine.image)
    ended, _ = traced(overlaid.commit, "-e", "trace=write", "-e", f"inject=write:signal=SIGKILL:when={len(writes)}")
    assert not ended
    os.sync()
    half = picture(machine.tree)
    assert half != before

    def recovering() -> None:
        for one in recover(machine.sessions):
            assert one.troubles == ()

    machine.off()
    machine.on(machine.copy(machine.image))
    for name, number in steps(recovering):
        machine.off()
        disk = machine.copy(machine.image)
        machine.on(disk)
        ended, _ = traced(recovering, "-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}")
        assert not ended
        lost = machine.copy(disk)
        for image in (None, lost):
            if image is not None:
                machine.on(image)
            recovering()
            found = picture(machine.tree)
            assert found == before, f"killed at {name} {number}: {different(found, before)}"

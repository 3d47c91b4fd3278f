"""What it costs to put a session's files onto the host, journal and waiting for the disk counted, against `cp -a`.

A real session copies a tree to a place on the disk; its commit is timed, and then its undo. `cp -a` copies the same
tree beside it: by itself, and followed by `sync -f`, so that it promises what a commit promises. One round after
another, medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import disk

from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
from pratique.sandbox.undo import undo

ROUNDS = int(os.environ.get("ROUNDS", "5"))


def many(number: int, size: int) -> Callable[[Path], None]:
    def make(tree: Path) -> None:
        for one in range(number):
            file = tree / f"d{one // 50}" / f"f{one}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.urandom(size))

    return make


TREES: dict[str, Callable[[Path], None]] = {
    "20 files of 4 kB": many(20, 4_000),
    "2,000 files of 16 bytes": many(2_000, 16),
    "5,000 files of 4 kB": many(5_000, 4_000),
    "200 files of 1 MB": many(200, 1_000_000),
    "one file of 500 MB": many(1, 500_000_000),
}


def seconds(work: Callable[[], object]) -> float:
    """The disk is given time to be done with what came before."""
    os.sync()
    started = time.monotonic()
    work()
    return time.monotonic() - started


def copied(tree: Path, to: Path, *, waited: bool) -> None:
    subprocess.run(["cp", "-a", str(tree), str(to)], check=True)
    if waited:
        subprocess.run(["sync", "-f", str(to)], check=True)


def committed(tree: Path, place: Path, number: int) -> tuple[float, float]:
    """Seconds of the commit and of the undo; the session is over when they begin."""
    to = place / "installed"
    spec = Spec(
        id=f"b{number}", place=place / "session", command=("cp", "-a", str(tree), str(to)), directory=str(place)
    )
    with Quarantine(spec) as quarantine:
        quarantine.run()
        effects = quarantine.effects()
        taken = seconds(lambda: quarantine.commit(effects))
        assert to.is_dir()
        back = seconds(lambda: undo(spec.place, spec.id))
        assert not to.exists()
    return taken, back


def measure(place: Path, make: Callable[[Path], None], number: int) -> tuple[float, float, float, float]:
    with disk.fresh(place) as at:
        tree = at / "tree"
        tree.mkdir()
        make(tree)
        bare = seconds(lambda: copied(tree, at / "copy", waited=False))
        waited = seconds(lambda: copied(tree, at / "another", waited=True))
        return bare, waited, *committed(tree, at, number)


def main() -> None:
    ways = ("cp -a", "cp -a; sync", "commit", "undo")
    print(f"{'what':<26}" + "".join(f"{way:>14}" for way in ways) + f"{'cp / commit':>14}{'cp; sync / commit':>20}")
    with tempfile.TemporaryDirectory(prefix="pratique-bench-", dir="/var/tmp") as name:
        for what, make in TREES.items():
            taken: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(ROUNDS):
                for way, measured in zip(ways, measure(Path(name), make, number), strict=True):
                    taken[way].append(measured)
            over = [
                statistics.median(bare / ours for bare, ours in zip(taken[way], taken["commit"], strict=True))
                for way in ("cp -a", "cp -a; sync")
            ]
            print(
                f"{what:<26}"
                + "".join(f"{statistics.median(taken[way]):>12.3f} s" for way in ways)
                + f"{over[0]:>12.2f} x{over[1]:>18.2f} x",
                flush=True,
            )


if __name__ == "__main__":
    main()

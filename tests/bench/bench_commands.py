"""How long a person waits for a command: `--version`, and `policy check` of the shipped rules and of a large policy."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
FILES, ACTIONS = 200, 10_000
_ACTION = """action rule-{n} "Does the undesirable thing number {n}" {{
    category autorun
    on file.write where path in paths_{f} and not by_package_manager or path matches "/opt/app{n}/**/*.so"
    weight {w} disclosed 1
    remedy revert
    because "Reference {n}"
    match file.write {{ path "~/.bashrc" }}
    no match file.write {{ path "~/.other{n}", by_package_manager true }}
}}
"""


def large_policy(place: Path) -> None:
    each = ACTIONS // FILES
    for f in range(FILES):
        head = 'policy big "Big" { version "1" }\n' if f == 0 else "part of big\n"
        lets = f'let paths_{f} = ["~/.bashrc", "~/.config/app{f}/**"]\n'
        actions = "".join(_ACTION.format(n=f * each + n, f=f, w=n + 1) for n in range(each))
        (place / f"{f:03}.policy").write_text(head + lets + actions)


def cost(words: list[str], place: str) -> tuple[float, float]:
    """Seconds that passed and seconds of processor time, of the quickest round."""
    took = []
    for _ in range(ROUNDS):
        used, started = _used(), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pratique.cli.main", *words], stdout=subprocess.DEVNULL, check=True,
            env={**os.environ, "PRATIQUE_STATE": place, "PRATIQUE_CONFIG": place},
        )  # fmt: skip
        took.append((time.perf_counter() - started, _used() - used))
    return min(took)


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as large:
        large_policy(Path(large))
        rows: dict[str, tuple[list[str], float]] = {
            "`pratique --version`": (["--version"], 0.15),
            "`pratique policy check`, the shipped rules": (["policy", "check"], 0.4),
            f"`pratique policy check`, {ACTIONS:,} actions in {FILES} files": (["policy", "check", large], 3.0),
        }
        print(f"load {os.getloadavg()[0]:.1f}\n")
        print("| | aim | passed | processor time |\n|---|---:|---:|---:|")
        for name, (words, aim) in rows.items():
            passed, used = cost(words, place)
            print(f"| {name} | {aim:g} s | {passed:.2f} s | {used:.2f} s |", flush=True)


if __name__ == "__main__":
    main()

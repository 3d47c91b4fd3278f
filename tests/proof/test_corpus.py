"""Hostile programs from a public collection, each run as an installer: the host is as it was after every one.

The table of what was seen goes to docs/corpus.md.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "atomic-linux.json"
ROWS = json.loads(CORPUS.read_text("utf-8"))
#: Kernel settings and records that no file system on the disk would show.
SETTINGS = (
    "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern",
    "/proc/sys/vm/swappiness", "/proc/sys/net/ipv4/ip_forward", "/proc/swaps", "/proc/modules",
)  # fmt: skip

pytestmark = [pytest.mark.proof, pytest.mark.root]


class Host:
    """What of this machine a program could change besides its files: settings, mounts, sockets, processes."""

    def __init__(self) -> None:
        self.settings = {path: Path(path).read_text() for path in SETTINGS if Path(path).exists()}
        self.mounts = sorted(Path("/proc/self/mountinfo").read_text().splitlines())
        self.listening = sorted(
            line.split()[1]
            for name in ("tcp", "tcp6")
            for line in _lines(f"/proc/net/{name}")
            if line.split()[3] == "0A"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()[1:]


def _descendants() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True) if process.status() != "zombie"}


@pytest.fixture(scope="module")
def table():
    rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
    yield rows
    if len(rows) == len(ROWS):
        (ROOT / "docs" / "corpus.md").write_text(_document(rows), "utf-8")


def _document(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    classes = Counter(report["verdict"]["class"] for _, report in rows)
    lines = [
        "# A corpus of hostile programs",
        "",
        f"Each of {len(rows)} programs of `tests/corpus/atomic-linux.json` (Atomic Red Team, MIT licence) run as an",
        "installer, as root, with the shipped policies, and refused. After each one the host was compared with how it",
        "was: every file of the root file system by its change time, kernel settings, swap, modules, mounts, listening",
        "sockets, processes. **Nothing had changed after any of them.** Made by `make proof`.",
        "",
        f"Judged undesirable: {classes['undesirable']}; clean: {classes['clean']}. Programs that only look around",
        "(lists of processes, users, files) are clean by intention.",
        "",
        "| technique | program | status | processes | effects | events | total | what was found undesirable |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for row, report in rows:
        actions = ", ".join(action["name"] for action in report["actions"]) or ""
        lines.append(
            f"| {row['technique']} | {row['name']} | {report['installer_exit_status']} "
            f"| {report['coverage']['executed']} | {len(report['effects'])} "
            f"| {sum(one['events'] for one in report['observers'])} | {report['verdict']['total']:g} | {actions} |"
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['technique']}-{number}" for number, row in enumerate(ROWS)])
def test_the_host_is_unchanged(row, table, tmp_path, pratique, host_watch):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / ".bashrc").write_text("# mine\n")
    (home / ".bash_history").write_text("ssh somewhere -p 22\n")
    installer = tmp_path / "setup.sh"
    installer.write_text(f"#!/usr/bin/env {row['shell']}\n{row['command']}\n")
    installer.chmod(0o755)
    before, running = Host(), _descendants()
    host_watch.start()
    ran = pratique("run", "--refuse", "--json", "--timeout", "60", str(installer), env={"HOME": str(home)}, timeout=120)
    assert ran.code in (6, 7, 10, 11), ran.err
    assert host_watch.changed() == []
    assert Host() == before
    assert _descendants() == running
    assert sorted(path.name for path in home.iterdir()) == [".bash_history", ".bashrc"]
    report = ran.json
    assert report["decision"] is None or report["decision"]["choice"] == "refuse"
    assert not any(effect["kept"] for effect in report["effects"])
    table.append((row, report))

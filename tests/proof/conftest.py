"""A root of a test's own, and what a proof run found: docs/proof.md, written when every table has all its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from own_root import OwnRoot

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "proof.md"


@pytest.fixture
def own_root(tmp_path: Path, state: Path) -> Iterator[OwnRoot]:
    """This machine's root file system, seen so that what a test does to it is the test's own."""
    root = OwnRoot(tmp_path)
    yield root
    root.close()


class Table(NamedTuple):
    title: str
    text: str
    columns: tuple[str, ...]
    rows: int  # how many make it complete


TABLES: Final = {
    "packages": Table(
        "Debian packages",
        """\
Each installed with `pratique run --install` as root, with what it depends on, into a root file system without it.
`dpkg --verify` and `dpkg --audit` find nothing, its units pass `systemd-analyze verify`; it is used for real; then
`pratique undo`. **After that every file of the root file system was as before**: names, types, modes, owners,
attributes, contents, times, also of directories; dpkg does not know the package. (After a library went, as with
openssh-server's, the linker's cache is made anew: the same content, a new time.)""",
        ("package", "packages", "effects", "events", "s", "used"),
        4,
    ),
    "programs": Table(
        "Programs of every make",
        """\
Each does a known list of things, in `pratique run --json --record`. **Every file it made and every program it ran is
in the recording, exactly once**, and of the component it belongs to. \
(What the script of 64 processes starts besides, `seq` and `mkfifo`, comes on top.)""",
        ("installer", "as", "known acts", "in the log", "processes", "s"),
        12,
    ),
    "registries": Table(
        "Packages from the registries",
        """\
With `--network observed`; judged, installed, and then they work. **Every file on the disk afterwards is among the
effects, and every effect is on the disk.** Memory is the largest resident set of any process of the session, the
package manager's included.""",
        ("command", "as", "packages", "files", "events", "told of the network", "s", "MiB"),
        3,
    ),
}


class Results:
    """Rows of the tables, as tests add them."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in TABLES}

    def add(self, table: str, *row: object) -> None:
        assert len(row) == len(TABLES[table].columns)
        self._rows[table].append(row)

    def complete(self) -> bool:
        return all(len(self._rows[name]) == table.rows for name, table in TABLES.items())

    def document(self) -> str:
        lines = ["# Proof on real input", "", "What `make proof` found when it was last run, written by that run."]
        for name, table in TABLES.items():
            numbers = [isinstance(value, (int, float)) for value in self._rows[name][0]]
            lines += ["", f"## {table.title}", "", table.text, "", _row(table.columns)]
            lines.append(_row("---:" if number else "---" for number in numbers))
            lines += map(_row, self._rows[name])
        return "\n".join(lines) + "\n"


def _row(cells: Iterator[object] | tuple[object, ...]) -> str:
    return "| " + " | ".join(f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |"


@pytest.fixture(scope="session")
def results() -> Iterator[Results]:
    """Where a proof puts what it found."""
    found = Results()
    yield found
    if found.complete():
        DOCUMENT.write_text(found.document(), "utf-8")

"""A state directory that root made, or wrote in: an ordinary user is told whose it is and what mends it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

COMMANDS = (
    ("history",), ("undo", "--list"), ("undo", "7f3a"), ("show", "7f3a"), ("commit", "7f3a"), ("discard", "--all"),
    ("decisions",), ("run", "--refuse", "--", "true"),
)  # fmt: skip


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody reaches."""
    found = Path(tempfile.mkdtemp())
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def said(ordinary_user, place, words):
    ran = ordinary_user.pratique(*words, env={"PRATIQUE_STATE": str(place / "state")})
    assert ran.code == 4, (ran.code, ran.out, ran.err)
    assert "Traceback" not in ran.err
    assert "a fault of ours" not in ran.err
    return ran.err


@pytest.mark.parametrize("mode", [0o700, 0o755])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_of_a_state_that_is_roots_it_is_said_what_to_do(ordinary_user, place, words, mode):
    (place / "state").mkdir(mode=mode)
    told = said(ordinary_user, place, words)
    assert f"{place}/state belongs to the user 0" in told
    assert f"sudo chown -R {ordinary_user.uid}:{ordinary_user.gid} {place}/state" in told
    assert "PRATIQUE_STATE names another directory" in told


@pytest.mark.parametrize("name", ["commit.lock", "history", "sessions"])
def test_what_root_left_in_ones_own_is_named(ordinary_user, place, name):
    """One `sudo` with this person's state is enough for it."""
    own = place / "state"
    for directory in (own, own / "history", own / "sessions"):
        directory.mkdir(mode=0o700)
    (own / "commit.lock").touch(0o600)
    ordinary_user.own(own)
    os.chown(own / name, 0, 0)
    assert f"{place}/state/{name} belongs to the user 0" in said(ordinary_user, place, ("history",))

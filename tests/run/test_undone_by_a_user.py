"""Undone by an ordinary user, in directories that are not theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import reachable

pytestmark = pytest.mark.root

STICKY, OF_A_GROUP = 0o1777, 0o2775


@pytest.fixture(params=[STICKY, OF_A_GROUP], ids=["sticky", "of a group"])
def shared(request, ordinary_user) -> Iterator[Path]:
    """A directory of root's where the user may put things."""
    place = Path(tempfile.mkdtemp(prefix="pratique-shared-", dir="/var/tmp"))
    os.chown(place, 0, ordinary_user.gid)
    place.chmod(request.param)
    yield place
    subprocess.run(["rm", "-rf", place], check=True)


def installed(user, shared: Path, *lines: str) -> str:
    script = user.home / "setup.sh"
    script.write_text("\n".join(["#!/bin/sh -e", *lines, ""]))
    script.chmod(0o755)
    ran = user.pratique("run", "--install", "--json", user.own(script), cwd=shared)
    assert ran.code == 0, ran.err
    session: str = ran.json["id"]
    return session


def test_where_the_directory_is_root_s_its_time_stays(ordinary_user, shared):
    session = installed(ordinary_user, shared, f"echo 2 > {shared}/z")
    assert (shared / "z").read_text() == "2\n"
    done = ordinary_user.pratique("undo", session)
    assert (done.code, done.err) == (0, "")
    assert list(shared.iterdir()) == []
    state = ordinary_user.home / ".local/state/pratique/sessions"
    assert [path.name for path in (state / session / "undo").iterdir()] == ["log"]


def cut_short(user, python: str, session: str) -> None:
    """Undo as the user, killed when all was done but for the journal's last line."""
    program = f"""
import os, signal
from pratique import places
from pratique.sandbox import journal
from pratique.sandbox.undo import undo
journal.Journal.end = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
undo(places.sessions() / {session!r}, {session!r})
"""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(user.home), "PYTHONPATH": ":".join(reachable.python_path())}
    ended = subprocess.run(
        [python, "-c", program], env=environment, cwd=user.home, user=user.uid,
        group=user.gid, extra_groups=[], check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_what_was_cut_short_is_taken_back_by_the_next_command_and_can_be_undone(ordinary_user, python_for_all, shared):
    session = installed(ordinary_user, shared, f"echo 2 > {shared}/z")
    cut_short(ordinary_user, python_for_all, session)
    assert list(shared.iterdir()) == []
    told = ordinary_user.pratique("history")
    assert told.err == f"pratique: the undoing of {session} had been cut short; it was taken back\n"
    assert (shared / "z").read_text() == "2\n"
    done = ordinary_user.pratique("undo", session)
    assert (done.code, done.err) == (0, "")
    assert list(shared.iterdir()) == []


def checked(user) -> dict[str, dict[str, object]]:
    """What doctor looked at, by its name."""
    return {check["name"]: check for check in user.pratique("doctor", "--json").json["checks"]}


def test_what_cannot_be_taken_back_is_said_with_its_path_and_by_doctor(ordinary_user, python_for_all, shared):
    session = installed(ordinary_user, shared, f"echo 2 > {shared}/z")
    cut_short(ordinary_user, python_for_all, session)
    shared.chmod(0o755)
    said = [f"the undoing of {session} had been cut short, and some of it cannot be taken back:",
            f"{shared}/z: permission denied"]  # fmt: skip
    assert ordinary_user.pratique("history").err == f"pratique: {said[0]}\n  {said[1]}\n"
    check = checked(ordinary_user)["cut short"]
    assert (check["ok"], check["detail"]) == (False, "\n".join(said))
    undone = ordinary_user.pratique("undo", "--anyway", session)
    assert undone.code == 1, undone.err
    assert f"{said[0]}\n  {said[1]}\n" in undone.err
    assert "is kept in " in undone.err
    assert "file exists" not in undone.err
    shared.chmod(STICKY)
    assert checked(ordinary_user)["cut short"]["detail"].endswith("had been cut short; it was taken back")
    assert "cut short" not in checked(ordinary_user)
    assert ordinary_user.pratique("undo", session).code == 0
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize("shared", [OF_A_GROUP], indirect=True)
def test_what_was_another_s_there_comes_back_as_the_user_s(ordinary_user, shared):
    (shared / "link").symlink_to("there")
    session = installed(ordinary_user, shared, f"ln -sf elsewhere {shared}/link")
    assert (shared / "link").readlink() == Path("elsewhere")
    done = ordinary_user.pratique("undo", session)
    assert (done.code, done.err) == (0, "")
    assert ((shared / "link").readlink(), (shared / "link").lstat().st_uid) == (Path("there"), ordinary_user.uid)

"""A program that is run as somebody else starts where the person is, where that user may go there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.root


@pytest.fixture
def place():
    found = Path(tempfile.mkdtemp(dir="/var/tmp"))
    (found / "setup.sh").write_text("#!/bin/sh\npwd\n")
    (found / "setup.sh").chmod(0o755)
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


def run(pratique, user, place):
    return pratique("run", "--refuse", "--as-user", user, place / "setup.sh", cwd=place)


def test_somebody_without_a_home_starts_where_the_person_is(pratique, place):
    ran = run(pratique, "nobody", place)
    assert (ran.code, ran.out.splitlines()[0]) == (11, str(place)), ran.err


def test_who_may_not_go_there_starts_at_home(pratique, place, ordinary_user):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    ran = pratique("run", "--refuse", "--as-user", ordinary_user.name, place / "setup.sh", cwd=closed)
    assert (ran.code, ran.out.splitlines()[0]) == (11, str(ordinary_user.home)), ran.err


def test_who_may_go_nowhere_is_told_which_directory_and_what_to_do(pratique, place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    ran = pratique("run", "--refuse", "--as-user", "nobody", place / "setup.sh", cwd=closed)
    assert (ran.code, ran.out) == (4, "")
    assert f"nobody may not enter {closed}, nor a home of their own (/nonexistent)" in ran.err
    assert "cd to a directory that nobody may enter, /tmp for one" in ran.err

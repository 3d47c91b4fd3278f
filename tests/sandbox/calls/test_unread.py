"""What could not be read is not passed over: the observer says so, and nothing is installed unasked."""

from __future__ import annotations

import shutil

import pytest


@pytest.mark.root
@pytest.mark.parametrize(("what", "code", "choice"), [("hidden", 11, "refuse"), ("files", 0, "install")])
def test_a_way_that_only_its_maker_can_go(ordinary_user, build, what, code, choice):
    """What a process has open that lets nobody look into it, by its own /proc: an ordinary user's supervisor cannot."""
    place = ordinary_user.home / what
    place.mkdir()
    shutil.copy(build("apart"), place / "apart")
    (place / "setup.sh").write_text(f"#!/bin/sh\n./apart {what}\n")
    (place / "setup.sh").chmod(0o755)
    ordinary_user.own(place)
    ran = ordinary_user.pratique("run", "--json", place / "setup.sh", cwd=place)
    report = ran.json
    assert (ran.code, report["verdict"]["class"]) == (code, "clean"), ran.err
    assert report["decision"] == {"choice": choice, "source": "policy"}
    told = next(one for one in report["observers"] if one["name"] == "syscalls")
    if choice == "install":
        assert told["state"] == "ok"
    else:
        assert told["state"] == "failed"
        assert "1 call could not be read" in told["error"]

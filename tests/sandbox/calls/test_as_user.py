"""The call log of an ordinary user's session is as whole as root's: the same tests, run by one."""

from __future__ import annotations

import os
import subprocess

import pytest
import reachable


@pytest.mark.root
@pytest.mark.parametrize("name", ["log", "faults", "pretending", "holding", "ways", "threads"])
def test_it_all_holds_for_an_ordinary_user(ordinary_user, python_for_all, name):
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(ordinary_user.home), "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ":".join(reachable.python_path()),
    }  # fmt: skip
    assert os.geteuid() == 0
    done = subprocess.run(
        [
            python_for_all, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not root",
            "--basetemp", f"{ordinary_user.home}/trial", f"tests/sandbox/calls/test_{name}.py",
        ],
        env=environment, cwd=reachable.checkout(), user=ordinary_user.uid, group=ordinary_user.gid, extra_groups=[],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout

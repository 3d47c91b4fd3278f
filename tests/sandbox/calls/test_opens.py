"""Openings that are watched: what cannot be told any more stops nothing."""

from __future__ import annotations

import os
import subprocess

import pytest

from pratique.sandbox.calls import opens

pytestmark = pytest.mark.root


def test_a_file_of_a_process_that_has_ended_is_passed_over(tmp_path):
    """The kernel opens each file for us when it is told, and those of a process go with it."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    watching = opens.mark([str(secret)], mounted=["/proc"])
    assert watching is not None
    try:
        list(opens.read(watching))
        with subprocess.Popen(["sleep", "60"]) as gone:
            os.close(os.open(f"/proc/{gone.pid}/maps", os.O_RDONLY))
            gone.kill()
        os.close(os.open(secret, os.O_RDONLY))
        paths = [os.readlink(f"/proc/self/fd/{one.descriptor}") for one in opens.read(watching)]  # noqa: PTH115
    finally:
        os.close(watching)
    assert paths == [str(secret)]

"""Bounds on the command line: how they are written, and that they hold."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--memory", "much"), ("--memory", "1M"), ("--memory", "0"), ("--size", "nan"), ("--size", "12Q"),
        ("--cpu", "0"),
        ("--cpu", "101"), ("--cpu", "half"), ("--processes", "3"), ("--processes", "x"), ("--size", "1e99"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(pratique, option, value):
    ran = pratique("run", option, value, "x")
    assert ran.code == 2
    assert "expected" in ran.err
    assert value in ran.err


@pytest.mark.root
def test_they_hold(pratique, tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\npython3 -c 'x = b\"x\" * (900 << 20)' || echo refused\n")
    script.chmod(0o755)
    ran = pratique("run", "--refuse", "--memory", "256M", "--cpu", "50%", "--processes", "100", script)
    assert ran.code == 11, ran.err
    assert "refused" in ran.out
    assert "more memory was wanted than the 268,435,456 bytes allowed" in " ".join(ran.out.split())
    script.write_text("#!/bin/sh\nhead -c 30000000 /dev/zero > ~/big; sleep 60\n")
    ran = pratique("run", "--refuse", "--size", "10M", script)
    assert ran.code == 8
    assert "more than the 10,485,760 bytes it may" in ran.err
    assert "--size" in ran.err

"""Reaching into a session of our own from outside of it, as nobody inside can."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

_PATIENCE = 20  # s


def descendant(wanted: Callable[[psutil.Process], bool]) -> psutil.Process:
    """The process below this one that is wanted, as soon as it is there."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for process in psutil.Process().children(recursive=True):
            try:
                if wanted(process):
                    return process
            except (psutil.Error, OSError):
                continue
        time.sleep(0.02)
    raise AssertionError("it is not there")


def controller() -> psutil.Process:
    """Frida's, of a session that runs."""
    return descendant(lambda process: any(word.endswith("frida.controller") for word in process.cmdline()[:8]))

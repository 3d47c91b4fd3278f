"""Open files of a process that was forked and goes on without what its parent had open."""

from __future__ import annotations

import os


def close_all_but(*kept: int) -> None:
    """Close every descriptor but these; the standard ones among the closed become /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        if standard not in kept:
            os.dup2(null, standard)
    at = 3
    for descriptor in sorted(one for one in kept if one > 2):
        os.closerange(at, descriptor)
        at = descriptor + 1
    os.closerange(at, os.sysconf("SC_OPEN_MAX"))

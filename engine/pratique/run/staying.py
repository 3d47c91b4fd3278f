"""What an undo may leave where others changed it since, as the plugins know it: caches, logs, backups."""

from __future__ import annotations

from collections.abc import Callable

from pratique.host import Host
from pratique.policy.globs import GlobTable
from pratique.policy.paths import expand


def may_stay(host: Host) -> Callable[[str], str]:
    """A function from a path to what it is, in words; "" for one that may not stay."""
    table: GlobTable[str] = GlobTable()
    for answer in host.call("may_stay"):
        for one in answer.value:
            for glob in one.paths:
                for each in expand(glob, "/"):
                    table.add(each, one.what)
    find = table.find()
    return lambda path: next(iter(find(path)), "")

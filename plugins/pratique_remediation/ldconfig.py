"""Shared libraries came or went: the loader's cache is made anew."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from typing import Final

from pratique import AfterCommit, MayStay, hookimpl

_LIBRARY: Final = re.compile(
    r"/(?:usr/)?(?:local/)?lib(?:32|64|x32)?/(?:[^/]+/)?[^/]+\.so(?:\.[^/]*)?|/etc/ld\.so\.conf(?:\.d/.+)?"
)
_CACHES: Final = ("/etc/ld.so.cache", "/var/cache/ldconfig/aux-cache")


@hookimpl
def after_commit(paths: Sequence[str]) -> list[AfterCommit]:
    program = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    if os.geteuid() != 0 or program is None or not any(map(_LIBRARY.fullmatch, paths)):
        return []
    return [AfterCommit(command=(program,), because="shared libraries changed", rebuilds=_CACHES)]


@hookimpl
def may_stay() -> list[MayStay]:
    """Where it is not made anew by us."""
    return [MayStay(what="the loader's cache", paths=_CACHES)]

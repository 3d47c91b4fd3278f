"""Menu entries came or went: the cache of which program opens what is made anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from pratique import AfterCommit, MayStay, hookimpl


@hookimpl
def after_commit(paths: Sequence[str]) -> list[AfterCommit]:
    program = shutil.which("update-desktop-database")
    changed = {os.path.dirname(path) for path in paths if path.endswith(".desktop")}  # noqa: PTH120
    directories = sorted(
        directory
        for directory in changed
        if directory.endswith("/share/applications") and os.access(directory, os.W_OK)
    )
    if program is None:
        return []
    return [
        AfterCommit(
            command=(program, "--quiet", directory), because="menu entries changed",
            rebuilds=(f"{directory}/mimeinfo.cache",),
        )
        for directory in directories
    ]  # fmt: skip


@hookimpl
def may_stay() -> list[MayStay]:
    """Where it is not made anew by us."""
    return [MayStay(what="the cache of which program opens what", paths=("/**/share/applications/mimeinfo.cache",))]

"""Icons came or went in a theme that has a cache: the cache is made anew."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pratique import AfterCommit, MayStay, hookimpl

_ICON: Final = re.compile(r"(/.*/share/icons/[^/]+)/.+\.(?:png|svg|xpm|svgz)")


@hookimpl
def after_commit(paths: Sequence[str]) -> list[AfterCommit]:
    program = shutil.which("gtk-update-icon-cache")
    if program is None:
        return []
    themes = sorted({found[1] for path in paths if (found := _ICON.fullmatch(path))})
    return [
        AfterCommit(
            command=(program, "--quiet", "--force", "--ignore-theme-index", theme), because="icons changed",
            rebuilds=(f"{theme}/icon-theme.cache",),
        )
        for theme in themes
        if (Path(theme) / "icon-theme.cache").exists() and os.access(theme, os.W_OK)
    ]  # fmt: skip


@hookimpl
def may_stay() -> list[MayStay]:
    """Where it is not made anew by us."""
    return [MayStay(what="the cache of icons", paths=("/**/share/icons/*/icon-theme.cache",))]

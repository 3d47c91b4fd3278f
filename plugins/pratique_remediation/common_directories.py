"""Directories that an installation may be the first to need, and that belong to all who come after it."""

from __future__ import annotations

from typing import Final

from pratique import MayStay, hookimpl

#: By the XDG base directories and file-hierarchy(7); none of them says anything of what is in it.
_OF_A_HOME: Final = (
    "/**/.cache", "/**/.config", "/**/.config/{autostart,systemd,systemd/user,environment.d,fontconfig}", "/**/.local",
    "/**/.local/{bin,lib,share,state,include,etc}", "/**/.local/lib/python*",
    "/**/.local/share/{applications,icons,fonts,man,man/man*,mime,desktop-directories,doc}",
)  # fmt: skip


@hookimpl
def may_stay() -> list[MayStay]:
    return [MayStay(what="directories that all programs share", paths=_OF_A_HOME)]

"""What the system's own tools write anew whenever others install something: indexes, and backups of their records."""

from __future__ import annotations

from pratique import MayStay, hookimpl


@hookimpl
def may_stay() -> list[MayStay]:
    return [
        MayStay(
            what="indexes that are made anew from others",
            paths=(
                "/var/cache/{man,fontconfig}", "/var/cache/{man,fontconfig}/**", "/**/.cache/fontconfig",
                "/**/.cache/fontconfig/**", "/**/share/mime", "/**/share/mime/*",
                "/**/share/glib-2.0/schemas/gschemas.compiled", "/usr/lib/**/{loaders,giomodule,immodules}.cache",
            ),
        ),
        # useradd and its like keep the file before their last change beside it.
        MayStay(what="backups of the lists of accounts", paths=("/etc/{passwd,group,shadow,gshadow,subuid,subgid}-",)),
    ]  # fmt: skip

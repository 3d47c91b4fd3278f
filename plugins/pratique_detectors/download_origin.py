"""Where a file was downloaded from, as browsers and download tools note it in its extended attributes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pratique import Facts, hookimpl

#: From the freedesktop.org list of common extended attributes.
ORIGIN: Final = "user.xdg.origin.url"
REFERRER: Final = "user.xdg.referrer.url"
LONGEST: Final = 2000  # characters


@hookimpl
def identify(path: Path) -> Facts | None:
    origin, referrer = attribute(path, ORIGIN), attribute(path, REFERRER)
    if origin is None and referrer is None:
        return None
    return Facts(origin=origin or referrer, facts={"referrer": referrer} if referrer is not None else {})


def attribute(path: Path, name: str) -> str | None:
    """The attribute's text; None where the file, or its file system, has none."""
    try:
        value = os.getxattr(path, name)
    except OSError:
        return None
    return value.decode("utf-8", "replace").strip("\0 \r\n")[:LONGEST] or None

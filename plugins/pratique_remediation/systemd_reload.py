"""Units came or went: the service manager reads them again, where one runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pratique import AfterCommit, hookimpl

_UNITS: Final = (
    "/etc/systemd/system/",
    "/usr/lib/systemd/system/",
    "/lib/systemd/system/",
    "/usr/local/lib/systemd/system/",
)
#: There exactly when systemd is the service manager: sd_booted(3).
_RUNNING: Final = Path("/run/systemd/system")


@hookimpl
def after_commit(paths: Sequence[str]) -> list[AfterCommit]:
    if os.geteuid() != 0 or not _RUNNING.is_dir() or not any(path.startswith(_UNITS) for path in paths):
        return []
    return [AfterCommit(command=("systemctl", "daemon-reload"), because="units changed")]

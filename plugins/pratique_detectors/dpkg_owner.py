"""The installed Debian package a file belongs to, read from dpkg's lists of files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pratique import Facts, Owner, hookimpl

DPKG: Final = Path("/var/lib/dpkg")
#: Where packages put files; a download elsewhere is not looked up.
OF_PACKAGES: Final = ("/usr/", "/bin/", "/sbin/", "/lib", "/etc/", "/opt/", "/var/", "/boot/", "/srv/")
#: Directories that moved to /usr: packages may name a file by either path.
_MERGED: Final = re.compile(r"^/usr(/(?:s?bin|lib(?:32|64|x32)?)/)")


@hookimpl
def identify(path: Path) -> Facts | None:
    package = owner_of(str(path), DPKG / "info")
    if package is None:
        return None
    return Facts(owner=Owner(manager="dpkg", package=package, version=version_of(package, DPKG / "status")))


def owner_of(path: str, info: Path) -> str | None:
    """The package whose list in `info` has the path; None when no package has."""
    if not path.startswith(OF_PACKAGES) or "\n" in path:
        return None
    names = {path, _MERGED.sub(r"\1", path)}
    lines = tuple(b"\n" + os.fsencode(name) + b"\n" for name in names)
    try:
        lists = [entry for entry in os.scandir(info) if entry.name.endswith(".list")]
    except OSError:
        return None  # no Debian
    for entry in lists:
        try:
            content = b"\n" + Path(entry.path).read_bytes()
        except OSError:
            continue
        if any(line in content for line in lines):
            return entry.name.removesuffix(".list").partition(":")[0]
    return None


def version_of(package: str, status: Path) -> str:
    """The installed version, "" when dpkg does not know it."""
    try:
        content = b"\n" + status.read_bytes()
    except OSError:
        return ""
    start = content.find(b"\nPackage: " + package.encode() + b"\n")
    end = content.find(b"\n\n", start)
    paragraph = content[start:end] if start >= 0 else b""
    match = re.search(rb"^Version: (.+)$", paragraph, re.MULTILINE)
    return match[1].decode("utf-8", "replace") if match is not None else ""

"""The hash that pins a distribution in a role file's `allow` list, and whether its files are still what it says.

pip writes `RECORD`: one line a file, with the file's SHA-256. The fingerprint is the SHA-256 of those lines that are
the same wherever the same wheel is installed: sorted, joined by line feeds, as `path,sha256=...` with `/` separators.
Left out are files outside the package folder (`../../../bin/...` names the interpreter), files without a hash
(`RECORD` itself, compiled `.pyc`) and what the installing program adds (`INSTALLER`, `REQUESTED`, `direct_url.json`).
The recorded hashes are then compared with the files, so that the fingerprint stands for what would run.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path
from typing import Final

from pratique.errors import CannotError
from pratique.host.installed import Distribution

_ADDED: Final = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"})


def fingerprint(distribution: Distribution) -> str:
    """SHA-256 in lower-case hex. Raises `CannotError` when nothing can be said for the code, with the reason."""
    lines = [f"{path},{digest}" for path, digest in recorded(distribution).items()]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def recorded(distribution: Distribution) -> dict[str, str]:
    """Path below the package folder -> "sha256=...", each compared with the file. Raises `CannotError`."""
    name, folder = distribution.name, distribution.folder
    if _is_editable(folder):
        raise CannotError(
            f"{name} is installed editable: its code lies elsewhere and can change, so no hash can stand for it",
            hint=f"install it as a wheel (pip install {name}), or allow it by name alone",
        )
    try:
        rows = list(csv.reader((folder / "RECORD").read_text("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotError(
            f"{name} has no readable RECORD of its files: {error}", hint=f"install it again: pip install {name}"
        ) from None
    found: dict[str, str] = {}
    for row in rows:
        path, digest = (*row, "", "")[:2]
        inside = path and not path.startswith(("../", "/"))
        if not inside or not digest or (path.startswith(f"{folder.name}/") and path.split("/")[1] in _ADDED):
            continue
        if _digest(folder.parent / path) != digest:
            raise CannotError(
                f"{name}: {path} is not the file that was installed",
                hint=f"find out who changed it; then: pip install --force-reinstall {name}",
            )
        found[path] = digest
    if not found:
        raise CannotError(f"{name}: its RECORD names no file", hint=f"install it again: pip install {name}")
    return found


def holds(distribution: Distribution, module: str) -> bool:
    """Whether importing this module would load a file of the distribution, rather than one that took its name."""
    from importlib.util import find_spec

    top = module.partition(".")[0]
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        return False
    root = distribution.folder.parent.resolve()
    origin = Path(spec.origin).resolve()
    return origin.is_relative_to(root) and origin.relative_to(root).as_posix() in recorded(distribution)


def _digest(path: Path) -> str:
    try:
        raw = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _is_editable(folder: Path) -> bool:
    try:
        told = json.loads((folder / "direct_url.json").read_text("utf-8"))
        return bool(told.get("dir_info", {}).get("editable"))
    except (OSError, ValueError, AttributeError):
        return False

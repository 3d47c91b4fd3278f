"""Distributions laid out as pip leaves them: modules, and a `.dist-info` with entry points and a record of files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

DETECTOR = """
from pratique import Event, EventKind, Field, hookimpl

@hookimpl
def event_kinds():
    return [EventKind("{kind}.seen", "Something was seen", path=Field.path)]

@hookimpl
def observe(session):
    for effect in session.effects():
        yield Event("{kind}.seen", path=effect.path, effect=effect.id)
"""


def install(
    place: Path,
    name: str,
    modules: Mapping[str, str],
    entries: Mapping[str, str],
    *,
    version: str = "1.0",
    extra: Mapping[str, str] | None = None,
) -> Path:
    """Put a distribution below `place`: module file -> source, plugin name -> entry point. Returns its `.dist-info`."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/entry_points.txt": "[console_scripts]\nother = x:y\n\n[pratique]\n"
        + "".join(f"{entry} = {target}\n" for entry, target in entries.items()),
    }
    record = []
    for file, text in files.items():
        path = place / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{file},sha256={digest},{len(text.encode())}")
    for file, text in {"INSTALLER": "pip\n", **(extra or {})}.items():
        (place / info / file).write_text(text)
        record.append(f"{info}/{file},,")
    (place / info / "RECORD").write_text("\n".join([*record, f"{info}/RECORD,,", ""]))
    return place / info

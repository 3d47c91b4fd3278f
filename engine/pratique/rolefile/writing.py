"""Changing a role file: one key at a time, every comment, order and quotation mark in place, in one step.

The new text is checked before it replaces the old; when it is wrong, the old file stays as it is.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pratique.rolefile.editing import edited
from pratique.rolefile.reading import parse, text_of
from pratique.rolefile.record import HostFile


def change(path: Path, key: str, value: str | None, *, onto: Path | None = None) -> HostFile:
    """Set `key` (dots lead into blocks: `plugins.disable`) to `value`, written as YAML; None takes the key out.

    `onto` is the file written when it is not `path` itself. Returns the new content. Raises `HostFileError` when the
    old or the new text is not a valid role file, `UsageError` for a key that cannot be, `OSError` when the file cannot
    be written.
    """
    old = text_of(path)
    parse(old, str(path))  # a file that is wrong already is mended by hand first: its lines are the admin's to judge
    new = edited(old, key, value, str(path))
    host = parse(new, str(onto or path))
    write(onto or path, new)
    return host


def write(path: Path, text: str) -> None:
    """Replace the file in one step, with the permissions and owner it had. A link stays a link. Raises `OSError`."""
    real = path.resolve()
    real.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            try:
                before = real.stat()
            except FileNotFoundError:
                os.fchmod(handle, 0o644)
            else:
                os.fchmod(handle, before.st_mode & 0o7777)
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(handle, before.st_uid, before.st_gid)
            file.flush()
            os.fsync(handle)
        os.replace(temporary, real)  # noqa: PTH105  # both are names of this function's own making
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

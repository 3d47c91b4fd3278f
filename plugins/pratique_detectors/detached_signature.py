"""A signature in a file beside the installer: NAME.asc, NAME.sig or NAME.gpg."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from pratique import Facts, hookimpl
from pratique.policy.model import Trust
from pratique_detectors import gpg

SUFFIXES: Final = (".asc", ".sig", ".gpg")


@hookimpl
def identify(path: Path, trust: Trust) -> Facts | None:
    for suffix in SUFFIXES:
        signature = beside(path, suffix)
        if signature is None:
            continue
        found = gpg.check(trust, signature, path=path)
        if found is not None:
            signer, words = found
            facts = {"signature_file": path.name + suffix}
            return Facts(signer=signer, facts={**facts, "signature": words} if words else facts)
    return None


def beside(path: Path, suffix: str) -> bytes | None:
    """The content of the signature file; None when there is none that could be one."""
    try:
        descriptor = os.open(f"{path}{suffix}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, gpg.LARGEST_SIGNATURE + 1)
    finally:
        os.close(descriptor)
    return content if content and len(content) <= gpg.LARGEST_SIGNATURE else None

"""A Debian package that an archive vouches for: its hash is in an index, and the index's in a signed release file.

apt keeps both from its last update. Nothing is fetched; apt's word that it checked the signature is not taken: it is
checked again, against the keyrings the policy names.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Final

from pratique import Facts, hookimpl
from pratique.policy.model import Trust
from pratique_detectors import gpg
from pratique_launchers import ar

LISTS: Final = Path("/var/lib/apt/lists")
#: Reads an index however apt keeps it packed.
APT_HELPER: Final = "/usr/lib/apt/apt-helper"
PATIENCE: Final = 6.0  # s, for one index
_CHUNK: Final = 1 << 20


@hookimpl
def identify(path: Path, trust: Trust) -> Facts | None:
    if not trust.signers or shutil.which("gpgv") is None:
        return None
    with path.open("rb") as file:
        if file.read(8) != ar.MAGIC:
            return None
        import hashlib  # most commands need none of it

        file.seek(0)
        package = hashlib.file_digest(file, "sha256").hexdigest()
    return vouched(package, trust, LISTS)


def vouched(package: str, trust: Trust, lists: Path) -> Facts | None:
    """The signer of the release that has the package of this SHA-256; None when no release in `lists` does."""
    try:
        names = sorted(entry.name for entry in os.scandir(lists) if entry.is_file(follow_symlinks=False))
    except OSError:
        return None  # a machine without apt
    for release in names:
        stem = release.removesuffix("InRelease")
        indexes = [name for name in names if stem != release and name.startswith(stem) and "_Packages" in name]
        found = [(name, digest) for name in indexes if (digest := index_with(lists / name, package)) is not None]
        if not found:
            continue
        signed = gpg.verified_text(trust, lists / release)
        if signed is None:
            continue
        signer, text = signed
        for name, digest in found:
            if digest in sha256_lines(text):
                return Facts(signer=signer, certainty=0.6, facts={"archive": name})
    return None


def index_with(index: Path, package: str) -> str | None:
    """The SHA-256 of an index, unpacked, when it lists the package; else None."""
    import hashlib
    import subprocess

    command = [APT_HELPER, "cat-file", str(index)]
    wanted = f"\nSHA256: {package}\n".encode()
    digest = hashlib.sha256()
    listed = False
    tail = b""
    try:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    late = threading.Timer(PATIENCE, running.kill)
    late.start()
    with running:
        assert running.stdout is not None
        while chunk := running.stdout.read(_CHUNK):
            digest.update(chunk)
            # The line may lie across two chunks.
            listed = listed or wanted in tail + chunk
            tail = chunk[-len(wanted) :]
    late.cancel()
    return digest.hexdigest() if listed and running.returncode == 0 else None


def sha256_lines(release: bytes) -> frozenset[str]:
    """The hashes under `SHA256:` of a release file."""
    hashes: set[str] = set()
    inside = False
    for line in release.decode("utf-8", "replace").splitlines():
        if not line.startswith(" "):
            inside = line.strip() == "SHA256:"
        elif inside and line.split():
            hashes.add(line.split()[0])
    return frozenset(hashes)

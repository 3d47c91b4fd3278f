"""A signature inside a Debian package, as debsigs puts it: a member that signs the three that make up the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from pratique import Facts, hookimpl
from pratique.policy.model import Trust
from pratique_detectors import gpg
from pratique_launchers import ar

SIGNATURES: Final = ("_gpgorigin", "_gpgmaint", "_gpgbuilder")
#: The signed bytes are held in memory once, for gpgv's standard input.
LARGEST: Final = 1024 * 1024 * 1024  # bytes


@hookimpl
def identify(path: Path, trust: Trust) -> Facts | None:
    with path.open("rb") as file:
        if file.read(8) != ar.MAGIC:
            return None
        try:
            found = list(ar.members(file, path.stat().st_size))
        except ValueError:
            return None
        signature = next((member for member in found if member.name in SIGNATURES), None)
        if signature is None or signature.size > gpg.LARGEST_SIGNATURE:
            return None
        file.seek(signature.offset)
        signed = file.read(signature.size)
        package = [member for member in found if not member.name.startswith("_")]
        names = [member.name.split(".tar")[0] for member in package]
        # Anything else between or behind them would be installed, or ignored, unsigned.
        if names != ["debian-binary", "control", "data"] or found[:3] != package:
            return Facts(facts={"signature": "signed, but with members no signature covers"})
        if sum(member.size for member in package) > LARGEST:
            return Facts(facts={"signature": "signed, but too large for the signature to be checked"})
        checked = gpg.check(trust, signed, content=contents(file, package))
    if checked is None:
        return None
    signer, words = checked
    facts = {"signature_member": signature.name}
    return Facts(signer=signer, facts={**facts, "signature": words} if words else facts)


def contents(file: BinaryIO, members: list[ar.Member]) -> Iterator[bytes]:
    """The members' bytes, one after the other."""
    for member in members:
        file.seek(member.offset)
        yield file.read(member.size)

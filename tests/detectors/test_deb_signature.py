"""A signature inside a Debian package covers all of it that dpkg installs, or counts for nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from signing import Maker

from pratique.policy.model import Trust, TrustedSigner
from pratique_detectors import deb_signature

Installer = Callable[[str], Path]


def members(package: Path) -> list[bytes]:
    names = subprocess.run(["ar", "t", str(package)], capture_output=True, text=True, check=True).stdout.split()
    return [subprocess.run(["ar", "p", str(package), name], capture_output=True, check=True).stdout for name in names]


def add(package: Path, name: str, content: bytes) -> None:
    """Put a member at the end of the package."""
    (package.parent / name).write_bytes(content)
    subprocess.run(["ar", "qS", package.name, name], cwd=package.parent, check=True, capture_output=True)


def sign(package: Path, maker: Maker) -> None:
    add(package, "_gpgorigin", maker.sign(b"".join(members(package))))


def test_a_signed_package_names_its_signer(installer: Installer, maker: Maker) -> None:
    package = installer("hello")
    sign(package, maker)
    facts = deb_signature.identify(package, Trust(signers=(TrustedSigner(name="Tame", key=str(maker.keyring)),)))
    assert facts is not None and facts.signer is not None
    assert (facts.signer.name, facts.signer.key, facts.signer.valid) == ("Tame", maker.key, True)


def test_a_package_changed_after_it_was_signed_is_not_signed(installer: Installer, maker: Maker) -> None:
    package = installer("hello")
    sign(package, maker)
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)
    facts = deb_signature.identify(package, Trust(signers=(TrustedSigner(name="Tame", key=str(maker.keyring)),)))
    assert facts is not None and facts.signer is not None and not facts.signer.valid
    assert facts.facts["signature"] == "its signature does not match the file"


def test_a_member_slipped_in_beside_the_signed_ones_spoils_it(installer: Installer, maker: Maker) -> None:
    package = installer("hello")
    sign(package, maker)
    add(package, "data.tar.gz", b"more")
    facts = deb_signature.identify(package, Trust(signers=(TrustedSigner(name="Tame", key=str(maker.keyring)),)))
    assert facts is not None and facts.signer is None
    assert "no signature covers" in facts.facts["signature"]


def test_an_unsigned_package_has_no_signer(installer: Installer) -> None:
    assert deb_signature.identify(installer("hello"), Trust()) is None

"""A package that a signed archive lists is signed by that archive; a link missing in the chain, and it is not."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from signing import Maker

from pratique.policy.model import Trust, TrustedSigner
from pratique_detectors import deb_archive

Installer = Callable[[str], Path]
PACKAGE = "ab" * 32
STEM = "deb.example.org_debian_dists_stable_"


def trusting(maker: Maker) -> Trust:
    return Trust(signers=(TrustedSigner(name="Archive", key=str(maker.keyring)),))


@pytest.fixture
def archive(tmp_path: Path, maker: Maker) -> Path:
    """What apt keeps of an archive whose index lists one package."""
    lists = tmp_path / "lists"
    lists.mkdir()
    index = f"Package: other\nSHA256: {'cd' * 32}\n\nPackage: tame\nSHA256: {PACKAGE}\n\n".encode()
    (lists / f"{STEM}main_binary-amd64_Packages").write_bytes(index)
    digest = hashlib.sha256(index).hexdigest()
    release = f"Origin: Example\nSHA256:\n {digest} {len(index)} main/binary-amd64/Packages\nAcquire-By-Hash: yes\n"
    (lists / f"{STEM}InRelease").write_bytes(maker.gpg("--clear-sign", data=release.encode()))
    return lists


def test_a_listed_package_is_signed_by_the_archive(archive: Path, maker: Maker) -> None:
    facts = deb_archive.vouched(PACKAGE, trusting(maker), archive)
    assert facts is not None and facts.signer is not None
    assert (facts.signer.name, facts.signer.key, facts.signer.valid) == ("Archive", maker.key, True)
    assert facts.facts["archive"] == f"{STEM}main_binary-amd64_Packages"


def test_any_other_package_is_not(archive: Path, maker: Maker) -> None:
    assert deb_archive.vouched("ef" * 32, trusting(maker), archive) is None


def test_a_signer_the_policy_does_not_name_vouches_for_nothing(archive: Path, stranger: Maker) -> None:
    assert deb_archive.vouched(PACKAGE, trusting(stranger), archive) is None


def test_an_index_that_was_changed_is_no_longer_the_signed_one(archive: Path, maker: Maker) -> None:
    with (archive / f"{STEM}main_binary-amd64_Packages").open("a") as index:
        index.write(f"Package: rude\nSHA256: {'99' * 32}\n\n")
    assert deb_archive.vouched("99" * 32, trusting(maker), archive) is None
    assert deb_archive.vouched(PACKAGE, trusting(maker), archive) is None


def test_a_release_that_was_changed_is_no_longer_signed(archive: Path, maker: Maker) -> None:
    release = archive / f"{STEM}InRelease"
    release.write_bytes(release.read_bytes().replace(b"Origin: Example", b"Origin: Changed"))
    assert deb_archive.vouched(PACKAGE, trusting(maker), archive) is None


def test_text_around_the_signed_text_is_not_signed(archive: Path, maker: Maker) -> None:
    index = f"Package: rude\nSHA256: {'99' * 32}\n\n".encode()
    (archive / f"{STEM}main_binary-amd64_Packages").write_bytes(index)
    release = archive / f"{STEM}InRelease"
    extra = f"SHA256:\n {hashlib.sha256(index).hexdigest()} {len(index)} main/binary-amd64/Packages\n".encode()
    signed = release.read_bytes()
    for forged in (extra + signed, signed + extra, signed + b"\n" + extra + signed):
        release.write_bytes(forged)
        assert deb_archive.vouched("99" * 32, trusting(maker), archive) is None


def test_an_index_kept_packed_is_read(archive: Path, maker: Maker) -> None:
    index = archive / f"{STEM}main_binary-amd64_Packages"
    index.with_name(index.name + ".gz").write_bytes(gzip.compress(index.read_bytes()))
    index.unlink()
    assert deb_archive.vouched(PACKAGE, trusting(maker), archive) is not None


def test_a_package_of_this_machines_own_archive(installer: Installer) -> None:
    rings = [Path(f"/usr/share/keyrings/{name}-archive-keyring.gpg") for name in ("debian", "ubuntu")]
    ring = next((one for one in rings if one.exists()), None)
    assert ring is not None, f"none of {rings}: apt-get install debian-archive-keyring (or ubuntu-keyring)"
    trust = Trust(signers=(TrustedSigner(name="this archive", key=str(ring)),))
    path = installer("hello")
    started = time.perf_counter()
    facts = deb_archive.identify(path, trust)
    assert time.perf_counter() - started < 5
    assert facts is not None and facts.signer is not None and facts.signer.name == "this archive"
    path.write_bytes(path.read_bytes() + b"\n")
    assert deb_archive.identify(path, trust) is None


def test_without_signers_or_apt_nothing_is_said(installer: Installer, tmp_path: Path, maker: Maker) -> None:
    assert deb_archive.identify(installer("hello"), Trust()) is None
    assert deb_archive.vouched(PACKAGE, trusting(maker), tmp_path / "missing") is None

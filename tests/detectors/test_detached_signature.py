"""A signature beside the installer counts only when it is whole, current and of a signer the policy names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from signing import Maker

from pratique import Facts
from pratique.policy.model import Location, Trust, TrustedSigner
from pratique_detectors import detached_signature


def trusting(*rings: tuple[str, Path], policy: str = "") -> Trust:
    return Trust(
        signers=tuple(TrustedSigner(name=name, key=str(ring), where=Location(policy, 1)) for name, ring in rings)
    )


def identified(path: Path, trust: Trust) -> Facts:
    facts = detached_signature.identify(path, trust)
    assert facts is not None
    return facts


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "setup.run"
    path.write_bytes(b"#!/bin/sh\necho hi\n")
    return path


@pytest.mark.parametrize("armour", [True, False])
@pytest.mark.parametrize("suffix", [".asc", ".sig"])
def test_a_signature_of_a_trusted_signer_is_valid(suffix: str, armour: bool, program: Path, maker: Maker) -> None:
    Path(f"{program}{suffix}").write_bytes(maker.sign(program.read_bytes(), armour=armour))
    signer = identified(program, trusting(("Tame Software", maker.keyring))).signer
    assert signer is not None
    assert (signer.name, signer.key) == ("Tame Software", maker.key)
    assert signer.valid and signer.trusted


def test_an_armoured_key_serves_as_well(program: Path, maker: Maker) -> None:
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    signer = identified(program, trusting(("Tame", maker.armoured_keyring))).signer
    assert signer is not None and signer.valid


def test_a_key_is_found_beside_the_policy(program: Path, maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "policies" / "keys").mkdir(parents=True)
    (tmp_path / "policies" / "keys" / "tame.gpg").write_bytes(maker.keyring.read_bytes())
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    policy = str(tmp_path / "policies" / "own.policy")
    signer = identified(program, trusting(("Tame", Path("keys/tame.gpg")), policy=policy)).signer
    assert signer is not None and signer.valid


def test_the_signer_is_the_one_whose_key_it_is(program: Path, maker: Maker, stranger: Maker) -> None:
    Path(f"{program}.asc").write_bytes(stranger.sign(program.read_bytes()))
    signer = identified(program, trusting(("Tame", maker.keyring), ("Other", stranger.keyring))).signer
    assert signer is not None and (signer.name, signer.valid) == ("Other", True)


def test_a_changed_file_is_not_signed(program: Path, maker: Maker) -> None:
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    program.write_bytes(program.read_bytes() + b"rm -rf /\n")
    facts = identified(program, trusting(("Tame", maker.keyring)))
    assert facts.signer is not None and not facts.signer.valid and not facts.signer.trusted
    assert facts.facts["signature"] == "its signature does not match the file"


def test_a_stranger_is_named_by_key(program: Path, maker: Maker, stranger: Maker) -> None:
    Path(f"{program}.asc").write_bytes(stranger.sign(program.read_bytes()))
    facts = identified(program, trusting(("Tame", maker.keyring)))
    assert facts.signer is not None and not facts.signer.valid
    assert facts.signer.key == stranger.key
    assert stranger.key in facts.facts["signature"]


def test_a_policy_without_signers_trusts_nobody(program: Path, maker: Maker) -> None:
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    signer = identified(program, Trust()).signer
    assert signer is not None and not signer.valid


def test_a_keyring_that_is_missing_is_said_so(program: Path, maker: Maker, tmp_path: Path) -> None:
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    facts = identified(program, trusting(("Tame", tmp_path / "nowhere.gpg")))
    assert facts.signer is not None and not facts.signer.valid
    assert "nowhere.gpg" in facts.facts["signature"]


@pytest.mark.parametrize("content", [b"no signature\n", b"\0" * 100, b"-----BEGIN PGP SIGNATURE-----\n\n!!!\n"])
def test_a_file_that_only_has_the_name_of_a_signature_proves_nothing(
    content: bytes, program: Path, maker: Maker
) -> None:
    Path(f"{program}.asc").write_bytes(content)
    signer = identified(program, trusting(("Tame", maker.keyring))).signer
    assert signer is not None and not signer.valid


def test_no_signature_no_signer(program: Path, maker: Maker) -> None:
    assert detached_signature.identify(program, trusting(("Tame", maker.keyring))) is None
    Path(f"{program}.asc").mkdir()
    Path(f"{program}.sig").symlink_to("/dev/zero")
    assert detached_signature.identify(program, trusting(("Tame", maker.keyring))) is None


def test_a_key_that_was_revoked_vouches_no_more(program: Path, maker: Maker, tmp_path: Path) -> None:
    Path(f"{program}.asc").write_bytes(maker.sign(program.read_bytes()))
    reason = maker.home / "openpgp-revocs.d" / f"{maker.key}.rev"
    copy = tmp_path / "home"
    copy.mkdir(mode=0o700)
    other = Maker.__new__(Maker)
    other.home = copy
    other.gpg("--import", str(maker.keyring))
    # gpg puts a colon before the block, so that nobody revokes a key by accident.
    (tmp_path / "revocation").write_text(reason.read_text().replace(":-----BEGIN", "-----BEGIN"))
    other.gpg("--import", str(tmp_path / "revocation"))
    (tmp_path / "revoked.gpg").write_bytes(other.gpg("--export", maker.key))
    subprocess.run(["gpgconf", "--homedir", copy, "--kill", "all"], check=True, capture_output=True)
    facts = identified(program, trusting(("Tame", tmp_path / "revoked.gpg")))
    assert facts.signer is not None and not facts.signer.valid
    assert "revoked" in facts.facts["signature"]

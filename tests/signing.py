"""Makers with OpenPGP keys of their own, for the tests of signatures: real gpg, keys made for one test run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


class Maker:
    """Somebody who signs what they publish. `key` is the fingerprint, `keyring` the public key without armour."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.gpg("--quick-generate-key", f"{name} <{name.lower()}@example.org>", "ed25519", "sign", "never")
        listing = self.gpg("--list-keys", "--with-colons").decode()
        self.key = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        self.keyring = home / f"{name}.gpg"
        self.keyring.write_bytes(self.gpg("--export", self.key))
        self.armoured_keyring = home / f"{name}.asc"
        self.armoured_keyring.write_bytes(self.gpg("--armor", "--export", self.key))

    def gpg(self, *words: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]
        done = subprocess.run([*command, "--passphrase", "", *words], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def sign(self, data: bytes, *, armour: bool = False) -> bytes:
        """A detached signature of the bytes."""
        return self.gpg(*(["--armor"] if armour else []), "--detach-sign", data=data)


@pytest.fixture(scope="session")
def makers() -> Iterator[tuple[Maker, Maker]]:
    """Two makers; tests let a policy trust the first and not the second."""
    if shutil.which("gpg") is None:
        pytest.fail("gpg is missing: `make setup` installs the system packages the tests need", pytrace=False)
    # Not below pytest's own directory: the path of the agent's socket has a limit of 107 characters.
    homes = [Path(tempfile.mkdtemp(prefix="pratique-keys-")) for _ in range(2)]
    try:
        yield Maker("Tame", homes[0]), Maker("Stranger", homes[1])
    finally:
        for home in homes:
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def maker(makers: tuple[Maker, Maker]) -> Maker:
    """The maker whom policies of the tests trust."""
    return makers[0]


@pytest.fixture
def stranger(makers: tuple[Maker, Maker]) -> Maker:
    """A maker no policy names."""
    return makers[1]

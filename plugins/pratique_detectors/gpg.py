"""OpenPGP signatures checked with gpgv against the keyrings a policy trusts."""

from __future__ import annotations

import binascii
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pratique import Signer, resources
from pratique.policy.model import Trust, TrustedSigner

LARGEST_SIGNATURE: Final = 64 * 1024  # bytes
LARGEST_KEYRING: Final = 16 * 1024 * 1024  # bytes
PATIENCE: Final = 8.0  # s, for one keyring
_WORDS: Final = {
    "BADSIG": "its signature does not match the file",
    "EXPSIG": "its signature has expired",
    "EXPKEYSIG": "its signature was made with a key that has expired",
    "REVKEYSIG": "its signature was made with a key that was revoked",
}


def check(
    trust: Trust, signature: bytes, *, path: Path | None = None, content: Iterable[bytes] = ()
) -> tuple[Signer, str] | None:
    """Who signed the file at `path` (or `content`), and in words why the signature is not valid ("" when it is).

    The first signer of the policy whose keyring has the key is named. None where nothing can be said: no gpgv, no
    signature in the bytes. A keyring that cannot be read counts as one without the key; its name is in the words.
    """
    if shutil.which("gpgv") is None:
        return None
    worst: tuple[Signer, str] | None = None
    unreadable = ""
    data = b"".join(content) if path is None else b""
    with tempfile.TemporaryDirectory(prefix="pratique-gpgv-") as place:
        directory = Path(place)
        signed = directory / "signature"
        signed.write_bytes(dearmored(signature, b"SIGNATURE"))
        for signer in trust.signers:
            try:
                ring = keyring(signer, directory)
            except OSError as error:
                unreadable = f"the keyring {signer.key} cannot be read: {error.strerror}"
                continue
            verdict = _gpgv(signer, ring, signed, path, data, directory)
            if verdict is not None and verdict[0].valid:
                return verdict
            worst = worst or verdict
    if worst is not None:
        return worst
    by = issuer(dearmored(signature, b"SIGNATURE"))
    words = f"signed with the key {by}, which the policy does not name" if by else "its signature is not one"
    return Signer(name="", key=by, valid=False), unreadable or words


def keyring(signer: TrustedSigner, directory: Path) -> Path:
    """The signer's keys as gpgv wants them, without armour. Raises `OSError`."""
    path = resources.beside(signer.where.file, signer.key)
    with path.open("rb") as file:
        content = file.read(LARGEST_KEYRING)
    if not content.startswith(b"-----BEGIN"):
        return path
    ring = directory / "keyring.gpg"
    ring.write_bytes(dearmored(content, b"PUBLIC KEY BLOCK"))
    return ring


def dearmored(content: bytes, what: bytes) -> bytes:
    """The packets of every armoured block of the kind; the bytes as they are when there is no armour."""
    begin, end = b"-----BEGIN PGP " + what + b"-----", b"-----END PGP " + what + b"-----"
    packets = b""
    blocks = content.replace(b"\r\n", b"\n").split(begin)[1:]
    for block in blocks:
        _, _, body = block.partition(end)[0].partition(b"\n\n")
        lines = [line for line in body.splitlines() if not line.startswith(b"=")]  # "=": the checksum
        try:
            packets += binascii.a2b_base64(b"".join(lines))
        except binascii.Error:
            continue
    return packets if blocks else content


def verified_text(trust: Trust, path: Path) -> tuple[Signer, bytes] | None:
    """The text of a clear-signed file and its signer, when a trusted signer's signature on it is valid; else None."""
    with tempfile.TemporaryDirectory(prefix="pratique-gpgv-") as place:
        directory = Path(place)
        text = directory / "text"
        for signer in trust.signers:
            try:
                ring = keyring(signer, directory)
            except OSError:
                continue
            text.unlink(missing_ok=True)
            status = _status(ring, directory, ["--output", str(text), str(path)])
            found = read_status(signer, status) if status is not None else None
            if found is not None and found[0].valid and text.exists():
                return found[0], text.read_bytes()
    return None


def _gpgv(
    signer: TrustedSigner, ring: Path, signature: Path, path: Path | None, data: bytes, home: Path
) -> tuple[Signer, str] | None:
    """One keyring's answer; None when it does not have the key."""
    status = _status(ring, home, [str(signature), str(path) if path is not None else "-"], data)
    if status is None:
        return Signer(name=signer.name, valid=False), f"its signature could not be checked within {PATIENCE:g} s"
    return read_status(signer, status)


def _status(ring: Path, home: Path, what: list[str], data: bytes = b"") -> str | None:
    """What gpgv reports, for programs; None when it takes too long."""
    import subprocess  # most commands need none of it

    command = ["gpgv", "--homedir", str(home), "--status-fd", "1", "--weak-digest", "SHA1", "--keyring", str(ring)]
    try:
        done = subprocess.run(
            [*command, *what],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode("utf-8", "replace")


def read_status(signer: TrustedSigner, status: str) -> tuple[Signer, str] | None:
    """What gpgv's report says of a signer (doc/DETAILS of GnuPG); None when it has not the key of any signature.

    A file may carry signatures of several keys: one good one of the signer's is enough, one that does not match the
    file spoils them all. `GOODSIG` is only said of a key that is neither expired nor revoked.
    """
    signatures: list[dict[str, list[str]]] = [{}]
    for line in status.splitlines():
        mark, _, rest = line.partition(" ")
        keyword, *values = rest.split() or [""]
        if mark != "[GNUPG:]":
            continue
        if keyword == "NEWSIG":
            signatures.append({})
        signatures[-1].setdefault(keyword, values)
    faults = [(word, one[word]) for word in _WORDS for one in signatures if word in one]
    broken = any(word == "BADSIG" for word, _ in faults) or any("UNEXPECTED" in one for one in signatures)
    for one in signatures:
        values = one.get("VALIDSIG", [])
        if values and "GOODSIG" in one and not broken:
            # The tenth value is the primary key's fingerprint: what people know the signer by.
            return Signer(
                name=signer.name, key=values[9] if len(values) > 9 else values[0], valid=True, trusted=True
            ), ""
    if not faults:
        return None
    word, values = faults[0]
    return Signer(name=signer.name, key=values[0] if values else "", valid=False), _WORDS[word]


def issuer(packets: bytes) -> str:
    """The fingerprint or key id a signature names as its maker's, upper-case hex; "" when it names none."""
    # Subpacket 33 of a version 4 signature: length 22, type, key version, 20 bytes (RFC 9580, 5.2.3.35).
    at = packets.find(b"\x16\x21\x04")
    if at >= 0 and len(packets) >= at + 23:
        return packets[at + 3 : at + 23].hex().upper()
    at = packets.find(b"\x09\x10")  # subpacket 16: length 9, type, 8 bytes
    return packets[at + 2 : at + 10].hex().upper() if at >= 0 and len(packets) >= at + 10 else ""

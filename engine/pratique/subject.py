"""What a program is: hashes, kind, signer, owner, origin. Facts only; opinions are for `reputation` and the policy."""

from __future__ import annotations

import msgspec


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who vouches for the bytes. `valid`: the signature checks; `trusted`: its key is one the policy or host names."""

    name: str
    key: str = ""  # fingerprint, upper-case hex
    valid: bool
    trusted: bool = False


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The installed package a file belongs to."""

    manager: str  # "dpkg"
    package: str
    version: str = ""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A program to be judged.

    `path` is absolute, "" for a bare command. `kind` comes from the content, never from the name: deb, makeself,
    script, elf, appimage, npm, pip, pe, command, unknown. `known` is "allowed", "blocked" or "unknown"; a program is
    *unknown* when it shows any one of: no valid signature of a trusted signer; on neither the allow list nor the
    block list. Signed is not clean. `facts` are further findings of `identify` plugins, as text (package, version ...).
    """

    path: str
    command: tuple[str, ...] = ()  # what the person typed after `run`
    sha256: str = ""
    size: int = 0
    kind: str = "unknown"
    name: str = ""
    signer: Signer | None = None
    owner: Owner | None = None
    origin: str | None = None
    known: str = "unknown"
    reasons: tuple[str, ...] = ()  # why it is known or unknown, in words
    facts: dict[str, str] = {}

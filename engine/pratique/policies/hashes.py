"""Lists of hashes that a policy names: read here, and told where they are named when they cannot be used."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pratique.errors import PolicyError
from pratique.policy.diagnostics import Diagnostic
from pratique.policy.model import Policy

#: Most of a hash list that is read: about a million hashes.
LARGEST_LIST: Final = 128 * 1024 * 1024  # bytes

#: A line of a hash list: a hash, as `sha256sum` writes it too (a file name may follow), a comment, or nothing.
_LINE: Final = re.compile(rb"\s*(?:([0-9a-fA-F]{64})(?:\s.*)?|#.*)?\s*\Z")


def hash_list(path: Path, *, said: str = "") -> Iterable[tuple[int, str]]:
    """The hashes of a list, lower-case, with their line numbers. `said`: where the policy names it, for errors.

    Raises `PolicyError`.
    """
    at = f"{said}: " if said else ""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_LIST + 1)
    except OSError as error:
        raise PolicyError(
            f"{at}the list {path} cannot be read: {error.strerror}",
            hint="make the file (one SHA-256 a line, # for comments), or take the line out of the policy",
        ) from None
    if len(content) > LARGEST_LIST:
        raise PolicyError(f"{at}the list {path} is larger than {LARGEST_LIST >> 20} MiB")
    for number, line in enumerate(content.split(b"\n"), 1):
        match = _LINE.match(line)
        if match is None:
            text = line[:80].decode("utf-8", "backslashreplace")
            raise PolicyError(
                f"{path}:{number}: expected a SHA-256 (64 hex digits) or a # comment, found {text!r}",
                hint="`sha256sum FILE` writes such a line",
            )
        if match[1]:
            yield number, match[1].decode().lower()


def faults_of_lists(policy: Policy) -> Iterator[Diagnostic]:
    """What keeps the lists of a policy, whose files are absolute paths, from being used."""
    for listing in policy.trust.hashes:
        if listing.file is None:
            continue
        try:
            deque(hash_list(Path(listing.file)), maxlen=0)
        except PolicyError as error:
            yield Diagnostic(
                code="P0312", message=str(error), where=listing.where, length=len(listing.verdict), help=error.hint
            )

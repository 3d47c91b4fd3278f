"""Files that a policy names (keys, hash lists, signatures, recordings) lie beside it; here they become absolute."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pratique.policies.reading import shown
from pratique.policies.search import Library
from pratique.policy.model import Location, Policy


def located(policy: Policy, library: Library) -> Policy:
    """The policy with every file it names as an absolute path."""
    homes = {shown(path): path.parent for path in library.texts}

    def place(file: str, where: Location) -> str:
        if not file or Path(file).is_absolute():
            return file
        home = homes.get(where.file, Path.cwd())
        for candidate in (home / file, home.parent / file):  # `rules/keys/x.gpg` may be said from above `rules`
            if candidate.exists():
                return os.path.normpath(candidate)
        return os.path.normpath(home / file)

    replace = msgspec.structs.replace
    trust = replace(
        policy.trust,
        signers=tuple(replace(one, key=place(one.key, one.where)) for one in policy.trust.signers),
        hashes=tuple(
            one if one.file is None else replace(one, file=place(one.file, one.where)) for one in policy.trust.hashes
        ),
    )
    return replace(
        policy,
        trust=trust,
        signatures=tuple(
            replace(one, files=tuple(place(file, one.where) for file in one.files)) for one in policy.signatures
        ),
        tests=tuple(
            one if one.recording is None else replace(one, recording=place(one.recording, one.where))
            for one in policy.tests
        ),
    )

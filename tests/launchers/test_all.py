"""Every plugin that identifies or launches behaves as the host expects of any plugin."""

from __future__ import annotations

import pytest

from pratique.testing.conforming import conforms

NAMES = [
    *(
        f"pratique_launchers.{name}"
        for name in ["appimage", "archives", "command", "deb", "elf", "makeself", "npm", "pip", "script", "windows"]
    ),
    *(
        f"pratique_detectors.{name}"
        for name in ("deb_archive", "deb_signature", "detached_signature", "download_origin", "dpkg_owner")
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name: str) -> None:
    assert conforms(name) == []

"""Where a file came from is read from the attributes that download tools leave."""

from __future__ import annotations

import os
from pathlib import Path

from pratique_detectors import download_origin


def test_the_address_is_read(tmp_path: Path) -> None:
    path = tmp_path / "setup"
    path.write_text("x")
    os.setxattr(path, "user.xdg.origin.url", b"https://example.org/setup")
    os.setxattr(path, "user.xdg.referrer.url", b"https://example.org/")
    facts = download_origin.identify(path)
    assert facts is not None
    assert facts.origin == "https://example.org/setup"
    assert facts.facts == {"referrer": "https://example.org/"}


def test_the_referring_page_stands_in_for_a_missing_address(tmp_path: Path) -> None:
    path = tmp_path / "setup"
    path.write_text("x")
    os.setxattr(path, "user.xdg.referrer.url", b"https://example.org/")
    facts = download_origin.identify(path)
    assert facts is not None and facts.origin == "https://example.org/"


def test_a_file_without_a_note_has_no_origin(tmp_path: Path) -> None:
    (tmp_path / "setup").write_text("x")
    assert download_origin.identify(tmp_path / "setup") is None

"""Makeself archives are told from other scripts, and the place of what they carry is found."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from pratique import Request, Subject
from pratique_launchers import makeself

Installer = Callable[[str], Path]


def test_a_real_archive_is_described(installer: Installer) -> None:
    path = installer("makeself")
    facts = makeself.identify(path.rename(path.with_name("thing")))
    assert facts is not None
    assert (facts.kind, facts.name) == ("makeself", "Free Player 2.1")
    assert facts.facts["runs"] == "./setup.sh"
    assert facts.facts["unpacks_to"] == "player"


def test_the_payload_begins_where_it_is_said_to(installer: Installer) -> None:
    path = installer("makeself")
    facts = makeself.identify(path)
    assert facts is not None
    payload = path.read_bytes()[int(facts.facts["payload_offset"]) :]
    assert b"setup.sh" in gzip.decompress(payload)


def test_it_is_surer_than_a_mere_script(installer: Installer) -> None:
    from pratique_launchers import script

    path = installer("makeself")
    own, other = makeself.identify(path), script.identify(path)
    assert own is not None and other is not None and own.certainty > other.certainty


def test_it_is_started_so_that_it_unpacks_and_opens_no_window(installer: Installer, tmp_path: Path) -> None:
    path = installer("makeself")
    facts = makeself.identify(path)
    assert facts is not None
    subject = Subject(path=str(path), kind="makeself", facts=facts.facts)
    launch = makeself.launch(subject, Request(arguments=("--noexec", "--target", str(tmp_path / "out"))))
    assert launch is not None
    assert launch.command[:3] == ("/bin/sh", str(path), "--nox11")
    subprocess.run(launch.command, check=True, capture_output=True)
    assert (tmp_path / "out" / "setup.sh").exists()
    assert all(shutil.which(program) for program in launch.needs)


def test_silent_switches_only_where_the_policy_allows_them(installer: Installer) -> None:
    subject = Subject(path=str(installer("makeself")), kind="makeself", facts={"interpreter": "/bin/sh"})
    loud, silent = makeself.launch(subject, Request()), makeself.launch(subject, Request(silent=True))
    assert loud is not None and "--accept" not in loud.command
    assert silent is not None and "--accept" in silent.command


def test_a_header_that_lies_about_its_length_gives_no_offset() -> None:
    assert makeself.payload_offset(b"#!/bin/sh\nexit\n", "700") is None
    assert makeself.payload_offset(b"#!/bin/sh\nexit\n", "2") == 15
    assert makeself.payload_offset(b"#!/bin/sh\nexit\n", "-1") is None


def test_a_script_that_only_speaks_of_makeself_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("#!/bin/sh\necho generated using Makeself 2.4\n")
    assert makeself.identify(tmp_path / "x") is None

"""Before anything runs it is known whether this machine and user can run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique import Launch, Request, Subject
from pratique.errors import CannotError
from pratique.host import Host
from pratique.launching import launch

ROOT = Request(root=True)


@pytest.fixture
def host(state: Path) -> Host:
    return Host.open()


def refused(host: Host, subject: Subject, request: Request = ROOT) -> CannotError:
    with pytest.raises(CannotError) as caught:
        launch(host, subject, request)
    return caught.value


def test_the_plugin_for_the_kind_answers(host: Host) -> None:
    found: Launch = launch(host, Subject(path="/x/a.deb", kind="deb"), ROOT)
    assert found.command[0] == "apt-get"


def test_a_kind_nobody_runs_is_said_so(host: Host) -> None:
    assert "'cartridge'" in str(refused(host, Subject(path="/x", kind="cartridge")))


def test_what_cannot_run_here_says_why_and_what_to_do(host: Host) -> None:
    error = refused(host, Subject(path="/x/setup.exe", kind="pe"))
    assert "Windows" in str(error) and "Linux" in error.hint


def test_what_needs_root_is_refused_to_others(host: Host) -> None:
    error = refused(host, Subject(path="/x/a.deb", kind="deb"), Request(root=False))
    assert "only root" in str(error) and error.hint.startswith("sudo pratique run")


def test_a_missing_interpreter_is_named_with_its_package(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    subject = Subject(path="/x/setup", kind="script", facts={"interpreter": "/usr/bin/env ruby"})
    error = refused(host, subject)
    assert "needs ruby" in str(error)
    assert error.hint == "sudo apt-get install ruby"

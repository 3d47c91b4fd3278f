"""Commands run as they were typed; those only root may give say so first."""

from __future__ import annotations

import pytest

from pratique import Launch, Request, Subject
from pratique_launchers import command


def started(*words: str, request: Request | None = None) -> Launch:
    subject = Subject(path=f"/usr/bin/{words[0]}", command=words, kind="command")
    launch = command.launch(subject, request or Request())
    assert launch is not None
    return launch


def test_a_command_keeps_its_words() -> None:
    assert started("make", "install", "PREFIX=/opt/a b").command == ("/usr/bin/make", "install", "PREFIX=/opt/a b")


@pytest.mark.parametrize(
    ("words", "root"),
    [
        (("apt-get", "install", "hello"), True),
        (("apt-get", "download", "hello"), False),
        (("dpkg", "-i", "x.deb"), True),
        (("dpkg", "--list"), False),
        (("make", "install"), False),
    ],
)
def test_what_only_root_may_do_is_known_beforehand(words: tuple[str, ...], root: bool) -> None:
    assert started(*words).needs_root is root


def test_debconf_asks_nobody_when_nobody_is_there() -> None:
    assert started("apt-get", "install", "x").environment == {"DEBIAN_FRONTEND": "noninteractive"}
    assert started("apt-get", "install", "x", request=Request(attended=True)).environment == {}
    assert started("make").environment == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("apt-get", "install", "hello"), True),
        (("apt-get", "install", "-y", "hello"), False),
        (("apt-get", "-qy", "install", "hello"), False),
        (("apt", "install", "--yes", "hello"), False),
        (("apt-get", "install", "python3-yaml"), True),
        (("apt-get", "update"), False),
        (("apt-get", "-o", "Debug::NoLocking=1", "dist-upgrade"), True),
        (("dnf", "update"), True),
        (("dnf", "makecache"), False),
        (("zypper", "in", "hello"), True),
        (("zypper", "refresh"), False),
        (("make", "install"), False),
    ],
)
def test_a_question_nobody_answers_has_its_option_named(words: tuple[str, ...], told: bool) -> None:
    assert ("`-y`" in started(*words).hint) is told
    assert started(*words, request=Request(attended=True)).hint == ""

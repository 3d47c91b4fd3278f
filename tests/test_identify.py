"""What the person typed becomes a subject: a file by its content, a command by what it would run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from signing import Maker

from pratique import Facts, Signer
from pratique.decisions import Decisions
from pratique.errors import CannotError, UsageError
from pratique.host import Host
from pratique.identify import identify, united
from pratique.policy.model import HashList, Trust, TrustedSigner
from pratique_launchers import npm

Installer = Callable[[str], Path]


@pytest.fixture
def host(state: Path) -> Host:
    return Host.open()


def refused(host: Host, *words: str, bare: bool = False) -> UsageError:
    with pytest.raises(UsageError) as caught:
        identify(host, words, bare=bare)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hello", "deb"), ("makeself", "makeself"), ("script", "script"), ("static-elf", "elf"), ("dynamic-elf", "elf"),
        ("static-pie", "elf"), ("sdist", "pip"), ("wheel", "pip"), ("left-pad", "npm"), ("esbuild", "npm"),
    ],
)  # fmt: skip
def test_the_kind_comes_from_the_content_whatever_the_name(
    kind: str, expected: str, host: Host, installer: Installer
) -> None:
    path = installer(kind)
    path = path.rename(path.with_name("readme.txt"))
    subject = identify(host, (str(path), "--yes"))
    assert subject.kind == expected
    assert subject.path == str(path)
    assert subject.command == (str(path), "--yes")
    assert subject.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert subject.size == path.stat().st_size
    assert subject.known == "unknown"


def test_a_package_has_its_own_name_and_other_files_that_of_the_file(host: Host, installer: Installer) -> None:
    assert identify(host, str(installer("hello"))).name == "hello"
    assert identify(host, str(installer("script"))).name == "install.sh"


def test_a_binary_that_is_not_executable_is_refused_and_a_script_is_not(host: Host, installer: Installer) -> None:
    program, script = installer("static-elf"), installer("script")
    program.chmod(0o644)
    script.chmod(0o644)
    assert refused(host, str(program)).hint == f"chmod +x {program}"
    assert identify(host, str(script)).kind == "script"


def test_where_it_came_from(host: Host, installer: Installer) -> None:
    path = installer("script")
    assert identify(host, str(path)).origin is None
    os.setxattr(path, "user.xdg.origin.url", b"https://example.org/a")
    assert identify(host, str(path)).origin == "https://example.org/a"
    assert identify(host, str(path), origin="https://example.net/b").origin == "https://example.net/b"
    os.setxattr(path, "user.xdg.origin.url", b"https://ann:secret@example.org/a?b=c@d")
    assert identify(host, str(path)).origin == "https://example.org/a?b=c@d"


def test_the_owner_of_an_installed_file(host: Host) -> None:
    subject = identify(host, "/usr/share/debconf/confmodule")
    assert (subject.kind, subject.owner) != ("", None)
    assert subject.owner is not None and subject.owner.package == "debconf"


def test_signed_by_a_trusted_signer_and_listed_is_allowed(host: Host, installer: Installer, maker: Maker) -> None:
    path = installer("script")
    Path(f"{path}.asc").write_bytes(maker.sign(path.read_bytes()))
    signers = (TrustedSigner(name="Tame", key=str(maker.keyring)),)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    trust = Trust(signers=signers, hashes=(HashList(verdict="allow", sha256=(digest,)),))
    assert identify(host, str(path), trust=trust).known == "allowed"
    assert identify(host, str(path), trust=Trust(signers=signers)).known == "unknown"
    path.write_bytes(path.read_bytes() + b"\n")
    tampered = identify(host, str(path), trust=trust)
    assert tampered.known == "unknown"
    assert "its signature does not match the file" in tampered.reasons


def test_what_the_person_marked_is_blocked(host: Host, installer: Installer) -> None:
    path = installer("script")
    Decisions.open().mark(identify(host, str(path)).sha256, "undesirable", note="rude")
    subject = identify(host, str(path))
    assert (subject.known, subject.reasons) == ("blocked", ("marked undesirable by hand: rude",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html>\n<html>", "is a web page"),
        (b"echo hi\n", "is text without a #! line"),
        (b"\x89PNG\r\n\x1a\n\0\0", "begins with 89 50 4e 47"),
        (b"\x7fELF", "begins with 7f 45 4c 46"),
        (b"\x7fELF and then text\n", "begins with 7f 45 4c 46"),
    ],
)
def test_what_is_no_program_is_refused_with_what_it_is(
    content: bytes, message: str, host: Host, tmp_path: Path
) -> None:
    (tmp_path / "setup").write_bytes(content)
    assert message in str(refused(host, str(tmp_path / "setup")))


def test_a_script_that_no_plugin_knows_is_not_called_text_without_a_first_line(host: Host, tmp_path: Path) -> None:
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(CannotError, match=r"no plugin that runs here can start a program"):
        identify(Host.of({}), str(script))
    with pytest.raises(UsageError, match=r"setup\.sh is a script, and no plugin that runs here knows scripts"):
        identify(Host.of({"npm": npm}), str(script))


def test_the_text_of_a_hostile_file_cannot_steer_the_terminal(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "bad\x1b[2Jname"
    path.write_bytes(b"#!/bin/sh \x1b]0;owned\x07\n")
    subject = identify(host, str(path))
    assert subject.name.isprintable()
    assert all(value.isprintable() for value in subject.facts.values())


# -- commands


def test_a_command_is_found_on_the_path(host: Host) -> None:
    subject = identify(host, ("npm", "install", "left-pad"))
    assert subject.kind == "npm"
    assert subject.name == "npm install left-pad"
    assert Path(subject.path).name == "npm"
    assert identify(host, ("ls", "-l")).kind == "command"


def test_the_program_of_a_command_is_identified_like_a_file(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Path("/bin/ls").resolve()
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    alone, together = identify(host, "/bin/ls"), identify(host, ("/bin/ls", "-l"))
    assert (alone.kind, alone.sha256) == ("command", digest)
    assert together.sha256 != digest == together.facts["program_sha256"]
    for subject in (alone, together):
        assert subject.size == program.stat().st_size
        assert subject.owner is not None and (subject.owner.manager, subject.owner.package) == ("dpkg", "coreutils")
        assert subject.facts["machine"] == identify(host, str(program)).facts["machine"]
    script = tmp_path / "own-tool"
    script.write_text("#!/bin/sh -e\n")
    script.chmod(0o755)
    os.setxattr(script, "user.xdg.origin.url", b"https://example.org/own-tool")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    subject = identify(host, "own-tool")
    assert (subject.kind, subject.size, subject.owner) == ("command", 13, None)
    assert subject.sha256 == hashlib.sha256(script.read_bytes()).hexdigest()
    assert subject.facts["interpreter"] == "/bin/sh -e"
    assert subject.origin == "https://example.org/own-tool"
    Decisions.open().mark(subject.sha256, "undesirable")
    assert identify(host, ("own-tool", "--quietly")).known == "blocked"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("pip", "install", "x"), "pip"),
        (("pip3", "install", "x"), "pip"),
        (("python3", "-m", "pip", "install", "x"), "pip"),
        (("python3", "setup.py", "install"), "command"),
        (("npx", "x"), "npm"),
        (("npm-check", "x"), "command"),
        (("apt-get", "install", "x"), "command"),
    ],
)
def test_package_managers_are_told_by_name(words: tuple[str, ...], kind: str) -> None:
    from pratique.identify import command_kind

    assert command_kind(words) == kind


def test_a_virtual_environments_pip_is_pip(host: Host, tmp_path: Path) -> None:
    pip = tmp_path / "venv" / "bin" / "pip"
    pip.parent.mkdir(parents=True)
    pip.write_text("#!/bin/sh\n")
    pip.chmod(0o755)
    assert identify(host, (str(pip), "install", "x")).kind == "script"
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert identify(host, (str(pip), "install", "x")).kind == "pip"


def test_what_a_command_is_remembered_by_changes_with_all_it_would_run(
    host: Host, installer: Installer, tmp_path: Path
) -> None:
    package = installer("sdist")
    words = ("env", "pip", "install", str(package))
    first = identify(host, words)
    assert first.facts[f"file:{package}"] == hashlib.sha256(package.read_bytes()).hexdigest()
    assert identify(host, words).sha256 == first.sha256
    assert identify(host, (*words, "--user")).sha256 != first.sha256
    package.write_bytes(package.read_bytes() + b"\0")
    assert identify(host, words).sha256 != first.sha256


def test_a_file_a_command_installs_can_be_blocked(host: Host, installer: Installer) -> None:
    package = installer("sdist")
    Decisions.open().mark(hashlib.sha256(package.read_bytes()).hexdigest(), "undesirable")
    assert identify(host, ("env", "pip", "install", f"{package}")).known == "blocked"
    assert identify(host, ("env", "pip", f"--find-links={package}")).known == "blocked"


def test_a_package_named_beside_another_can_be_blocked(host: Host, installer: Installer) -> None:
    first, second = installer("hello"), installer("cowsay")
    Decisions.open().mark(hashlib.sha256(second.read_bytes()).hexdigest(), "undesirable")
    assert identify(host, str(first)).known == "unknown"
    assert identify(host, (str(first), str(second))).known == "blocked"


def test_a_name_that_is_a_file_and_a_program_is_asked_about(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "install").write_text("#!/bin/sh\n")
    error = refused(host, "install")
    assert "both a file here and the program" in str(error) and "./install" in error.hint
    assert identify(host, "./install").kind == "script"
    assert identify(host, "install", bare=True).kind == "command"


def test_a_file_here_needs_no_slash(host: Host, installer: Installer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = installer("hello")
    monkeypatch.chdir(path.parent)
    assert identify(host, path.name).path == str(path)


def test_nothing_and_nobody(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "nothing to run" in str(refused(host, ""))
    assert "no such file" in str(refused(host, "no-such-program"))
    assert "is on the PATH" in str(refused(host, "no-such-program", bare=True))


# -- several plugins


def test_the_surest_kind_wins_and_the_rest_unites() -> None:
    signer = Signer(name="Tame", valid=True)
    sure = Facts(kind="makeself", certainty=0.9, name="Player", facts={"a": "1"})
    less = Facts(kind="script", certainty=0.6, name="other", origin="https://x", facts={"a": "2", "b": "3"})
    together = united([sure, less, Facts(signer=signer)])
    assert (together.kind, together.name, together.origin) == ("makeself", "Player", "https://x")
    assert together.signer == signer
    assert together.facts == {"a": "1", "b": "3"}

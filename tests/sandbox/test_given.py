"""Sockets of the person's that a session is given, each the real thing; and that none is there otherwise."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import agent_of_gnupg
import pytest

from pratique.sandbox import given
from pratique.sandbox.given import Given
from pratique.sandbox.quarantine import Quarantine

Start = Callable[..., Quarantine]


def said_by(
    start: Start, *command: str, give: tuple[Given, ...] = (), **settings: Any
) -> tuple[int | None, str, Quarantine]:
    said: list[bytes] = []
    one = start(*command, given=give, **settings)
    ended = one.run(on_output=lambda data, _: said.append(data))
    return ended.exit_status, b"".join(said).decode(), one


def found(name: str, host: dict[str, str], home: Path) -> tuple[Given, ...]:
    gives, notes = given.find([name], host, home=str(home), uid=os.geteuid())
    assert notes == ()
    return gives


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose sockets have names short enough for the kernel (107 bytes)."""
    place = Path("/var/tmp") / f"pratique-given-{os.getpid()}"  # ours, by its number
    place.mkdir()
    yield place
    shutil.rmtree(place)


@contextlib.contextmanager
def started(*command: str, until: Callable[[], bool], environment: dict[str, str] | None = None) -> Iterator[None]:
    try:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except FileNotFoundError:
        pytest.fail(f"{command[0]} is missing: .ci/setup installs it")
    try:
        deadline = time.monotonic() + 20
        while not until():
            assert server.poll() is None, f"{command[0]} ended with {server.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} is not ready"
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def listening(*paths: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for path in paths:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(str(path))
            server.listen()
            stack.callback(path.unlink)
        yield


def test_an_agent_for_keys_answers_where_it_is_given_and_nowhere_else(quarantine: Start, short: Path) -> None:
    path = short / "agent"
    with started("ssh-agent", "-D", "-a", str(path), until=path.exists):
        host = {"SSH_AUTH_SOCK": str(path)}
        key = short / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key), "-C", "ours"], check=True)
        subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, **host}, capture_output=True)
        gives = found("ssh-agent", host, short)
        status, said, one = said_by(quarantine, "ssh-add", "-l", give=gives)
        assert (status, said.split()[-2:]) == (0, ["ours", "(ED25519)"])
        assert one.given == (f"ssh-agent: {path}",)
        told = [event.fields["path"] for event in one.calls() if event.kind == "socket.connect"]
        assert told == [str(path)]
        status, said, _ = said_by(quarantine, "ssh-add", "-l")
        assert (status, said) == (2, "Could not open a connection to your authentication agent.\n")
        status, said, _ = said_by(quarantine, "env", f"SSH_AUTH_SOCK={path}", "ssh-add", "-l")
        assert status == 2, said  # its name alone leads nowhere


def test_it_can_be_connected_to_and_not_replaced(quarantine: Start, short: Path) -> None:
    path = short / "one"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        before = path.stat()
        script = f"chmod 777 {path}; rm -f {path}; mv {path} {path}2; true"
        said_by(quarantine, "sh", "-c", script, give=found(str(path), {}, short))
    assert (path.stat().st_mode, path.stat().st_ino) == (before.st_mode, before.st_ino)
    assert [entry.name for entry in short.iterdir()] == ["one"]


def test_nothing_of_what_is_given_is_an_effect(quarantine: Start, short: Path) -> None:
    path = short / "one"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        _, _, one = said_by(quarantine, "true", give=found(str(path), {}, short))
    assert list(one.effects()) == []


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>"""


@pytest.mark.parametrize(
    ("name", "variable", "kind"),
    [
        ("session-bus", "DBUS_SESSION_BUS_ADDRESS", "--session"),
        ("system-bus", "DBUS_SYSTEM_BUS_ADDRESS", "--system"),
    ],
)
def test_a_message_bus(quarantine: Start, short: Path, name: str, variable: str, kind: str) -> None:
    path, settings = short / "möin bus", short / "bus.conf"
    escaped = quote(str(path))
    settings.write_text(BUS.format(path=escaped))
    ask = ("dbus-send", kind, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
    with started("dbus-daemon", f"--config-file={settings}", "--nofork", until=path.exists):
        gives = found(name, {variable: f"unix:path={escaped},guid=0123"}, short)
        status, said, _ = said_by(quarantine, *ask, give=gives)
        assert status == 0, said
        assert '"org.freedesktop.DBus"' in said
        status, said, _ = said_by(quarantine, *ask)
        assert status != 0, said


def test_a_display(quarantine: Start, short: Path) -> None:
    number = next(n for n in range(90, 200) if not os.path.lexists(f"/tmp/.X11-unix/X{n}"))
    path, key = Path(f"/tmp/.X11-unix/X{number}"), short / "key"
    key.write_bytes(b"")
    with started("Xvfb", f":{number}", "-screen", "0", "320x200x24", "-nolisten", "tcp", until=path.exists):
        host = {"DISPLAY": f":{number}.0", "XAUTHORITY": str(key)}
        gives = found("display", host, short)
        assert [one.path for one in gives] == [str(path), str(key)]
        status, said, _ = said_by(quarantine, "xdpyinfo", give=gives)
        assert status == 0, said
        assert "320x200 pixels" in said
        status, said, _ = said_by(quarantine, "env", f"DISPLAY=:{number}", "xdpyinfo")
        assert status != 0, said


@pytest.fixture(params=["of a login", "of none"])
def gnupg(request: pytest.FixtureRequest, ordinary_user: Any) -> Iterator[Path]:
    """Where an ordinary user's agent of GnuPG listens: in the directory a login has made for them, or at home."""
    runtime, home = Path(f"/run/user/{ordinary_user.uid}"), ordinary_user.home / ".gnupg"
    home.mkdir(mode=0o700)
    (home / "gpg.conf").write_text("# private\n")
    ordinary_user.own(home)
    if request.param == "of a login":
        runtime.mkdir(mode=0o700, parents=True)
        ordinary_user.own(runtime)
    yield (runtime / "gnupg" if runtime.exists() else home) / "S.gpg-agent"
    for made in (home, runtime):
        shutil.rmtree(made, ignore_errors=True)


@pytest.mark.root
def test_the_agent_of_gnupg(quarantine: Start, ordinary_user: Any, gnupg: Path) -> None:
    """Its own programs find it, though they trust no directory that is not the user's alone, and home's is hidden."""
    home, uid, gid = str(ordinary_user.home), ordinary_user.uid, ordinary_user.gid
    who: dict[str, Any] = {
        "home": home, "uid": uid, "gid": gid, "directory": "/", "user": ordinary_user.name, "hide": ("~/.gnupg/**",),
    }  # fmt: skip
    with agent_of_gnupg.running(ordinary_user) as answer:
        gives, notes = given.find(["gpg-agent"], {}, home=home, uid=uid)
        assert ([one.path for one in gives], notes) == ([str(gnupg)], ())
        status, said, one = said_by(quarantine, *agent_of_gnupg.ASK, give=gives, **who)
        assert (status, said) == (0, answer), one.notes
        assert one.given == (f"gpg-agent: {gnupg}",)
        told = [event.fields["path"] for event in one.calls() if event.kind == "socket.connect"]
        assert set(told) == {f"/run/user/{uid}/gnupg/S.gpg-agent"}
        status, said, _ = said_by(quarantine, *agent_of_gnupg.ASK, **who)
        assert "OK" not in said


def test_one_beneath_a_hidden_directory_is_given_and_nothing_else_of_it(quarantine: Start, short: Path) -> None:
    (short / "sub").mkdir()
    (short / "sub/secret").write_text("secret")
    path = short / "sub/one"
    ask = (
        f"import os, socket; socket.socket(socket.AF_UNIX).connect({str(path)!r}); "
        f"print(sorted(os.listdir({str(path.parent)!r})), open({str(path.parent / 'secret')!r}).read())"
    )
    with listening(path):
        gives = found(str(path), {}, short)
        status, said, one = said_by(quarantine, "/usr/bin/python3", "-c", ask, give=gives, hide=(f"{short}/**",))
    assert (status, said) == (0, "['one', 'secret'] \n"), one.notes
    assert (one.given, list(one.effects())) == ((str(path),), [])


@pytest.mark.root
def test_directories_of_its_place_are_as_on_the_host_whatever_the_caller_s_umask(
    quarantine: Start, ordinary_user: Any
) -> None:
    own, everybody_s = Path(f"/run/user/{ordinary_user.uid}"), Path(f"/run/pratique-test-{os.getpid()}")
    paths = (own / "deep/deeper/one", everybody_s / "deep/one")
    for path in paths:
        path.parent.mkdir(parents=True)
    before = os.umask(0o077)
    try:
        with listening(*paths):
            gives = tuple(one for path in paths for one in found(str(path), {}, own))
            look = ("stat", "-c", "%n %a %u", *(str(above) for path in paths for above in list(path.parents)[:-2]))
            who = {"uid": ordinary_user.uid, "gid": ordinary_user.gid, "directory": "/"}
            status, said, _ = said_by(quarantine, *look, give=gives, **who)
    finally:
        os.umask(before)
        for place in (own, everybody_s):
            shutil.rmtree(place)
    assert status == 0, said
    uid = ordinary_user.uid
    assert said.splitlines() == [
        f"{own}/deep/deeper 700 {uid}", f"{own}/deep 700 {uid}", f"{own} 700 {uid}", "/run/user 755 0",
        f"{everybody_s}/deep 755 0", f"{everybody_s} 755 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "host", "why"),
    [
        ("ssh-agent", {}, "SSH_AUTH_SOCK is not set"),
        ("ssh-agent", {"SSH_AUTH_SOCK": "/nowhere/at/all"}, "/nowhere/at/all: no such file or directory"),
        ("ssh-agent", {"SSH_AUTH_SOCK": "/etc/passwd"}, "/etc/passwd is no socket"),
        ("display", {}, "neither WAYLAND_DISPLAY nor DISPLAY is set"),
        ("display", {"DISPLAY": "elsewhere:0"}, "DISPLAY=elsewhere:0 is not on this machine"),
        ("session-bus", {"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/tmp/dbus"}, "names no path"),
        ("/etc/passwd", {}, "/etc/passwd is no socket"),
    ],
)
def test_what_is_not_there_is_said(name: str, host: dict[str, str], why: str, tmp_path: Path) -> None:
    gives, (note,) = given.find([name], host, home=str(tmp_path), uid=4_000_000)
    assert gives == ()
    assert note.startswith(f"{name} was to be given, and is not: ")
    assert note.endswith(why)


@pytest.fixture
def no_place(short: Path) -> Iterator[Path]:
    """A directory that is not in the quarantine where all of `short` is hidden: no single overlay can hide that."""
    place = short / "in"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "no_place", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.root
def test_one_that_the_quarantine_has_no_place_for_is_said_and_nothing_leads_to_it(
    quarantine: Start, short: Path, no_place: Path
) -> None:
    path = no_place / "one"
    with listening(path):
        gives = found("ssh-agent", {"SSH_AUTH_SOCK": str(path)}, short)
        _, said, one = said_by(quarantine, "env", give=gives, hide=(f"{short}/**",))
    assert [note for note in one.notes if "was to be given" in note] == [
        f"ssh-agent: {path} was to be given, and is not: it has no place in the quarantine"
    ]
    assert one.given == ()
    assert "SSH_AUTH_SOCK" not in said


@pytest.mark.root
def test_of_a_display_what_has_a_place_is_given(quarantine: Start, short: Path, no_place: Path) -> None:
    number = next(n for n in range(200, 300) if not os.path.lexists(f"/tmp/.X11-unix/X{n}"))
    wayland, x11 = no_place / "wayland-0", Path(f"/tmp/.X11-unix/X{number}")
    x11.parent.mkdir(mode=0o1777, exist_ok=True)
    with listening(wayland, x11):
        gives = found("display", {"WAYLAND_DISPLAY": str(wayland), "DISPLAY": f":{number}"}, short)
        _, said, one = said_by(quarantine, "env", give=gives, hide=(f"{short}/**",))
    assert [note for note in one.notes if "was to be given" in note] == [
        f"display: {wayland} was to be given, and is not: it has no place in the quarantine"
    ]
    assert one.given == (f"display: {x11}",)
    assert f"DISPLAY=:{number}\n" in said
    assert "WAYLAND" not in said

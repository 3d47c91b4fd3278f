"""Sockets of the person's that a session is given on purpose: the display, a message bus, an agent for keys.

None is there otherwise. What is given stands where it stands on the host, or where programs of the session look for it,
mounted read-only: it can be connected to and not replaced. It is there though its place be hidden. The variables that
name it are passed on. Only sockets with a path can be given: abstract ones belong to a network name space, and the
session has its own.
"""

from __future__ import annotations

import os
import re
import stat
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec

from pratique.sandbox import linux

_SYSTEM_BUS: Final = "/run/dbus/system_bus_socket"
#: `unix:path=PLACE` in a list of D-Bus addresses; PLACE has %-escapes.
_BUS_PATH: Final = re.compile(r"(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)")
#: D-Bus specification, "Server Addresses": what need not be escaped.
_UNESCAPED: Final = frozenset(f"-_/.\\*{string.ascii_letters}{string.digits}".encode())
_LOCAL_DISPLAY: Final = re.compile(r"(?:unix)?:(\d+)(?:\.\d+)?")
#: Of these the session has its own, in which nothing of the host's is shown.
_NEVER_BELOW: Final = ("/proc/", "/sys/", "/dev/")


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One path that is given: what it is called, and the variables that lead to it."""

    name: str
    path: str  # on the host, links resolved
    elsewhere: str = ""  # in the session, where that is another path
    environment: dict[str, str] = {}

    @property
    def place(self) -> str:
        """Where it stands in the session."""
        return self.elsewhere or self.path

    @property
    def described(self) -> str:
        return self.path if self.name == self.path else f"{self.name}: {self.path}"


class _Lacking(Exception):
    """In words, why there is nothing to give."""


def find(
    wanted: Iterable[str], host: Mapping[str, str], *, home: str, uid: int
) -> tuple[tuple[Given, ...], tuple[str, ...]]:
    """What of the `wanted` names and paths this machine has, and in words what it has not. A name may mean several.

    `host`: the caller's environment, which says where. `home`, `uid`: of whom the program runs as.
    """
    found: list[Given] = []
    notes = []
    for name in dict.fromkeys(wanted):
        try:
            found += _find(name, host, home, uid)
        except _Lacking as lacking:
            notes.append(f"{name} was to be given, and is not: {lacking}")
    return tuple(found), tuple(notes)


def _find(name: str, host: Mapping[str, str], home: str, uid: int) -> tuple[Given, ...]:
    match name:
        case "display":
            return _display(host, home, uid)
        case "session-bus":
            return (_bus(name, "DBUS_SESSION_BUS_ADDRESS", host, f"/run/user/{uid}/bus"),)
        case "system-bus":
            return (_bus(name, "DBUS_SYSTEM_BUS_ADDRESS", host, _SYSTEM_BUS),)
        case "ssh-agent":
            agent = host.get("SSH_AUTH_SOCK")
            if not agent:
                raise _Lacking("SSH_AUTH_SOCK is not set")
            path = _socket(agent)
            return (Given(name=name, path=path, environment={"SSH_AUTH_SOCK": path}),)
        case "gpg-agent":
            # Every session has a /run/user/UID, and GnuPG looks nowhere else where there is one.
            usual = f"/run/user/{uid}/gnupg/S.gpg-agent"
            return (Given(name=name, path=_first(usual, f"{home}/.gnupg/S.gpg-agent"), elsewhere=usual),)
        case _:
            path = _socket(name)
            return (Given(name=path, path=path),)


def _display(host: Mapping[str, str], home: str, uid: int) -> tuple[Given, ...]:
    """Wayland's where there is one, X11's too where that is local, with the key to it."""
    found: list[Given] = []
    lacking = "neither WAYLAND_DISPLAY nor DISPLAY is set"
    if wayland := host.get("WAYLAND_DISPLAY"):
        try:
            path = _socket(os.path.join(host.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}", wayland))  # noqa: PTH118
            found.append(Given(name="display", path=path, environment={"WAYLAND_DISPLAY": path}))
        except _Lacking as error:
            lacking = str(error)
    if display := host.get("DISPLAY"):
        try:
            found += _x11(display, host, home)
        except _Lacking as error:
            lacking = str(error)
    if not found:
        raise _Lacking(lacking)
    return tuple(found)


def _x11(display: str, host: Mapping[str, str], home: str) -> Iterator[Given]:
    local = _LOCAL_DISPLAY.fullmatch(display)
    if local is None:
        raise _Lacking(f"DISPLAY={display} is not on this machine")
    path = _socket(f"/tmp/.X11-unix/X{local[1]}")  # noqa: S108  # where X servers listen
    yield Given(name="display", path=path, environment={"DISPLAY": display})
    key = os.path.realpath(host.get("XAUTHORITY") or f"{home}/.Xauthority")
    if Path(key).is_file():
        yield Given(name="display", path=key, environment={"XAUTHORITY": key})


def _bus(name: str, variable: str, host: Mapping[str, str], usual: str) -> Given:
    address = host.get(variable)
    if not address:
        path = _socket(usual)
    elif named := _BUS_PATH.search(address):
        path = _socket(unquote(named[1], errors="surrogateescape"))
    else:
        raise _Lacking(f"{variable}={address} names no path")
    return Given(name=name, path=path, environment={variable: f"unix:path={_escaped(path)}"})


def _escaped(path: str) -> str:
    """As D-Bus has it, which takes letters of ASCII and no others.

    >>> _escaped("/tmp/für dich")
    '/tmp/f%c3%bcr%20dich'
    """
    return "".join(chr(byte) if byte in _UNESCAPED else f"%{byte:02x}" for byte in os.fsencode(path))


def _first(*candidates: str) -> str:
    for candidate in candidates[:-1]:
        try:
            return _socket(candidate)
        except _Lacking:
            continue
    return _socket(candidates[-1])


def _socket(path: str) -> str:
    """The path with links resolved, of a socket. Raises `_Lacking`."""
    real = os.path.realpath(path)
    try:
        mode = os.stat(real).st_mode  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise _Lacking(f"{path}: {getattr(error, 'strerror', None) or error}".lower()) from None
    if not stat.S_ISSOCK(mode):
        raise _Lacking(f"{path} is no socket")
    if real.startswith(_NEVER_BELOW):
        raise _Lacking(f"below {real[: real.index('/', 1)]} the session has its own")
    return real


def mount(root: Path, given: Iterable[Given], *, uid: int, gid: int) -> tuple[tuple[Given, ...], list[str]]:
    """Put them in place below the root of that user's session: those that could be, and in words those that could not.

    Raises `OSError` for a mount that the kernel refuses.
    """
    mounted, notes = [], []
    for one in given:
        target = root / one.place[1:]
        if one.place.startswith("/run/"):  # the session's own, and empty
            _make_place(root, one.place, uid, gid)
        if target.is_symlink() or not target.exists():
            notes.append(f"{one.described} was to be given, and is not: it has no place in the quarantine")
            continue
        linux.bind(one.path, str(target), read_only=True)
        mounted.append(one)
    return tuple(mounted), notes


def _make_place(root: Path, path: str, uid: int, gid: int) -> None:
    """A file to mount on. Directories are as on the host: what is below a user's is the user's and nobody else's.

    GnuPG would not use one that is not.
    """
    own = Path(f"/run/user/{uid}")
    umask = os.umask(0)  # the caller's is for the caller's files
    try:
        for above in reversed(Path(path).parents):
            directory = root / str(above)[1:]
            if directory.is_dir():
                continue
            directory.mkdir(0o700 if own in above.parents else 0o755)
            if own in above.parents and os.geteuid() == 0 and uid:
                os.chown(directory, uid, gid)
        (root / path[1:]).touch(0o600)
    finally:
        os.umask(umask)


def variables(given: Iterable[Given]) -> dict[str, str]:
    """Those that lead to what was put in place: one that leads nowhere is not set."""
    return {name: value for one in given for name, value in one.environment.items()}

"""File systems that are only shown: nothing on them leads out, neither a socket, nor a pipe, nor a device."""

from __future__ import annotations

import os
import socket
import stat
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.sandbox import linux

pytestmark = pytest.mark.root

PROGRAM = """
import os, socket, sys
for name in sys.argv[1:]:
    try:
        socket.socket(socket.AF_UNIX).connect(name)
        print("connected")
    except OSError as error:
        print(error.strerror)
print(os.listdir("cd"))
for name in ("cd/pipe", "cd/device"):
    try:
        os.write(os.open(name, os.O_RDWR | os.O_NONBLOCK), b"x")
        print("written")
    except OSError as error:
        print(error.strerror)
"""


@pytest.fixture
def shown(host: Path) -> Iterator[tuple[Path, socket.socket, int]]:
    """`host/cd`, a read-only file system with a listening socket, a pipe that is read, and a device; the same socket
    once more as a mount of its own, as containers are given it."""
    at = host / "cd"
    at.mkdir()
    (host / "given").touch()
    linux.mount("tmpfs", str(at), "tmpfs", 0, "size=1m")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(at / "bus"))
    listening.listen()
    listening.setblocking(False)
    os.mkfifo(at / "pipe")
    os.mknod(at / "device", stat.S_IFCHR | 0o666, Path("/dev/null").stat().st_rdev)
    reader = os.open(at / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    linux.bind(str(at / "bus"), str(host / "given"))
    linux.mount("none", str(at), None, 0x20 | linux.MS_RDONLY)
    try:
        yield host, listening, reader
    finally:
        os.close(reader)
        listening.close()
        for name in ("given", "cd"):
            linux.unmount(str(host / name), linux.MNT_DETACH)


def test_nothing_on_them_leads_out(quarantine, shown):
    host, listening, reader = shown
    session = quarantine("python3", "-c", PROGRAM, f"{host}/cd/bus", f"{host}/given")
    said: list[bytes] = []
    ended = session.run(on_output=lambda data, _: said.append(data))
    text = b"".join(said).decode()
    assert ended.exit_status == 0, text
    sockets, names, pipe, device = text.splitlines()[:2], *text.splitlines()[2:]
    assert sockets == ["Connection refused", "Connection refused"]
    assert sorted(literal_eval(names)) == ["bus", "device", "pipe"]
    assert pipe == "written"
    assert os.read(reader, 10) == b"", "it was written into a pipe of the session's own"
    assert device == "Permission denied"
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_what_is_in_a_user_s_skeleton_leads_nowhere_either(ordinary_user, python_for_all, shown):
    """Directories with mounts below them are no overlays there: what lies in them is shown entry by entry."""
    from sandbox.test_as_user import as_user

    host, _, reader = shown
    for above in (host, *host.parents):
        if above != Path("/tmp") and above != Path("/"):
            above.chmod(0o755)
    beside = socket.socket(socket.AF_UNIX)
    beside.bind(str(host / "beside"))
    beside.listen()
    (host / "beside").chmod(0o777)
    os.mkfifo(host / "fifo", 0o666)
    program = f"""
import os
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
script = {PROGRAM!r} + "\\nprint(os.path.lexists('beside'), os.path.lexists('fifo'), os.path.lexists('given'))"
command = ("python3", "-c", script, "{host}/cd/bus", "{host}/given", "{host}/beside")
spec = Spec(id="u", place=Path({str(ordinary_user.home)!r}) / "shown", home={str(ordinary_user.home)!r},
    command=command, directory={str(host)!r}, environment={{"PATH": "/usr/bin:/bin"}}, uid=os.getuid(), gid=os.getgid())
with Quarantine(spec) as quarantine:
    quarantine.run()
"""
    done = as_user(ordinary_user, python_for_all, "-c", program)
    beside.close()
    lines = done.stdout.splitlines()
    assert "connected" not in lines, done.stdout
    assert len(lines) == 7, done.stdout + done.stderr
    assert lines[-1] == "False False False"
    assert os.read(reader, 10) == b""

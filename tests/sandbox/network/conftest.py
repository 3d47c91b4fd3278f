"""An Internet of the tests' own: two network name spaces, one for "this machine" and one for everybody else.

This machine: 192.168.77.1, with services of its own on 127.0.0.1:80. Beyond: 93.184.216.34 and .35,
2606:4700:99::1, and a neighbour on the same network, 192.168.77.2. Names are answered (see world.py) at the addresses
that this machine's own /etc/resolv.conf names, so that nothing on its disk has to change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import reachable

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


class Trial(NamedTuple):
    said: str
    status: int
    records: list[dict[str, Any]]
    effects: list[str]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["type"] == kind]


class Internet:
    """`run(script, "allowed.example")`: that shell script, in a session that may go there."""

    def __init__(self, machine: int, place: Path, user: Any = None) -> None:
        self.machine = machine  # pid of a process in its name space
        self.place = place
        self._user = user

    def command(self, *words: str | os.PathLike[str]) -> list[str]:
        """Run on that machine."""
        user = self._user
        who = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"] if user else []
        return ["nsenter", f"--net=/proc/{self.machine}/ns/net", *who, *map(os.fspath, words)]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self._user.home if self._user else Path.home()),
            "PYTHONPATH": ":".join(reachable.python_path()),
        }  # fmt: skip

    def run(self, script: str, *destinations: str) -> Trial:
        with tempfile.TemporaryDirectory(dir=self._user.home if self._user else self.place) as place:
            if self._user:
                self._user.own(Path(place))
            trial = reachable.checkout() / "tests/sandbox/network/trial.py"
            done = subprocess.run(
                self.command(self._python(), trial, place, script, *destinations),
                env=self.environment(), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        answer = json.loads(done.stdout)
        assert "session" not in answer["left"]
        return Trial(answer["said"], answer["status"], answer["records"], answer["effects"])

    def asked(self) -> list[str]:
        """Every name that left this machine."""
        return (self.place / "asked").read_text().split()

    def heard(self) -> bytes:
        """What came to the servers that only listen."""
        return (self.place / "heard").read_bytes()

    def _python(self) -> str:
        return sys.executable if self._user is None else self._user.python


@pytest.fixture(scope="session")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    place = tmp_path_factory.mktemp("internet")
    for name in ("asked", "heard"):
        (place / name).touch()
    running: list[subprocess.Popen[Any]] = []
    try:
        machine, beyond = (_name_space(running) for _ in range(2))
        _sh(f"ip link add pratique-m netns {machine} type veth peer name pratique-b netns {beyond}")
        servers = [word[1] for line in Path("/etc/resolv.conf").read_text().splitlines()
                   if (word := line.split())[:1] == ["nameserver"]]  # fmt: skip
        assert servers, "the tests of the network need a nameserver in /etc/resolv.conf"
        _sh(
            "ip link set lo up", "ip link set pratique-m up", "ip addr add 192.168.77.1/24 dev pratique-m",
            "ip addr add fd77::1/64 dev pratique-m nodad", "ip route add default via 192.168.77.2",
            "ip -6 route add default via fd77::2",
            *(f"ip addr add {address} dev lo" for address in servers if not address.startswith("127.")), within=machine,
        )  # fmt: skip
        _sh(
            "ip link set lo up", "ip link set pratique-b up", "ip addr add 192.168.77.2/24 dev pratique-b",
            "ip addr add 93.184.216.34/32 dev lo", "ip addr add 93.184.216.35/32 dev lo",
            "ip addr add fd77::2/64 dev pratique-b nodad", "ip addr add 2606:4700:99::1/128 dev lo nodad",
            within=beyond,
        )  # fmt: skip
        _start(running, machine, "names", place / "asked", *servers)
        _start(running, machine, "servers", place / "heard", "127.0.0.1", "192.168.77.1")
        _start(running, beyond, "servers", place / "heard", "0.0.0.0", "2606:4700:99::1")
        yield Internet(machine, place)
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()


class Unprivileged(NamedTuple):
    uid: int
    gid: int
    home: Path
    python: str
    own: Any


@pytest.fixture(params=["root", "user"])
def net(request: pytest.FixtureRequest, internet: Internet) -> Internet:
    """The same tests for root and for an ordinary user."""
    if request.param == "root":
        return internet
    user, python = request.getfixturevalue("ordinary_user"), request.getfixturevalue("python_for_all")
    return Internet(internet.machine, internet.place, Unprivileged(user.uid, user.gid, user.home, python, user.own))


def _name_space(running: list[subprocess.Popen[Any]]) -> int:
    process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    running.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process.pid


def _sh(*lines: str, within: int | None = None) -> None:
    enter = [] if within is None else ["nsenter", f"--net=/proc/{within}/ns/net"]
    subprocess.run([*enter, "sh", "-ec", "\n".join(lines)], check=True, capture_output=True, timeout=20)


def _start(running: list[subprocess.Popen[Any]], within: int, *words: str | os.PathLike[str]) -> None:
    process = subprocess.Popen(
        ["nsenter", f"--net=/proc/{within}/ns/net", sys.executable, HERE / "world.py", *words],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    running.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

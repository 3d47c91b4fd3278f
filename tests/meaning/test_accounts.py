"""Accounts and memberships are read as the C library reads them: no line makes an administrator nobody sees."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.meaning import accounts
from pratique.meaning.changed import Changed
from pratique.recording import Effect, FileState

FILE = FileState(type="file", mode=0o644, uid=0, gid=0)
PASSWD = b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/bash\n"
GROUP = b"root:x:0:\nsudo:x:27:\naudio:x:29:ann\nann:x:1000:\n"
SHADOW = b"root:*:1::::::\nann:$y$old:1::::::\n"
BEFORE = {"/etc/passwd": PASSWD, "/etc/group": GROUP, "/etc/shadow": SHADOW}


def changes(effects: list[Effect], now: dict[str, bytes], before: dict[str, bytes]) -> list[Effect]:
    def read(path: str, _: int) -> bytes | None:
        return now.get(path)

    def read_before(path: str, _: int) -> bytes | None:
        return before.get(path)

    return accounts.changes(effects, Changed(effects, read, read_before), read, read_before)


def told(**after: bytes) -> set[tuple[str, str, str, str]]:
    """(op, name, uid, change) of every account effect when these files of /etc were left so."""
    now = {**BEFORE, **{f"/etc/{name}": content for name, content in after.items()}}
    effects = [
        Effect(id=n, type="file", op="modify", path=f"/etc/{name}", before=FILE, after=FILE)
        for n, name in enumerate(after)
    ]
    found = changes(effects, now, BEFORE)
    return {(e.op, e.details["name"], e.details["uid"], e.details["change"]) for e in found}


@pytest.mark.parametrize(
    "line",
    [b"toor::0:0", b"toor::+0:0::/root:/bin/sh", b"toor:: 00:0::/:", b"toor::-0:0::", b"  toor:x:0:0::/:/bin/sh"],
)
def test_a_second_administrator_is_seen_however_the_line_is_written(line):
    assert ("add", "toor", "0", "added") in told(passwd=PASSWD + line + b"\n")


def test_of_two_lines_for_one_name_the_first_counts():
    assert told(passwd=b"daemon::0:0::/root:/bin/bash\n" + PASSWD) == {
        ("modify", "daemon", "0", "uid 1 -> 0, gid 1 -> 0, home / -> /root, shell /usr/sbin/nologin -> /bin/bash, "
                                  "joined root, password"),
    }  # fmt: skip
    assert told(passwd=PASSWD + b"daemon::0:0::/root:/bin/bash\n") == set()


def test_only_a_newline_ends_a_line():
    ((_, name, uid, _),) = {one for one in told(passwd=PASSWD + b"odd\f:x:0:7::/:/bin/sh\n") if one[0] == "add"}
    assert (name, uid) == ("odd\f", "0")


def test_a_password_taken_away_is_told():
    assert told(passwd=PASSWD.replace(b"root:x", b"root:")) == {("modify", "root", "0", "password")}
    assert told(shadow=SHADOW.replace(b"ann:$y$old", b"ann:")) == {("modify", "ann", "1000", "password")}


def test_a_new_account_in_an_administrators_group_is_told_as_joining_it():
    grown = told(passwd=PASSWD + b"help:x:998:998::/:/bin/bash\n", group=GROUP.replace(b"27:", b"27:help"))
    assert ("modify", "help", "998", "joined sudo") in grown


@pytest.mark.parametrize(
    "group",
    [
        GROUP.replace(b"sudo:x:27:", b"sudo:x:27:ann"),
        b"sudo:x:27:ann\n" + GROUP,
        GROUP + b"sudo:x:27:ann\n",
        GROUP + b"sudo:x:+27:root , ann\n",
    ],
)
def test_joining_a_group_is_told(group):
    assert ("modify", "ann", "1000", "joined sudo") in told(group=group)


def test_a_group_is_its_number():
    assert told(group=GROUP + b"players:x:27:ann\n") == {("modify", "ann", "1000", "joined players, sudo")}
    assert told(passwd=PASSWD.replace(b"1000:1000", b"1000:27")) == {
        ("modify", "ann", "1000", "gid 1000 -> 27, joined sudo")
    }


def test_an_empty_shell_can_log_in():
    assert accounts.Account("x", "1", "1", "/", "", "x").can_log_in
    assert not accounts.Account("x", "1", "1", "/", "/usr/sbin/nologin", "x").can_log_in


class Passwd(ctypes.Structure):
    """<pwd.h>"""

    _fields_ = [
        ("name", ctypes.c_char_p), ("password", ctypes.c_char_p), ("uid", ctypes.c_uint32), ("gid", ctypes.c_uint32),
        ("gecos", ctypes.c_char_p), ("home", ctypes.c_char_p), ("shell", ctypes.c_char_p),
    ]  # fmt: skip


def as_libc_reads(path: Path) -> dict[bytes, tuple[str, str, bytes, bytes]]:
    """name -> uid, gid, home, shell of the first entry of each name, by fgetpwent(3)."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = libc.fgetpwent.restype = ctypes.c_void_p
    libc.fgetpwent.argtypes = libc.fclose.argtypes = [ctypes.c_void_p]
    file = libc.fopen(str(path).encode(), b"r")
    found: dict[bytes, tuple[str, str, bytes, bytes]] = {}
    while entry := libc.fgetpwent(file):
        one = Passwd.from_address(entry)
        if one.name:
            found.setdefault(one.name, (str(one.uid), str(one.gid), one.home or b"", one.shell or b""))
    libc.fclose(file)
    return found


_ODD = ["", "0", "+0", " 0", "-0", "00", "\t7", "-1", "4294967296", "0x0", "1\f", "a", "b", "#", " a", "a b", "/"]
_FIELD = st.sampled_from(_ODD) | st.text(st.sampled_from("a0127 +-\t\f\v\r#,x/"), max_size=4)
_LINES = st.lists(st.lists(_FIELD, max_size=8).map(":".join), max_size=8)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_LINES)
def test_every_account_the_c_library_sees_is_seen(tmp_path, lines):
    content = "\n".join(lines).encode() + b"\n"
    (tmp_path / "passwd").write_bytes(content)
    ours = {
        name.encode(): (one.uid, one.gid, one.home.encode(), one.shell.encode())
        for name, one in accounts._accounts(content).items()
    }
    # Names that begin with a sign are directions for NIS, which has rules of its own.
    libc = {name: one for name, one in as_libc_reads(tmp_path / "passwd").items() if name[:1] not in (b"+", b"-")}
    assert {name: ours.get(name) for name in libc} == libc

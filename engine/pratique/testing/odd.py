"""A session full of what programs do to confuse."""

from __future__ import annotations

from pratique.recording import Component, Effect, FileState, Process
from pratique.subject import Subject
from pratique.testing.session import FakeSession, effect


def odd_session() -> FakeSession:
    """Names, types and contents no observer may stumble over."""
    directory = FileState(type="directory", mode=0o1777, uid=0, gid=0)
    link = FileState(type="link", mode=0o777, uid=0, gid=0, target="../../../../etc/shadow")
    device = FileState(type="device", mode=0o600, uid=0, gid=0, device=0x0103)
    names = (
        "/", "/etc/passwd", "/home/person/.bashrc", "/home/person/a b\tc", "/srv/new\nline", "/srv/quote\"'`$(id)",
        "/srv/\udcff\udcfe", "/srv/" + "x" * 4000, "/srv/\u202egnp.exe", "/srv/\x1b[2J", "relative", "", "/a/../b//c/",
    )  # fmt: skip
    odd = [effect(name, op, process=process)
           for process, name in enumerate(names) for op in ("add", "modify", "delete")]  # fmt: skip
    odd += [
        Effect(id=0, type="file", op="add", path="/srv/directory", after=directory),
        Effect(id=0, type="file", op="add", path="/srv/link", after=link),
        Effect(id=0, type="file", op="modify", path="/srv/link", before=link, after=directory),
        Effect(id=0, type="file", op="add", path="/srv/device", after=device),
        Effect(id=0, type="file", op="modify", path="/srv/no-states"),
        Effect(id=0, type="account", op="add", path="/etc/passwd", details={}),
        Effect(id=0, type="account", op="modify", path="/etc/passwd", details={"name": "", "uid": "no number"}),
        Effect(id=0, type="service", op="add", path="/etc/systemd/system/x.service", details={"name": "x"}),
        Effect(id=0, type="package", op="delete", path="", details={"package": "x", "version": ""}),
        Effect(id=0, type="registry", op="add", path="HKCU\\Software\\X"),
        Effect(id=0, type="never-heard-of", op="delete", path="/srv/x", unfit="it is odd"),
    ]
    contents = [b"", b"\0" * 9, b"\xff\xfe\xfd", b"text without end", b"\n" * 5000, "grüße\r\n".encode(), b"a" * 70_000]
    files = {name: contents[number % len(contents)] for number, name in enumerate(names)}
    before = {name: contents[(number + 3) % len(contents)] for number, name in enumerate(names)}
    return FakeSession(
        subject=Subject(path="", command=("sh", "-c", "x"), kind="never-heard-of"),
        effects=odd, files=files, files_before=before, opened=names, duration=0.0,
        processes=[Process(id=0), Process(id=1, parent=99, program="/srv/\udcff", arguments=("\udcff",) * 9)],
        components=[Component(name="")],
    )  # fmt: skip

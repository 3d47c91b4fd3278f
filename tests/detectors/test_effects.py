"""Lasting changes are told as events."""

from __future__ import annotations

import pytest

from pratique.events import Event
from pratique.recording import Effect, FileState
from pratique.testing import FakeSession, conformance, record
from pratique_detectors import effects as detector

test_conformance = conformance("pratique_detectors.effects")


def state(**given) -> FileState:
    return FileState(**({"type": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": 5, "sha256": "new"} | given))


def told(effect: Effect, now: bytes = b"", before: bytes = b"") -> list[Event]:
    session = FakeSession(
        effects=[effect],
        files={effect.path: now} if effect.after else {},
        files_before={effect.path: before} if effect.before else {},
    )
    return record(detector, session)


def change(op="add", path="/etc/x", **given) -> Effect:
    return Effect(id=7, type="file", op=op, path=path, component="x", **given)


def test_a_new_file_is_created_and_written():
    create, write = told(change(after=state()), now=b"one\ntwo\n")
    assert (create.kind, create.fields["type"], create.effect) == ("file.create", "file", 7)
    assert create.component == "", "whose it is, is told by the effect"
    assert (write.kind, write.fields["added"], write.fields["by_package_manager"]) == ("file.write", "one\ntwo", False)


def test_an_empty_new_file_is_not_written():
    assert [event.kind for event in told(change(after=state(size=0)))] == ["file.create"]


def test_changed_lines_are_those_that_came_and_went():
    effect = change("modify", before=state(sha256="old"), after=state())
    (write,) = told(effect, now=b"same\nnew\n", before=b"same\nold\n")
    assert (write.fields["added"], write.fields["removed"]) == ("new", "old")


@pytest.mark.parametrize(
    ("before", "now", "added", "removed"),
    [
        (b"one\nalias\n", b"one\nalias\nalias\n", "alias", ""),
        (b"one\n\n", b"one\n\nalias\n\nalias\n", "alias\n\nalias", ""),
        (b"alias\none\nalias\nalias\n", b"alias\none\n", "", "alias\nalias"),
        (b"one\ntwo\n", b"two\none\n", "", ""),
    ],
)
def test_a_line_that_is_there_once_more_was_added(before, now, added, removed):
    effect = change("modify", before=state(sha256="old"), after=state())
    (write,) = told(effect, now=now, before=before)
    assert (write.fields["added"], write.fields["removed"]) == (added, removed)


def test_binary_and_large_files_have_no_lines():
    effect = change("modify", path="/usr/x", before=state(sha256="old"), after=state())
    assert told(effect, now=b"\0\1\na", before=b"a")[0].fields["added"] == ""
    large = change(path="/usr/x", after=state(size=10**6))
    assert told(large, now=b"x\n" * 10**5)[1].fields["added"] == ""


@pytest.mark.parametrize("around", [b"# " + b"x" * 10**6 + b"\n", b"# x\n" * 10**5, b"# \0\n", b"\x7fELF\0\n"], ids=len)
@pytest.mark.parametrize("path", ["/etc/apt/apt.conf.d/99x", "/root/.npmrc", "/usr/lib/python3/dist-packages/x.pth"])
def test_a_line_of_settings_is_not_hidden_by_what_is_around_it(path, around):
    content = around + b"evil\n" + around
    events = told(change(path=path, after=state(size=len(content))), now=content)
    assert "evil" in {line for event in events[1:] for line in event.fields["added"].split("\n")}
    assert all(len(event.fields["added"]) <= 64 * 1024 for event in events[1:])


def test_a_line_of_settings_with_a_zero_byte_is_told_with_it():
    content = b'DPkg::Post-Invoke {"evil"; };\0\n'
    effect = change("modify", "/etc/apt/apt.conf.d/99x", before=state(sha256="old"), after=state(size=len(content)))
    (write,) = told(effect, now=content, before=rb'DPkg::Post-Invoke {"evil"; };\0')
    assert write.fields["added"] == r'DPkg::Post-Invoke {"evil"; };\0', "also where it looks like one that was there"


def test_a_stand_in_is_never_compared_with_what_it_hides():
    effect = change("modify", before=state(sha256="old"), after=state(), unfit="hidden")
    assert told(effect, now=b"new\n", before=b"secret\n")[0].fields["removed"] == ""


def test_a_new_setuid_program_is_told_by_its_mode():
    events = told(change(after=state(mode=0o4755)), now=b"\x7fELF")
    assert [event.kind for event in events] == ["file.create", "file.write", "file.mode"]
    assert events[-1].fields["setuid"] is True


def test_a_mode_that_changed_is_told_without_a_write():
    (mode,) = told(change("modify", before=state(), after=state(mode=0o666)))
    assert (mode.kind, mode.fields["world_writable"], mode.fields["setuid"]) == ("file.mode", True, False)


def test_a_changed_owner_is_told():
    (owner,) = told(change("modify", before=state(), after=state(uid=1000)))
    assert (owner.kind, owner.fields["owner"]) == ("file.owner", "1000")


def test_a_file_that_became_a_link_went_and_came():
    link = state(type="link", target="/dev/null", sha256="", size=0, mode=0o777)
    events = told(change("modify", path="/root/.bash_history", before=state(), after=link))
    assert [event.kind for event in events] == ["file.delete", "file.create", "file.write"]
    assert events[1].fields["target"] == "/dev/null"


def test_an_attribute_is_told():
    (event,) = told(change("modify", before=state(), after=state(), details={"xattr:user.x": "1"}))
    assert (event.kind, event.fields["name"], event.fields["value"]) == ("file.attribute", "user.x", "1")


def test_what_a_package_owns_is_by_the_package_manager():
    events = told(change(after=state(), details={"by_package_manager": "true", "package": "nginx"}))
    assert all(event.fields["by_package_manager"] and event.fields["package"] == "nginx" for event in events)


def test_accounts_services_and_packages_have_events_of_their_own():
    def derived(number: int, kind: str, op: str = "add", **details: str) -> Effect:
        return Effect(id=number, type=kind, op=op, path="/etc/passwd", details=details)

    effects = [
        derived(1, "account", name="toor", uid="0", can_log_in="true"),
        derived(7, "account", name="odd", uid="0x0\n"),
        derived(2, "account", "modify", name="ann", change="joined sudo"),
        derived(3, "service", name="x.service", what="enable"),
        derived(4, "service", name="x.timer", what="add", unit="timer"),
        derived(5, "package", package="hello", version="1", manager="dpkg"),
        derived(6, "package", "delete", package="old", manager="dpkg"),
    ]
    events = record(detector, FakeSession(effects=effects))
    assert [event.kind for event in events] == [
        "account.add", "account.add", "account.modify", "service.enable", "service.add", "package.install",
        "package.remove",
    ]  # fmt: skip
    assert [events[0].fields["uid"], events[1].fields["uid"]] == [0, None]
    assert events[0].fields["can_log_in"] is True

"""What is read from the upper layers: every lasting change, and nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from pratique.recording import Effect
from pratique.sandbox.effects import DEEPEST, UNFIT_DEEP, UNFIT_HIDDEN, UNFIT_SOCKET, UNFIT_UNSEEN
from pratique.sandbox.quarantine import Quarantine


def seen(quarantine: Quarantine, host: Path) -> dict[str, Effect]:
    """The effects below `host`, by path from there."""
    found = quarantine.effects()
    assert [(effect.path, effect.op, effect.details) for effect in found if not effect.path.startswith(f"{host}")] == []
    return {effect.path.removeprefix(f"{host}/"): effect for effect in found}


def ops(quarantine: Quarantine, host: Path) -> dict[str, str]:
    return {path: effect.op for path, effect in seen(quarantine, host).items()}


def test_a_session_that_does_nothing_has_no_effects(sh, host):
    assert sh("true").effects() == ()


def test_new_files_links_and_directories_are_added_and_the_host_has_none_of_them(sh, host):
    session = sh("mkdir -p a/b", "echo hello > a/b/file", "ln -s /etc/passwd link", "mkfifo pipe", "chmod 640 a/b/file")
    found = seen(session, host)
    assert {path: (e.op, e.after.type) for path, e in found.items()} == {
        "a": ("add", "directory"), "a/b": ("add", "directory"), "a/b/file": ("add", "file"),
        "link": ("add", "link"), "pipe": ("add", "fifo"),
    }  # fmt: skip
    assert found["a/b/file"].after.sha256 == hashlib.sha256(b"hello\n").hexdigest()
    assert (found["a/b/file"].after.size, found["a/b/file"].after.mode) == (6, 0o640)
    assert found["link"].after.target == "/etc/passwd"
    assert list(host.iterdir()) == []


def test_effects_are_sorted_by_path_and_numbered_from_one(sh, host):
    found = sh("touch b c a", "mkdir d", "touch d/z").effects()
    assert [effect.path for effect in found] == sorted(effect.path for effect in found)
    assert [effect.id for effect in found] == [1, 2, 3, 4, 5]


def test_a_modified_file_carries_its_state_before_and_after(sh, host):
    (host / "conf").write_text("old\n")
    there = (host / "conf").stat()
    effect = seen(sh("echo new >> conf"), host)["conf"]
    assert effect.op == "modify"
    assert effect.before.sha256 == hashlib.sha256(b"old\n").hexdigest()
    assert effect.after.sha256 == hashlib.sha256(b"old\nnew\n").hexdigest()
    assert (effect.before.inode, effect.before.ctime_ns, effect.before.size) == (there.st_ino, there.st_ctime_ns, 4)
    assert (host / "conf").read_text() == "old\n"


def test_what_was_only_copied_up_is_no_effect(sh, host):
    (host / "same").write_text("content")
    (host / "inner").mkdir()
    session = sh(
        "exec 3>>same", "chmod 600 same; chmod 644 same", "touch -d yesterday same", "touch inner/x; rm inner/x"
    )
    upper = session.spec.place / "upper"
    assert list(upper.rglob("same")), "the file was not copied up: the test shows nothing"
    assert ops(session, host) == {}


def test_a_same_sized_write_with_its_time_put_back_is_seen(sh, host):
    (host / "x").write_text("aaaa")
    session = sh("keep=$(mktemp)", "cp -p x $keep", "printf bbbb > x", "touch -r $keep x", "rm $keep")
    assert ops(session, host) == {"x": "modify"}


def test_deleting_a_tree_names_everything_that_was_in_it(sh, host):
    (host / "tree/deep").mkdir(parents=True)
    (host / "tree/deep/file").write_text("x")
    (host / "tree/link").symlink_to("deep")
    session = sh("rm -rf tree")
    assert ops(session, host) == dict.fromkeys(("tree", "tree/deep", "tree/deep/file", "tree/link"), "delete")
    assert (host / "tree/deep/file").read_text() == "x"


def test_a_directory_made_anew_over_a_deleted_one_hides_what_was_in_it(sh, host):
    (host / "tree/sub").mkdir(parents=True)
    (host / "tree/sub/old").write_text("x")
    (host / "tree/kept").write_text("same")
    session = sh("rm -rf tree", "mkdir -p tree/sub", "printf same > tree/kept", "echo y > tree/sub/new")
    assert ops(session, host) == {"tree/sub/old": "delete", "tree/sub/new": "add"}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("rm f; mkdir f; touch f/x", {"f": "modify", "f/x": "add"}),
        ("rm f; ln -s elsewhere f", {"f": "modify"}),
        ("rm -r d; echo now > d", {"d": "modify", "d/in": "delete"}),
        ("rm -r d; ln -s f d", {"d": "modify", "d/in": "delete"}),
        ("rm l; cp f l", {"l": "modify"}),
        ("ln -sfn other l", {"l": "modify"}),
        ("mv f g", {"f": "delete", "g": "add"}),
        ("mv d e", {"d": "delete", "d/in": "delete", "e": "add", "e/in": "add"}),
        ("chmod 700 d", {"d": "modify"}),
        ("chmod u+s f", {"f": "modify"}),
        ("echo tmp > t; rm t", {}),
        ("rm f; printf x > f", {}),
    ],
)
def test_a_path_that_becomes_something_else(sh, host, script, expected):
    (host / "f").write_text("x")
    (host / "d").mkdir()
    (host / "d/in").touch()
    (host / "l").symlink_to("f")
    assert ops(sh(script), host) == expected


def test_hard_links_name_the_path_they_share_a_file_with(sh, host):
    found = seen(sh("echo x > one", "ln one two", "mkdir d", "ln one d/three"), host)
    assert {path: effect.details.get("link") for path, effect in found.items()} == {
        "d": None, "d/three": None, "one": f"{host}/d/three", "two": f"{host}/d/three",
    }  # fmt: skip


def test_names_that_are_not_utf8_keep_their_bytes(sh, host):
    found = sh(r"touch $(printf 'caf\351')").effects()
    assert os.fsencode(found[0].path) == os.fsencode(host) + b"/caf\xe9"


def test_a_socket_without_its_process_cannot_be_put_in_place(sh, host):
    found = seen(sh("""python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'"""), host)
    assert (found["s"].after.type, found["s"].unfit) == ("socket", UNFIT_SOCKET)


@pytest.mark.root
def test_capabilities_and_attributes_are_said_in_words(sh, host):
    (host / "tool").write_text("x")
    assert shutil.which("setcap"), "the package libcap2-bin is missing"
    session = sh(
        "setcap cap_net_raw,cap_sys_admin+ep tool",
        "echo > noted",
        """python3 -c 'import os; os.setxattr("noted", "user.colour", b"red")'""",
    )
    found = seen(session, host)
    assert found["tool"].details == {"capabilities": "cap_net_raw,cap_sys_admin=ep"}
    assert found["tool"].op == "modify"
    assert found["noted"].details == {"xattr:user.colour": "red"}


@pytest.mark.root
def test_a_change_of_owner_is_a_modification(sh, host):
    (host / "f").write_text("x")
    effect = seen(sh("chown 1234:4321 f"), host)["f"]
    assert (effect.before.uid, effect.after.uid, effect.after.gid) == (0, 1234, 4321)
    assert effect.before.sha256 == effect.after.sha256


def test_a_written_stand_in_is_unfit_and_its_content_is_not_read(sh, host):
    (host / "key").write_text("very secret")
    (host / "private").mkdir()
    (host / "private/a").write_text("secret")
    session = sh(
        "test ! -s key", "test ! -s private/a", "echo mine >> key", "echo mine > private/a", "touch private/new",
        hide=(f"{host}/key", f"{host}/private/**"),
    )  # fmt: skip
    found = seen(session, host)
    assert {path: (e.op, e.unfit) for path, e in found.items()} == {
        "key": ("modify", UNFIT_HIDDEN), "private/a": ("modify", UNFIT_HIDDEN), "private/new": ("add", ""),
    }  # fmt: skip
    assert found["key"].before.sha256 == ""
    assert session.read_before(f"{host}/key", 100) == b""
    assert session.read(f"{host}/key", 100) == b"mine\n"


def test_a_deleted_stand_in_is_unfit(sh, host):
    (host / "key").write_text("very secret")
    found = seen(sh("rm key", hide=(f"{host}/key",)), host)
    assert (found["key"].op, found["key"].unfit) == ("delete", UNFIT_HIDDEN)


def test_directories_nested_without_end_are_reported_and_removed_again(sh, host):
    session = sh(f"""python3 -c 'import os
for _ in range({DEEPEST + 2000}): os.mkdir("d"); os.chdir("d")'""")
    found = session.effects()
    assert found[-1].path.count("/") == DEEPEST + 1
    assert [effect.unfit for effect in found] == [""] * (len(found) - 1) + [UNFIT_DEEP]
    session.discard()
    assert not session.spec.place.exists()


def test_reading_never_follows_a_link_and_never_waits_for_a_pipe(sh, host):
    session = sh("ln -s /etc/passwd link", "mkfifo pipe", "echo abcdef > file", "mkdir dir")
    assert session.read(f"{host}/file", 3) == b"abc"
    with pytest.raises(OSError, match="symbolic link"):
        session.read(f"{host}/link", 10)
    with pytest.raises(ValueError, match="not a regular file"):
        session.read(f"{host}/pipe", 10)
    with pytest.raises(OSError, match="No such file"):
        session.read(f"{host}/none", 10)


def test_a_link_put_in_the_place_of_a_directory_does_not_lead_a_reader_out(sh, host):
    (host / "d").mkdir()
    (host / "d/passwd").write_text("harmless")
    session = sh("rm -r d", "ln -s /etc d")
    with pytest.raises(OSError):
        session.read(f"{host}/d/passwd", 10)


def test_reading_gives_the_state_before_and_after(sh, host):
    (host / "a").write_text("before")
    (host / "b").write_text("untouched")
    (host / "c").write_text("deleted")
    session = sh("printf after > a", "rm c")
    assert session.read(f"{host}/a", 99) == b"after"
    assert session.read_before(f"{host}/a", 99) == b"before"
    assert session.read(f"{host}/b", 99) == b"untouched"
    with pytest.raises(FileNotFoundError):
        session.read(f"{host}/c", 99)


def test_a_large_file_s_hash_agrees_with_sha256sum(sh, host):
    session = sh("head -c 3000000 /dev/urandom > big", "sha256sum big > sum")
    effect = seen(session, host)["big"]
    assert effect.after.size == 3_000_000
    assert session.read(f"{host}/sum", 64).decode() == effect.after.sha256


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o300, 0o400, 0o600])
@pytest.mark.parametrize(
    "deed",
    [
        "chmod 700 zero; echo x > zero/f; rm -f zero/g; mkdir -p zero/d/e",
        "chmod 700 zero",
        "chmod 700 zero; rm -r zero",
        "chmod 700 zero; rm -r zero; echo x > zero",
    ],
)
def test_a_directory_of_the_host_that_its_owner_may_not_look_into(sh, host, mode, deed):
    (host / "zero").mkdir()
    (host / "zero/g").write_text("mine\n")
    (host / "conf").write_text("old\n")
    (host / "zero").chmod(mode)
    try:
        session = sh(f"({deed}) 2> /dev/null || true", "echo evil >> conf")
        found = seen(session, host)
        assert found["conf"].op == "modify", "what else was done is judged"
        done = session.commit(session.effects())
        assert (host / "conf").read_text() == "old\nevil\n"
        assert {one.path for one in done.skipped} == {one.path for one in session.effects() if one.unfit}
        if os.geteuid():  # root may look into everything
            inner = {path: effect.unfit for path, effect in found.items() if path.startswith("zero/")}
            by_name = mode == 0o300 and "rm -r" not in deed  # what may be looked up, though not listed, is known
            assert set(inner.values()) <= ({""} if by_name else {UNFIT_UNSEEN})
            assert deed.count("zero/f") == 0 or "zero/f" in inner
            if by_name and inner:
                assert sorted(path.name for path in (host / "zero").iterdir()) == ["d", "f"]
    finally:
        if (host / "zero").is_dir():
            (host / "zero").chmod(0o700)

"""Putting effects on the host: exactly what was accepted, all of it or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.errors import ConflictError, NoRoomError, PratiqueError
from pratique.sandbox import copying, linux
from pratique.sandbox.accepted import NEEDS_LEFT_OUT, STILL_NEEDED
from pratique.sandbox.effects import UNFIT_HIDDEN
from pratique.sandbox.quarantine import Quarantine


def picture(directory: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree that a commit must not change by accident; times of directories excepted."""
    out: dict[str, tuple[object, ...]] = {}
    for path in sorted(directory.rglob("*")):
        found = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        time = None if path.is_dir() and not path.is_symlink() else found.st_mtime_ns
        attributes = () if path.is_symlink() else tuple((n, os.getxattr(path, n)) for n in sorted(os.listxattr(path)))
        inode = None if path.is_dir() and not path.is_symlink() else found.st_ino  # one that is made again is another
        out[str(path.relative_to(directory))] = (
            found.st_mode, found.st_uid, found.st_gid, time, content, attributes, inode,
        )  # fmt: skip
    return out


def below(session: Quarantine, host: Path, *paths: str):
    """The effects at these paths below `host`."""
    wanted = {f"{host}/{path}" for path in paths}
    found = [effect for effect in session.effects() if effect.path in wanted]
    assert len(found) == len(wanted)
    return found


@pytest.fixture
def tree(host: Path) -> Path:
    (host / "conf").write_text("old\n")
    (host / "gone/deep").mkdir(parents=True)
    (host / "gone/deep/file").write_text("x")
    (host / "dir").mkdir()
    (host / "dir/kept").write_text("kept")
    (host / "link").symlink_to("conf")
    return host


EVERYTHING = (
    "echo new >> conf", "rm -r gone", "mkdir -p opt/app", "echo prog > opt/app/run", "chmod 4755 opt/app/run",
    "ln -s run opt/app/link", "ln opt/app/run opt/app/twin", "mkfifo pipe", "chmod 2775 dir", "ln -sfn dir link",
)  # fmt: skip


def test_a_file_may_be_put_with_other_content_than_the_program_left(sh, tree):
    session = sh("printf 'old\\nnew\\nevil\\n' > conf", "chmod 640 conf", "echo one > a", "ln a b", "ln a c")
    session.commit(session.effects(), {f"{tree}/conf": b"old\nnew\n", f"{tree}/b": b"two\n"})
    assert (tree / "conf").read_bytes() == b"old\nnew\n"
    assert (tree / "conf").stat().st_mode & 0o777 == 0o640
    assert [(tree / name).read_text() for name in "abc"] == ["one\n", "two\n", "one\n"]
    assert (tree / "a").stat().st_ino == (tree / "c").stat().st_ino


def test_everything_accepted_is_on_the_host_afterwards(sh, tree):
    session = sh(*EVERYTHING)
    result = session.commit(session.effects())
    assert result.skipped == ()
    assert result.applied == tuple(effect.id for effect in session.effects())
    assert (tree / "conf").read_text() == "old\nnew\n"
    assert not (tree / "gone").exists()
    assert (tree / "opt/app/run").stat().st_mode & 0o7777 == 0o4755
    assert (tree / "opt/app/link").readlink() == Path("run")
    assert (tree / "opt/app/twin").stat().st_ino == (tree / "opt/app/run").stat().st_ino
    assert (tree / "pipe").is_fifo()
    assert (tree / "dir").stat().st_mode & 0o7777 == 0o2775
    assert (tree / "dir/kept").read_text() == "kept"
    assert (tree / "link").readlink() == Path("dir")


def test_a_second_session_sees_no_difference_to_what_was_committed(sh, tree):
    session = sh(*EVERYTHING, "touch -d '2001-02-03 04:05:06' opt/app/run opt/app opt")
    session.commit(session.effects())
    for effect in session.effects():
        if effect.after is None:
            continue
        found = os.lstat(effect.path)
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (
            effect.after.mode, effect.after.uid, effect.after.gid,
        )  # fmt: skip
    assert (tree / "opt/app/run").stat().st_mtime_ns == (tree / "opt").stat().st_mtime_ns


def test_a_refused_write_is_dropped_and_the_host_file_keeps_its_inode(sh, tree):
    before = picture(tree)
    session = sh(*EVERYTHING)
    session.commit(below(session, tree, "pipe"))
    after = picture(tree)
    assert (tree / "pipe").is_fifo()
    del after["pipe"]
    assert after == before


def test_a_new_directory_is_made_only_for_what_is_accepted_in_it(sh, tree):
    session = sh("mkdir -p a/b c/d", "touch a/b/wanted a/b/not c/d/not")
    result = session.commit(below(session, tree, "a/b/wanted"))
    assert (tree / "a/b/wanted").exists()
    assert not (tree / "a/b/not").exists()
    assert not (tree / "c").exists()
    assert result.applied == tuple(effect.id for effect in below(session, tree, "a/b/wanted"))


def test_a_directory_stays_when_something_in_it_was_not_to_be_deleted(sh, tree):
    session = sh("rm -r gone")
    result = session.commit(below(session, tree, "gone", "gone/deep"))
    assert (tree / "gone/deep/file").exists()
    assert [(one.path, one.reason) for one in result.skipped] == [
        (f"{tree}/gone/deep", STILL_NEEDED), (f"{tree}/gone", STILL_NEEDED),
    ]  # fmt: skip
    assert result.applied == ()


def test_a_file_in_a_directory_that_replaces_a_refused_one_is_left_out(sh, tree):
    session = sh("rm conf", "mkdir conf", "touch conf/inner")
    result = session.commit(below(session, tree, "conf/inner"))
    assert [one.reason for one in result.skipped] == [NEEDS_LEFT_OUT]
    assert (tree / "conf").read_text() == "old\n"


@pytest.mark.parametrize(
    "script",
    [
        "rm conf; mkdir conf; touch conf/in",
        "rm -r gone; echo file > gone",
        "rm -r gone; ln -s conf gone",
        "rm -r gone; mkdir gone; touch gone/new",
        "rm link; mkdir link",
    ],
)
def test_a_path_that_became_something_else(sh, tree, script):
    path = f"/tmp/listing-{os.getpid()}"
    session = sh(script, f"find . -printf '%P %y %s %l\\n' | sort > {path}")
    listing = next(effect for effect in session.effects() if effect.path == path)
    expected = session.read(path, 10_000)
    session.commit([effect for effect in session.effects() if effect != listing])
    found = subprocess.run(["find", ".", "-printf", "%P %y %s %l\\n"], cwd=tree, capture_output=True, check=True)
    assert sorted(_sizeless(found.stdout)) == sorted(_sizeless(expected))


def _sizeless(listing: bytes) -> list[bytes]:
    """A directory's size is the file system's business."""
    return [
        b" ".join(w for i, w in enumerate(line.split(b" ")) if i != 2 or b" d " not in line)
        for line in listing.splitlines()
    ]


def test_a_written_stand_in_never_replaces_the_real_file(sh, host):
    (host / "key").write_text("very secret")
    session = sh("echo mine > key", "echo ok > ok", hide=(f"{host}/key",))
    result = session.commit(session.effects())
    assert (host / "key").read_text() == "very secret"
    assert (host / "ok").exists()
    assert [one.reason for one in result.skipped] == [UNFIT_HIDDEN]


@pytest.mark.root
def test_capabilities_owners_acls_and_attributes_arrive(sh, host):
    assert shutil.which("setcap"), "the package libcap2-bin is missing"
    session = sh(
        "echo x > tool", "chown 1234:4321 tool", "chmod 750 tool", "setcap cap_net_raw+ep tool",
        """python3 -c 'import os; os.setxattr("tool", "user.colour", b"red")'""", "mkdir -m 1770 d", "chown 77:88 d",
    )  # fmt: skip
    session.commit(session.effects())
    found = (host / "tool").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 4321, 0o750)
    assert os.getxattr(host / "tool", "user.colour") == b"red"
    shown = subprocess.run(["getcap", host / "tool"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().endswith("cap_net_raw=ep")
    assert ((host / "d").stat().st_uid, (host / "d").stat().st_mode & 0o7777) == (77, 0o1770)


def test_a_sparse_file_stays_sparse(sh, host):
    session = sh("truncate -s 2G hole", "echo end >> hole")
    session.commit(session.effects())
    found = (host / "hole").stat()
    assert found.st_size == 2 * 1024**3 + 4
    assert found.st_blocks * 512 < 1024**2


def test_names_that_are_not_utf8_arrive(sh, host):
    session = sh(r"echo x > $(printf 'caf\351')")
    session.commit(session.effects())
    assert [os.fsencode(path.name) for path in host.iterdir()] == [b"caf\xe9"]


# -- conflicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda host: (host / "conf").write_text("host's own"),
        lambda host: (host / "conf").chmod(0o600),
        lambda host: (host / "conf").unlink(),
        lambda host: (host / "opt").mkdir(),
        lambda host: (host / "pipe").symlink_to("/etc/passwd"),
        lambda host: (host / "gone/deep/new").touch(),
        lambda host: (host / "gone/deep/file").rename(host / "gone/deep/renamed"),
        lambda host: shutil.move(host / "gone", host / "elsewhere"),
    ],
)
def test_a_host_that_changed_meanwhile_is_left_alone(sh, tree, meanwhile):
    session = sh(*EVERYTHING)
    session.effects()
    meanwhile(tree)
    before = picture(tree)
    with pytest.raises(ConflictError, match=str(tree)) as caught:
        session.commit(session.effects())
    assert caught.value.exit_code == 5
    assert caught.value.hint
    assert picture(tree) == before


def test_a_file_that_the_host_changed_before_the_effects_were_read_is_a_conflict(sh, tree):
    session = sh("echo installed >> conf")
    (tree / "conf").write_text("the host's newer content\n")
    with pytest.raises(ConflictError, match="was changed"):
        session.commit(session.effects())
    assert (tree / "conf").read_text() == "the host's newer content\n"


@pytest.mark.parametrize(
    ("script", "what"),
    [("chmod 750 theirs", "directory"), ("rm -r theirs", "directory"), ("rm -r theirs; echo x > theirs", "directory"),
     ("echo more >> theirs", "file"), ("rm theirs", "file")],
)  # fmt: skip
def test_an_owner_or_mode_that_the_host_changed_meanwhile_stays(sh, host, script, what):
    theirs = host / "theirs"
    if what == "directory":
        theirs.mkdir(mode=0o755)
    else:
        theirs.write_text("mine\n")
        theirs.chmod(0o644)
    session = sh(script)
    effects = session.effects()
    theirs.chmod(0o700)
    before = picture(host)
    with pytest.raises(ConflictError, match=f"{theirs}: its owner or mode changed"):
        session.commit(effects)
    assert picture(host) == before


def test_only_the_first_ten_conflicts_are_listed(sh, host):
    session = sh("for n in $(seq 30); do touch file$n; done")
    assert len(session.effects()) == 30
    for number in range(1, 31):
        (host / f"file{number}").touch()
    with pytest.raises(ConflictError, match="and 20 more") as caught:
        session.commit(session.effects())
    assert str(caught.value).count(str(host)) == 10


def test_a_change_beside_what_is_committed_is_no_conflict(sh, tree):
    session = sh("echo new >> conf", "touch dir/new")
    (tree / "dir/host").touch()
    session.commit(session.effects())
    assert {path.name for path in (tree / "dir").iterdir()} == {"kept", "host", "new"}


def test_a_link_put_in_the_way_leads_nowhere(sh, host):
    (host / "dir").mkdir()
    session = sh("echo x > dir/file")
    outside = host.parent / "outside"
    (host / "dir").rename(outside)
    (host / "dir").symlink_to(outside)
    with pytest.raises(ConflictError):
        session.commit(session.effects())
    assert list(outside.iterdir()) == []


# -- what goes wrong midway -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", range(1, 5))
def test_a_failure_midway_takes_back_all_that_was_done(sh, tree, monkeypatch, failing):
    """The kernel refuses the nth copied file; what was made, replaced and deleted before it is undone."""
    session = sh(*EVERYTHING, "echo 1 > zz1", "echo 2 > zz2")
    before = picture(tree)
    real, calls = copying.dress, []

    def dress(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise PermissionError(1, "Operation not permitted")
        return real(*arguments)

    monkeypatch.setattr(copying, "dress", dress)
    with pytest.raises(PratiqueError, match="everything was taken back"):
        session.commit(session.effects())
    assert len(calls) >= failing
    assert picture(tree) == before
    assert not (session.spec.place / "journal").exists()


def refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_what_failed_once_can_be_committed_again(sh, tree, monkeypatch):
    session = sh(*EVERYTHING)
    with monkeypatch.context() as broken:
        broken.setattr(copying, "other", refuse)
        with pytest.raises(PratiqueError):
            session.commit(session.effects())
    assert session.commit(session.effects()).skipped == ()
    assert (tree / "conf").read_text() == "old\nnew\n"


def test_what_others_change_after_a_failed_commit_is_a_conflict(sh, tree, monkeypatch):
    session = sh("echo new >> conf", "mkfifo pipe")
    with monkeypatch.context() as broken:
        broken.setattr(copying, "other", refuse)
        with pytest.raises(PratiqueError):
            session.commit(session.effects())
    (tree / "conf").write_text("host\n")
    with pytest.raises(ConflictError):
        session.commit(session.effects())


@pytest.fixture
def small(host: Path) -> Iterator[Path]:
    """A file system of 4 MiB on the host."""
    at = host / "small"
    at.mkdir()
    linux.mount("tmpfs", str(at), "tmpfs", 0, "size=4m")
    try:
        yield at
    finally:
        linux.unmount(str(at), linux.MNT_DETACH)


@pytest.mark.root
def test_a_file_system_mounted_on_the_host_is_written_to_and_committed(sh, small):
    (small / "there").write_text("x")
    session = sh("echo new > small/new", "rm small/there")
    assert {Path(effect.path).name: effect.op for effect in session.effects()} == {"new": "add", "there": "delete"}
    assert (small / "there").exists()
    session.commit(session.effects())
    assert [path.name for path in small.iterdir()] == ["new"]


@pytest.mark.root
def test_too_little_room_is_found_out_before_anything_is_done(sh, host, small):
    session = sh("echo first > a", "head -c 5M /dev/zero > small/big")
    with pytest.raises(NoRoomError, match="no room for") as caught:
        session.commit(session.effects())
    assert caught.value.exit_code == 8
    assert not (host / "a").exists()
    assert list(small.iterdir()) == []


@pytest.mark.root
def test_a_disk_that_fills_up_midway_takes_back_all_that_was_done(sh, host, small, monkeypatch):
    session = sh("echo 0 > aaa", "head -c 2M /dev/urandom > small/one", "head -c 1500K /dev/urandom > small/two")
    real, filled = copying.file, []

    def file(source, name, directory, like, *rest):
        if not filled and like.size == 1500 * 1024:  # somebody else takes the room
            filled.append((small / "other").write_bytes(bytes(1024 * 1024)))
        return real(source, name, directory, like, *rest)

    monkeypatch.setattr(copying, "file", file)
    with pytest.raises(NoRoomError, match="taken back"):
        session.commit(session.effects())
    assert filled, "the disk was never filled"
    assert [path.name for path in small.iterdir()] == ["other"]
    assert not (host / "aaa").exists()


@pytest.mark.root
def test_originals_on_another_file_system_are_put_back_too(sh, host, small, monkeypatch):
    for name in ("a", "b"):
        (small / name).write_text(f"original {name}")
        os.chown(small / name, 12, 34)
    session = sh("echo changed > small/a", "rm small/b", "echo z > small/z")
    real = copying.file

    def file(source, name, directory, like, *rest):
        if like.size == 2:  # z
            raise PermissionError(1, "refused")
        return real(source, name, directory, like, *rest)

    before = {name: (small / name).stat().st_mtime_ns for name in ("a", "b")}
    monkeypatch.setattr(copying, "file", file)
    with pytest.raises(PratiqueError, match="taken back"):
        session.commit(session.effects())
    for name in ("a", "b"):
        assert (small / name).read_text() == f"original {name}"
        assert ((small / name).stat().st_uid, (small / name).stat().st_mtime_ns) == (12, before[name])
    assert not (small / "z").exists()


def test_the_originals_are_kept_after_a_commit(sh, tree):
    inode = (tree / "conf").stat().st_ino
    session = sh("echo new >> conf")
    session.commit(session.effects())
    assert inode in {path.stat().st_ino for path in (session.spec.place / "journal").iterdir()}


def test_a_kept_session_is_committed_by_another_process(sh, tree):
    session = sh("echo new >> conf")
    session.keep()
    session.__exit__(None, None, None)
    again = Quarantine.reopen(session.spec.place)
    assert again.effects() == session.effects()
    again.commit(again.effects())
    assert (tree / "conf").read_text() == "old\nnew\n"
    again.discard()

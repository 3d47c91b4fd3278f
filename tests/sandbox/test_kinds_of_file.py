"""Every kind of file goes onto the host and comes back; what cannot be is said and changes nothing."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from overlaid import Overlaid, picture

from pratique.errors import PratiqueError
from pratique.sandbox import linux
from pratique.sandbox.effects import UNFIT_SOCKET

pytestmark = pytest.mark.root


@pytest.fixture
def overlaid(tmp_path: Path) -> Overlaid:
    (tmp_path / "host").mkdir()
    return Overlaid(tmp_path / "host", tmp_path / "sessions/7f3a0000")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Overlaid]:
    """The session's files are on another file system than the host's."""
    host = tmp_path / "elsewhere"
    host.mkdir()
    linux.mount("tmpfs", str(host), "tmpfs", 0, "size=16m")
    try:
        yield Overlaid(host, tmp_path / "sessions/7f3a0000")
    finally:
        linux.unmount(str(host), linux.MNT_DETACH)


def test_the_topmost_directory_is_seen_with_its_lists_of_access_and_keeps_them(tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    subprocess.run(["setfacl", "-m", "u:65534:rwx", "-m", "d:g:4321:r-x", str(host)], check=True)
    os.setxattr(host, "user.of", b"the person's")
    before = picture(host)
    overlaid = Overlaid(host, tmp_path / "sessions/7f3a0000")

    def work(merged: Path) -> None:
        assert picture(merged) == before
        (merged / "new").write_text("new")

    overlaid.change(work)
    assert [effect.path for effect in overlaid.effects()] == [f"{host}/new"]
    overlaid.commit()
    after = picture(host)
    assert after["."][6] == before["."][6] != ()
    assert {name for name in after if name != "."} == {"new"}


def nodes(host: Path) -> None:
    """A socket, a pipe and two devices, each with an owner, a mode and a time of its own."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(host / "socket"))
    os.mkfifo(host / "pipe")
    os.mknod(host / "block", stat.S_IFBLK | 0o600, os.makedev(7, 99))
    os.mknod(host / "character", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    for number, path in enumerate(sorted(host.iterdir())):
        os.chown(path, 100 + number, 200)
        path.chmod(0o640 + number)
        os.utime(path, ns=(5, 1_234_567_890_123_456_789 + number))


@pytest.mark.parametrize("where", ["overlaid", "elsewhere"])
def test_sockets_pipes_and_devices_that_were_deleted_come_back(request, where):
    overlaid = request.getfixturevalue(where)
    nodes(overlaid.host)
    before = picture(overlaid.host)
    overlaid.change(lambda tree: [path.unlink() for path in tree.iterdir()])
    assert overlaid.commit().skipped == ()
    assert list(overlaid.host.iterdir()) == []
    overlaid.undo()
    assert picture(overlaid.host) == before


def test_a_new_socket_is_left_out_and_that_is_said(overlaid):
    overlaid.change(nodes)
    result = overlaid.commit()
    assert {Path(one.path).name: one.reason for one in result.skipped}["socket"] == UNFIT_SOCKET
    assert [path.name for path in overlaid.host.iterdir()] == ["pipe"]
    assert (overlaid.host / "pipe").stat().st_mtime_ns == 1_234_567_890_123_456_791


@pytest.mark.proof  # hashing so many zeros takes its time
@pytest.mark.parametrize("where", ["overlaid", "elsewhere"])
def test_a_sparse_file_beyond_4_gib_keeps_its_holes_there_and_back(request, where):
    overlaid = request.getfixturevalue(where)
    with (overlaid.host / "old").open("wb") as file:
        file.truncate(5 << 30)
        file.seek(4 << 30)
        file.write(b"middle")
    before = (overlaid.host / "old").stat()

    def work(tree: Path) -> None:
        (tree / "old").unlink()
        with (tree / "new").open("wb") as file:
            file.truncate(6 << 30)
            file.seek(3 << 30)
            file.write(b"here")

    overlaid.change(work)
    overlaid.commit(overlaid.effects())
    found = (overlaid.host / "new").stat()
    assert (found.st_size, found.st_blocks * 512 < 1 << 20) == (6 << 30, True)
    with (overlaid.host / "new").open("rb") as file:
        file.seek(3 << 30)
        assert file.read(6) == b"here\0\0"
    (overlaid.host / "new").unlink()  # not hashed again: six gigabytes of nothing take their time
    overlaid.undo(anyway=True)
    after = (overlaid.host / "old").stat()
    assert (after.st_size, after.st_blocks, after.st_mtime_ns) == (before.st_size, before.st_blocks, before.st_mtime_ns)


@pytest.mark.parametrize("flag", ["i", "a"])
def test_an_immutable_file_stops_the_whole_and_that_is_said(overlaid, flag):
    for name in ("a", "b", "c"):
        (overlaid.host / name).write_text("old")
    before = picture(overlaid.host)
    overlaid.change(lambda tree: [(tree / name).unlink() for name in ("a", "b", "c")])
    effects = overlaid.effects()
    subprocess.run(["chattr", f"+{flag}", overlaid.host / "b"], check=True)
    try:
        # The mark is itself a change of the file since the session began; committed all the same, it cannot be.
        written = overlaid.written()
        written = type(written)(**{**{n: getattr(written, n) for n in written.__struct_fields__}, "started_ns": 2**62})
        from pratique.sandbox.commit import commit
        from pratique.sandbox.states import identity

        written.restored.update({f"{overlaid.host}/b": identity((overlaid.host / "b").lstat())})
        with pytest.raises(PratiqueError, match="not permitted; everything was taken back") as caught:
            commit(effects, effects, written)
        assert "lsattr" in caught.value.hint
        assert picture(overlaid.host) == before
    finally:
        subprocess.run(["chattr", f"-{flag}", overlaid.host / "b"], check=True)


def test_what_was_deleted_and_made_again_is_what_the_program_made(overlaid):
    (overlaid.host / "d/inner").mkdir(parents=True)
    (overlaid.host / "d/inner/old").write_text("old")
    (overlaid.host / "f").write_text("f")
    before = picture(overlaid.host)

    def work(tree: Path) -> None:
        for _ in range(3):
            shutil.rmtree(tree / "d")
            (tree / "d").mkdir()
            (tree / "d/new").write_text("new")
            (tree / "f").unlink()
            (tree / "f").mkdir()
            (tree / "f").rmdir()
            (tree / "f").write_text("again")

    overlaid.change(work)
    overlaid.commit()
    assert sorted(str(path.relative_to(overlaid.host)) for path in overlaid.host.rglob("*")) == ["d", "d/new", "f"]
    overlaid.undo()
    assert picture(overlaid.host) == before


def test_a_file_system_mounted_in_between_is_no_place_for_links(overlaid):
    """A bind mount of the same file system: the kernel refuses links across it, so it is copied."""
    (overlaid.host / "real").mkdir()
    (overlaid.host / "bound").mkdir()
    (overlaid.host / "real/old").write_text("old")
    overlaid.change(lambda tree: [(tree / "bound/new").write_text("new"), (tree / "real/old").write_text("changed")])
    effects = overlaid.effects()
    linux.bind(str(overlaid.host / "real"), str(overlaid.host / "bound"))
    linux.bind(str(overlaid.host / "real"), str(overlaid.host / "real"))
    try:
        overlaid.commit(effects)
        assert (overlaid.host / "real/new").read_text() == "new"
        assert (overlaid.host / "real/old").read_text() == "changed"
        overlaid.undo()
        assert (overlaid.host / "real/old").read_text() == "old"
        assert not (overlaid.host / "real/new").exists()
    finally:
        linux.unmount(str(overlaid.host / "real"))
        linux.unmount(str(overlaid.host / "bound"))


def test_a_file_given_a_further_name_is_the_same_file_on_the_host(overlaid):
    (overlaid.host / "old").write_text("x")
    before = picture(overlaid.host)
    overlaid.change(lambda tree: os.link(tree / "old", tree / "new"))
    overlaid.commit()
    assert (overlaid.host / "old").samefile(overlaid.host / "new")
    overlaid.undo()
    assert picture(overlaid.host) == before


def test_a_name_that_is_a_line_and_no_utf8(overlaid):
    name = os.fsdecode(b"a\nb\xff\\udcff")
    (overlaid.host / name).write_text("old")
    before = picture(overlaid.host)

    def work(tree: Path) -> None:
        (tree / name).unlink()
        (tree / name).symlink_to(name + "x")

    overlaid.change(work)
    overlaid.commit()
    assert os.fsencode((overlaid.host / name).readlink()) == b"a\nb\xff\\udcffx"
    overlaid.undo()
    assert picture(overlaid.host) == before

"""Undo: everything as it was, with all that belongs to it; what others changed since is never lost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pratique.errors import ConflictError, PratiqueError, UsageError
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.recover import recover
from pratique.sandbox.undo import Undone, undo

EVERYTHING = (
    "echo new >> conf", "rm -r gone", "mkdir -p opt/app", "echo prog > opt/app/run", "chmod 4755 opt/app/run",
    "ln -s run opt/app/link", "ln opt/app/run opt/app/twin", "mkfifo pipe", "chmod 2775 dir", "ln -sfn dir link",
    "rm file; mkdir file; touch file/in", "rm -r tree; echo flat > tree", "ln conf conf2",
)  # fmt: skip


def picture(directory: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree: names, content, owner, mode, attributes, times, which names are the same file."""
    out: dict[str, tuple[object, ...]] = {}
    for path in (directory, *sorted(directory.rglob("*"))):
        found = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        attributes = () if path.is_symlink() else tuple((n, os.getxattr(path, n)) for n in sorted(os.listxattr(path)))
        out[str(path.relative_to(directory))] = (
            found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_nlink, content, attributes,
            None if path.is_dir() and not path.is_symlink() else found.st_ino,
        )  # fmt: skip
    return out


@pytest.fixture
def tree(host: Path) -> Path:
    (host / "conf").write_text("old\n")
    (host / "gone/deep").mkdir(parents=True)
    (host / "gone/deep/file").write_text("x")
    (host / "gone/deep").chmod(0o2750)
    os.setxattr(host / "gone/deep", "user.kept", b"yes")
    (host / "dir").mkdir()
    (host / "dir/kept").write_text("kept")
    (host / "link").symlink_to("conf")
    (host / "file").write_text("file")
    (host / "tree/in").mkdir(parents=True)
    os.link(host / "file", host / "file-again")
    os.utime(host / "gone/deep", ns=(1, 1_000_000_001))
    os.utime(host / "gone/deep/file", ns=(1, 2_000_000_002))
    return host


def committed(session: Quarantine) -> Quarantine:
    assert session.commit(session.effects()).skipped == ()
    return session


def undone(session: Quarantine, **settings: bool) -> Undone:
    return undo(session.spec.place, session.spec.id, **settings)


def test_undo_restores_everything_with_metadata(sh, tree):
    before = picture(tree)
    session = committed(sh(*EVERYTHING))
    assert picture(tree) != before
    done = undone(session)
    assert picture(tree) == before
    assert (done.merged, done.left) == ((), ())
    assert f"{tree}/conf" in done.restored


def test_what_was_undone_is_not_undone_again(sh, tree):
    session = committed(sh("echo new >> conf"))
    undone(session)
    with pytest.raises(UsageError, match="was undone on 20"):
        undone(session)
    assert [path.name for path in (session.spec.place / "journal").iterdir()] == ["log"]


def test_an_undoing_that_was_cut_short_and_cannot_be_read_is_told_as_what_it_is(sh, tree):
    session = committed(sh("echo new >> conf"))
    left = session.spec.place / "undo"
    (left / "log").mkdir(parents=True)
    (left / "unfinished").touch()
    (told,) = recover(session.spec.place.parent)
    assert (told.session, told.kind, told.troubles) == (session.spec.place.name, "undo", (f"{left}: is a directory",))
    with pytest.raises(PratiqueError, match=f"is kept in {left}"):
        undone(session)
    assert (tree / "conf").read_text() == "old\nnew\n"


def test_a_session_that_installed_nothing_cannot_be_undone(sh, tree):
    with pytest.raises(UsageError, match="cannot be undone"):
        undone(sh("true"))


def test_a_directory_that_its_owner_may_not_list_goes_and_what_others_put_in_it_is_found(sh, tree):
    before = picture(tree)
    session = committed(sh("mkdir -m 300 closed"))
    (tree / "closed/theirs").touch()
    with pytest.raises(ConflictError, match=r"closed: 'theirs' is in it now"):
        undone(session)
    assert (tree / "closed").stat().st_mode & 0o7777 == 0o300
    (tree / "closed/theirs").unlink()
    assert undone(session).left == ()
    assert picture(tree) == before


def test_directories_that_their_owner_may_not_write_to_go_with_what_is_in_them(sh, tree):
    """As Go leaves its modules."""
    before = picture(tree)
    session = committed(sh("mkdir -p mod/deep; echo x > mod/deep/file; touch mod/one; chmod -R a-w mod"))
    assert undone(session).left == ()
    assert picture(tree) == before


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (lambda host: (host / "opt/app/run").write_bytes(b"\0mine"), "opt/app/run: was changed"),
        (lambda host: (host / "opt/app/run").chmod(0o700), "opt/app/run: was changed"),
        (lambda host: os.setxattr(host / "opt/app/run", "user.mine", b"1"), "opt/app/run: was changed"),
        (lambda host: (host / "opt/app/data").touch(), "opt/app: 'data' is in it now"),
        (lambda host: (host / "gone").write_text("mine"), "gone: there is another file now"),
        (lambda host: (host / "dir").chmod(0o700), "dir: its owner, mode or attributes were changed"),
        (lambda host: (host / "conf").unlink(), "conf: was removed"),
    ],
)
def test_what_changed_since_stands_in_the_way_and_nothing_is_undone(sh, tree, meanwhile, reason):
    session = committed(sh(*EVERYTHING))
    meanwhile(tree)
    before = picture(tree)
    with pytest.raises(ConflictError, match="nothing was undone") as caught:
        undone(session)
    assert reason in str(caught.value)
    assert "--anyway" in caught.value.hint
    assert picture(tree) == before
    assert not (session.spec.place / "undo").exists()


def test_anyway_leaves_what_changed_since_and_undoes_the_rest(sh, tree):
    session = committed(sh(*EVERYTHING))
    (tree / "opt/app/data").write_text("mine")
    (tree / "gone").write_text("mine")
    done = undone(session, anyway=True)
    assert {one.path for one in done.left} == {f"{tree}/opt/app", f"{tree}/gone"}
    assert [path.name for path in (tree / "opt/app").iterdir()] == ["data"]
    assert (tree / "gone").read_text() == "mine"
    assert (tree / "conf").read_text() == "old\n"
    assert not (tree / "pipe").exists()


def test_of_a_text_file_changed_since_only_our_lines_go(sh, tree):
    (tree / "conf").write_text("one\ntwo\n")
    session = committed(sh("sed -i '1i # by the installer' conf; echo ours >> conf"))
    with (tree / "conf").open("a") as file:
        file.write("theirs\n")
    (tree / "conf").chmod(0o640)
    done = undone(session)
    assert (tree / "conf").read_text() == "one\ntwo\ntheirs\n"
    assert (tree / "conf").stat().st_mode & 0o777 == 0o640
    assert (done.merged, done.left) == ((f"{tree}/conf",), ())


def test_a_line_of_ours_that_somebody_changed_stands_in_the_way(sh, tree):
    session = committed(sh("echo ours >> conf"))
    (tree / "conf").write_text("old\nours, changed\n")
    with pytest.raises(ConflictError):
        undone(session)
    assert (tree / "conf").read_text() == "old\nours, changed\n"


def test_a_file_that_is_made_anew_from_others_never_stands_in_the_way(sh, tree):
    session = committed(sh("echo 1 > cache; echo x > other"))
    (tree / "cache").write_text("2")
    done = undo(session.spec.place, session.spec.id, rebuilt=[f"{tree}/cache"])
    assert done.left == ()
    assert ((tree / "cache").exists(), (tree / "other").exists()) == (True, False)


def test_what_may_stay_stays_where_others_changed_it_and_goes_where_nobody_did(sh, tree):
    session = committed(
        sh("mkdir -p cache/deep; for one in cache/deep/used cache/other log bak; do echo 1 > $one; done")
    )
    (tree / "cache/deep/used").write_bytes(b"\0")
    (tree / "cache/new").touch()
    (tree / "log").unlink()

    def may_stay(path: str) -> str:
        return "a cache" if path.startswith((f"{tree}/cache", f"{tree}/log")) else ""

    done = undo(session.spec.place, session.spec.id, may_stay=may_stay)
    assert (done.left, [one.path for one in done.stayed]) == ((), [f"{tree}/cache/deep/used", f"{tree}/cache/new"])
    assert [path.name for path in sorted((tree / "cache").rglob("*"))] == ["deep", "used", "new"]
    assert not (tree / "bak").exists()


def test_a_directory_that_may_stay_does_not_speak_for_what_is_in_it(sh, tree):
    session = committed(sh("mkdir shared; echo 1 > shared/ours"))
    (tree / "shared/theirs").touch()
    (tree / "shared/ours").write_bytes(b"\0")

    def may_stay(path: str) -> str:
        return "shared" if path == f"{tree}/shared" else ""

    with pytest.raises(ConflictError, match="shared/ours: was changed"):
        undo(session.spec.place, session.spec.id, may_stay=may_stay)
    (tree / "shared/ours").write_text("1\n")
    done = undo(session.spec.place, session.spec.id, may_stay=may_stay)
    assert [one.path for one in done.stayed] == [f"{tree}/shared"]
    assert [path.name for path in (tree / "shared").iterdir()] == ["theirs"]


def test_a_running_program_that_writes_to_the_old_file_does_not_change_the_original(sh, tree):
    with (tree / "conf").open("a") as still_open:
        session = committed(sh("echo new >> conf"))
        still_open.write("written later\n")
    undone(session)
    assert (tree / "conf").read_text() == "old\n"


def test_another_name_of_the_old_file_that_is_written_to_does_not_change_the_original(sh, tree):
    os.link(tree / "conf", tree / "same")
    session = committed(sh("echo new >> conf"))
    with (tree / "same").open("a") as file:
        file.write("later\n")
    undone(session)
    assert (tree / "conf").read_text() == "old\n"
    assert (tree / "same").read_text() == "old\nlater\n"


@pytest.mark.root
def test_owners_acls_and_capabilities_come_back(sh, host):
    tool = host / "tool"
    tool.write_text("old")
    os.chown(tool, 12, 34)
    tool.chmod(0o4750)
    subprocess.run(["setcap", "cap_net_raw+ep", tool], check=True)
    subprocess.run(["setfacl", "-m", "u:1234:rwx", tool], check=True)
    (host / "d").mkdir()
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rx", host / "d"], check=True)
    before = picture(host)
    session = committed(sh("rm tool; echo new > tool", "rm -r d; mkdir d; setfacl -d -m u:77:rwx d; touch d/x"))
    assert picture(host) != before
    undone(session)
    assert picture(host) == before

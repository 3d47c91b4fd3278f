"""Every kind of file, end to end: an installer makes and changes them, all is put in place, and taken back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from overlaid import picture

pytestmark = pytest.mark.root

#: Run in the directory. What an ordinary user may not do is done by root alone.
INSTALLER = r"""
import os, shutil, struct, subprocess, sys

def write(path, content, mode=0o644):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)

root = os.getuid() == 0
# In a user name space nobody but oneself has a number.
user, group = (1234, 4321) if root else (os.getuid(), os.getgid())
for mode in (0o000, 0o400, 0o644, 0o755, 0o4755, 0o2711, 0o1777, 0o6777):
    write(f"mode-{mode:o}", b"x", mode)
os.mkdir("sticky", 0o755); os.chmod("sticky", 0o3777)
write("attributes", b"x"); os.setxattr("attributes", "user.mine", b"\x00\xff"); os.setxattr("sticky", "user.mine", b"d")
write("list", b"x"); subprocess.run(["setfacl", "-m", f"u:{user}:rwx,g:{group}:r", "list"], check=True)
os.mkdir("inherits"); subprocess.run(["setfacl", "-d", "-m", f"u:{user}:rw", "inherits"], check=True)
write("inherits/file", b"x")
if root:
    write("owned", b"x"); os.chown("owned", 1234, 4321); os.symlink("nowhere", "owned-link")
    os.chown("owned-link", 1234, 4321, follow_symlinks=False)
    write("able", b"x", 0o755); subprocess.run(["setcap", "cap_net_bind_service=ep", "able"], check=True)
write("name-one", b"linked"); os.link("name-one", "name-two"); os.mkdir("deep"); os.link("name-one", "deep/name-three")
os.symlink("name-one", "link"); os.symlink("/nowhere/at/all", "dangling"); os.symlink(b"\xff\n", b"odd-link")
os.mkfifo("pipe", 0o640)
with open("sparse", "wb") as file:
    file.truncate(64 << 20); file.seek(32 << 20); file.write(b"middle")
write(b"line\nfeed", b"x"); write(b"caf\xe9", b"x"); os.mkdir(b"\xff\xfe"); write(b"\xff\xfe/inside\t", b"x")
write("n" * 255, b"x"); write("empty", b""); os.mkdir("empty-directory")
write("old", b"x"); os.utime("old", ns=(1, 123456789)); os.mkdir("old-directory"); os.utime("old-directory", ns=(1, 2))
# What was there is changed into something else.
os.unlink("was-file"); os.mkdir("was-file"); write("was-file/inside", b"x")
shutil.rmtree("was-directory"); write("was-directory", b"x")
os.unlink("was-link"); write("was-link", b"x")
os.unlink("was-pipe"); os.symlink("old", "was-pipe")
shutil.rmtree("emptied"); os.mkdir("emptied"); write("emptied/new", b"x")  # an opaque directory
os.rename("renamed", "renamed-to"); os.unlink("goes"); os.chmod("private", 0o600)
os.setxattr("has-attributes", "user.mine", b"new"); os.removexattr("has-attributes", "user.yours")
os.unlink("again"); write("again", b"the same")
with open("appended", "ab") as file:
    file.write(b"added\n")
"""


def _before(top: Path) -> None:
    """What the installer finds there."""
    for name in ("was-file", "goes", "renamed", "appended", "again"):
        (top / name).write_text("the same" if name == "again" else f"{name}\n")
    for name in ("was-directory/in/it", "emptied/in/it"):
        (top / name).mkdir(parents=True)
        (top / name / "file").write_text("x")
        os.utime(top / name, ns=(5, 5))
    (top / "was-link").symlink_to("goes")
    os.mkfifo(top / "was-pipe")
    (top / "private").write_text("x")
    (top / "private").chmod(0o4711)
    (top / "has-attributes").write_text("x")
    os.setxattr(top / "has-attributes", "user.yours", b"1")
    os.setxattr(top / "has-attributes", "user.mine", b"2")


def _timeless(tree: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Without the times that the copy was made at, but those that were set."""
    return {
        name: (*values[:3], values[3] if name.startswith("old") else 0, *values[4:]) for name, values in tree.items()
    }


@pytest.mark.parametrize("whose", ["root", "an ordinary user"])
def test_every_kind_of_file_there_and_back(whose, pratique, tmp_path, ordinary_user):
    place = (tmp_path if whose == "root" else ordinary_user.home) / "kinds"
    place.mkdir()
    installer, alike = place / "setup.py", place / "alike"
    installer.write_text(f"#!/usr/bin/python3\nimport os; os.chdir({str(place / 'there')!r})\n{INSTALLER}")
    installer.chmod(0o755)
    for directory in (place / "there", alike):
        directory.mkdir()
        _before(directory)
    run, who = pratique, {}
    if whose != "root":
        ordinary_user.own(place)
        run = ordinary_user.pratique
        who = {"user": ordinary_user.uid, "group": ordinary_user.gid, "extra_groups": []}
    before = picture(place / "there")
    subprocess.run(["/usr/bin/python3", "-c", INSTALLER], cwd=alike, check=True, **who)

    ran = run("run", "--install", "--json", installer, cwd=place)
    assert ran.code == 0, ran.err
    assert _timeless(picture(place / "there")) == _timeless(picture(alike))
    sparse = (place / "there" / "sparse").stat()
    assert (sparse.st_size, sparse.st_blocks * 512 < 1 << 20) == (64 << 20, True)
    report = json.loads(ran.out)
    assert report["installer_exit_status"] == 0
    assert not [effect["path"] for effect in report["effects"] if not effect["kept"]]

    undone = run("undo", report["id"], cwd=place)
    assert undone.code == 0, undone.err
    assert picture(place / "there") == before
    assert stat.S_ISFIFO((place / "there" / "was-pipe").lstat().st_mode)

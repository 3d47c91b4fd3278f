"""What is at the end as it was before is no change, unless somebody used what was there meanwhile."""

from __future__ import annotations

import pytest

ENTRY = "[Desktop Entry]\nType=Application\nName=x\nExec=/usr/bin/x\n"
SAME = "printf '[Desktop Entry]\\nType=Application\\nName=x\\nExec=/usr/bin/x\\n'"
THERE = "$HOME/.config/autostart/same.desktop"


@pytest.fixture
def entry(scene):
    """A program that starts with the desktop, there before anything is run."""
    file = scene.home / ".config" / "autostart" / "same.desktop"
    file.parent.mkdir(parents=True)
    file.write_text(ENTRY)
    file.chmod(0o755)
    scene.start()
    return file


def found(ran):
    return [action["name"] for action in ran.json["actions"]]


@pytest.mark.parametrize(
    "lines",
    [
        (f"{SAME} > {THERE}",),
        (f"{SAME} | head -n 2 > {THERE}", f"{SAME} | tail -n 2 >> {THERE}"),
        (f"{SAME} > new", f"rm {THERE}", f"cp new {THERE}", f"chmod 755 {THERE}"),
        (f"{SAME} > new", f"install -m 755 new {THERE}"),
    ],
    ids=["written", "written twice", "made anew", "installed"],
)
def test_the_same_content_again_is_no_change(scene, entry, lines):
    ran = scene.run("--json", scene.script("cd $(mktemp -d)", *lines))
    assert (ran.code, found(ran)) == (0, []), ran.err
    assert entry.read_text() == ENTRY


def test_an_installer_that_was_installed_in_full_is_installed_again(scene):
    installer = scene.script(f"mkdir -p {THERE.rpartition('/')[0]}", f"{SAME} > {THERE}", "echo > ~/installed")
    first = scene.run("--install", "--json", installer)
    assert (first.code, found(first)) == (0, ["desktop-autostart"]), first.err
    again = scene.run("--without", "--json", installer)
    assert (again.code, found(again)) == (0, []), again.err


@pytest.mark.parametrize(
    "use",
    [
        THERE,
        f"sh {THERE}",
        f"sh -c '. {THERE}'",
        f"cd {THERE.rpartition('/')[0]}; bash --rcfile same.desktop -i < /dev/null",
        f"mv {THERE} ~/by-another-name; sh ~/by-another-name; mv ~/by-another-name {THERE}",
    ],
    ids=["run", "by a shell", "sourced", "by a relative name", "moved away"],
)
def test_what_was_used_before_it_was_put_back_stays_evidence(scene, entry, use):
    evil = f"printf '#!/bin/sh\\ntouch ~/ran\\n' > {THERE}"
    ran = scene.run("--json", "--without", scene.script(evil, use, "rm -f ~/ran", f"{SAME} > {THERE}"))
    assert (ran.code, found(ran)) == (10, ["desktop-autostart"]), ran.err
    assert entry.read_text() == ENTRY


def test_other_content_is_a_change(scene, entry):
    ran = scene.run("--json", "--refuse", scene.script(f"{SAME} > {THERE}", f"echo >> {THERE}"))
    assert found(ran) == ["desktop-autostart"]


def test_a_replay_says_the_same(scene, entry, tmp_path):
    ran = scene.run("--record", tmp_path / "x.rec", scene.script(f"{SAME} > {THERE}"))
    assert ran.code == 0, ran.err
    replayed = scene.pratique("replay", "--json", tmp_path / "x.rec")
    assert (replayed.code, found(replayed)) == (0, [])

"""A program that the installer leaves running does not outlive the session, and is in the report."""

from __future__ import annotations

import pytest

from pratique.run.left_running import notes

pytestmark = pytest.mark.root


def test_what_was_left_running_is_told_by_name_on_every_way_to_the_report(scene, tmp_path):
    script = scene.script(
        'nohup bash -c "while :; do sleep 100; done" >/dev/null 2>&1 &', "setsid tail -f /dev/null >/dev/null 2>&1 &",
        "touch ~/miner", "sleep 0.1",
    )  # fmt: skip
    told = "3 processes that it left running were ended: bash, sleep, tail"
    ran = scene.run("--install", "--record", tmp_path / "x.rec", f"--json={tmp_path}/report.json", script)
    assert ran.code == 0, ran.err
    assert f" {told}\n" in ran.out
    assert told in (tmp_path / "report.json").read_text()
    assert told in scene.pratique("show", "--details", scene.pratique("history", "--json").json[0]["id"]).out
    assert told in scene.pratique("replay", tmp_path / "x.rec").out
    assert [left for left in scene.left() if left.startswith("process")] == []


def test_a_program_that_ends_with_all_its_own_says_nothing(scene):
    ran = scene.run("--refuse", "--json", scene.script("sleep 0.1 &", "true"))
    assert [note for note in ran.json["notes"] if "left running" in note] == []


NAMELESS = """
import ctypes, os, time
for number in range({named}):
    if os.fork() == 0:
        os.setsid()
        name = b"" if number < 2 else b"own-%d" % number
        ctypes.CDLL(None).prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        time.sleep(100)
time.sleep(0.5)
"""


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (2, "2 processes that it left running were ended"),
        (24, "24 processes that it left running were ended: own-10, own-11, own-12, own-13, own-14 and 19 more"),
    ],
)
def test_those_without_a_name_are_counted(scene, named, told):
    ran = scene.run("--refuse", "--json", scene.python(NAMELESS.format(named=named)))
    assert [note for note in ran.json["notes"] if "left running" in note] == [told]


def test_many_are_counted():
    left = dict.fromkeys("abcdefg", 1) | {"": 40, "worker": 3}
    assert notes(left) == ("50 processes that it left running were ended: worker (3), a, b, c, d and 43 more",)
    assert notes({"": 3}) == ("3 processes that it left running were ended",)
    assert notes({"x": 1}) == ("1 process that it left running was ended: x",)

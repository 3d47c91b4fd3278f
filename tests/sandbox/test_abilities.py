"""What a machine lacks is found out by trying, and said with the command that mends it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pratique.errors import CannotError
from pratique.sandbox import linux
from pratique.sandbox.abilities import examine, missing
from pratique.sandbox.mending import mend, refused_settings


def test_on_this_machine_everything_needed_is_there(state):
    assert [ability.name for ability in missing()] == []
    assert all(ability.ok or ability.mend for ability in examine())


def test_nothing_is_left_behind(state):
    examine()
    assert list((state / "sessions").iterdir()) == []


def test_a_machine_without_user_name_spaces_is_told_the_setting(state):
    """A user name space in which no further one may be made stands for such a machine."""
    program = "from pratique.sandbox.abilities import missing; print([(one.name, one.mend) for one in missing()])"
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script, "sh", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "[('quarantine', 'sudo sysctl -w user.max_user_namespaces=15000')]\n", done.stderr


@pytest.mark.root
def test_a_place_on_an_overlay_is_told_to_go_elsewhere(quarantine, tmp_path):
    """As in a container, whose own root is an overlay."""
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    linux.mount("overlay", str(tmp_path / "merged"), "overlay", 0, options)
    try:
        with pytest.raises(CannotError) as caught, quarantine("true", place=tmp_path / "merged/place") as session:
            session.run()
    finally:
        linux.unmount(str(tmp_path / "merged"), linux.MNT_DETACH)
    assert caught.value.exit_code == 4
    assert "PRATIQUE_STATE" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ],
)
def test_settings_that_refuse_are_recognised(tmp_path, name, value, command):
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(f"{value}\n")
    assert refused_settings(tmp_path) == (f"sudo sysctl -w {command}",)
    file.write_text("1\n" if value == "0" else "0\n")
    assert refused_settings(tmp_path) == ()


@pytest.mark.parametrize(
    ("step", "number", "mapped", "word"),
    [
        ("overlay /", 19, False, "modprobe overlay"),
        ("overlay /", 22, False, "PRATIQUE_STATE"),
        ("namespaces", 1, False, "container"),
        ("namespaces", 1, True, "sudo pratique run"),
        ("proc", 1, True, "sudo pratique run"),
        ("namespaces", 22, True, "Linux 5.12"),
        ("pivot", 5, False, "pratique doctor"),
    ],
)
def test_each_failing_step_says_what_mends_it(step, number, mapped, word):
    assert word in mend(step, number, mapped)

"""What was refused or only pretended is told to the person, whether a rule weighs it or not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.root


def test_what_only_seemed_to_work_is_in_the_report(scene, refused):
    script = scene.script("mount -t tmpfs none /mnt && sysctl -q -w kernel.randomize_va_space=0 && kill -9 1")
    ran = refused(11, "--refuse", "--json", script)
    (note,) = [note for note in ran.json["notes"] if note.startswith("only seemed to work: ")]
    assert "mount.call /mnt" in note
    assert "kernel.setting /proc/sys/kernel/randomize_va_space" in note

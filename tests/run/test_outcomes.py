"""What was refused or only pretended is told to the person, whether a rule weighs it or not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.root


def test_what_only_seemed_to_work_is_in_the_report(scene, refused):
    script = scene.script("mount -t tmpfs none /mnt && sysctl -q -w kernel.randomize_va_space=0 && kill -9 1")
    ran = refused(11, "--refuse", "--json", script)
    (note,) = [note for note in ran.json["notes"] if note.startswith("only seemed to work: ")]
    assert "a file system was mounted or unmounted: /mnt (mount)" in note
    assert "a kernel setting was written: /proc/sys/kernel/randomize_va_space (sysctl)" in note
    assert "a signal was sent: SIGKILL to a process it did not start (" in note

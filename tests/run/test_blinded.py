"""An installer that gets rid of who watches it does not look clean for that."""

from __future__ import annotations

import pytest

#: Ends the process beside it that looks into programs. A shell is not looked into itself.
BLINDS = (
    "for process in /proc/[0-9]*; do",
    "    if grep -qs frida.controller $process/cmdline; then kill -9 ${process#/proc/}; fi",
    "done",
)
#: Listens to something that is only seen from inside a program.
POLICY = """
policy within "What programs ask for by themselves" {
    version "1"
    extends baseline
}

action credentials "Asks for credentials" {
    category privacy
    on env.read where name = "AWS_SECRET_ACCESS_KEY"
    weight 100
    because "they are none of its business"
    match    env.read { name "AWS_SECRET_ACCESS_KEY" }
    no match env.read { name "HOME" }
}
"""


@pytest.mark.root
def test_what_nobody_saw_to_the_end_is_not_installed_unasked(scene):
    policy = scene.downloads / "within.policy"
    policy.write_text(POLICY)
    blinding = scene.script(*BLINDS)
    ran = scene.run("--json", "--policy", policy, blinding)
    assert ran.code == 11, ran.err
    report = ran.json
    assert report["verdict"]["class"] == "clean"
    assert report["decision"] == {"choice": "refuse", "source": "policy"}
    assert any("env.read" in note and "did not last" in note for note in report["notes"])
    ordinary = scene.python("open('made', 'w')")
    assert scene.run("--json", "--policy", policy, ordinary).code == 0


@pytest.mark.root
def test_where_the_policy_asks_for_nothing_of_that_it_changes_nothing(scene):
    ran = scene.run("--json", "--disable", "network", scene.script(*BLINDS))
    frida = next(one for one in ran.json["observers"] if one["name"] == "frida")
    assert frida["state"] == "failed"
    assert ran.code == 0, ran.err

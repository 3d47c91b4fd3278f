"""An installer that gets rid of who watches it does not look clean for that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from from_outside import controller

#: Runs until nobody is left beside it who looks into programs. A shell is not looked into itself.
OUTLIVES = ("while grep -qs 'frida[.]controller' /proc/[0-9]*/cmdline; do :; done",)
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


@pytest.fixture
def blinded() -> Iterator[None]:
    """The first session of the test loses its controller."""
    with ThreadPoolExecutor() as pool:
        ending = pool.submit(lambda: controller().kill())
        yield
        ending.result()


@pytest.mark.root
@pytest.mark.usefixtures("blinded")
def test_what_nobody_saw_to_the_end_is_not_installed_unasked(scene):
    policy = scene.downloads / "within.policy"
    policy.write_text(POLICY)
    outliving = scene.script(*OUTLIVES)
    ran = scene.run("--json", "--policy", policy, outliving)
    assert ran.code == 11, ran.err
    report = ran.json
    assert report["verdict"]["class"] == "clean"
    assert report["decision"] == {"choice": "refuse", "source": "policy"}
    assert any("env.read" in note and "did not last" in note for note in report["notes"])
    ordinary = scene.python("open('made', 'w')")
    assert scene.run("--json", "--policy", policy, ordinary).code == 0


@pytest.mark.root
@pytest.mark.usefixtures("blinded")
def test_where_the_policy_asks_for_nothing_of_that_it_changes_nothing(scene):
    ran = scene.run("--json", "--disable", "network", scene.script(*OUTLIVES))
    frida = next(one for one in ran.json["observers"] if one["name"] == "frida")
    assert frida["state"] == "failed"
    assert ran.code == 0, ran.err

"""An installer that deletes what is the person's is not clean, and what it deletes is still there."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.root


@pytest.fixture
def belongings(scene):
    files = [
        scene.home / name for name in ("papers/a/thesis", "Pictures/sea.jpg", "Documents/letter", ".cache/app/index")
    ]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(f"{file}\n")
    scene.start()
    return files


@pytest.mark.parametrize("words", [("--install",), ("--without",), ()], ids=str)
def test_to_wipe_a_home_is_undesirable(scene, belongings, words):
    script = scene.script("rm -rf ~/papers ~/Pictures ~/Documents ~/.cache", "echo ok > ~/installed")
    ran = scene.run("--json", *words, script)
    (action,) = ran.json["actions"]
    assert (action["name"], action["weight"]) == ("belongings", 100)
    told = {evidence["fields"]["path"] for evidence in action["evidence"]}
    assert told == {str(file) for file in belongings[:3]}
    assert ran.json["verdict"]["class"] == "undesirable"
    if words != ("--install",):
        assert all(file.exists() for file in belongings[:3])
    assert belongings[2].exists(), "a private file is never reached"
    assert (ran.code, (scene.home / "installed").exists()) == ((10, False) if not words else (0, True))


def test_what_it_made_itself_moved_or_made_anew_is_its_own_matter(scene, belongings):
    script = scene.script(
        "echo temporary > ~/unpacked; rm ~/unpacked", "mv ~/Pictures ~/Photos", "rm -r ~/.cache",
        "cp ~/papers/a/thesis t; rm ~/papers/a/thesis; mv t ~/papers/a/thesis",
    )  # fmt: skip
    ran = scene.run("--refuse", "--json", script)
    assert (ran.code, ran.json["actions"]) == (11, [])


def test_deletions_are_counted_apart(scene, belongings):
    ran = scene.run("--refuse", scene.script("rm -r ~/papers", "echo 1 > ~/one"))
    assert "4 changes, 3 of them deleted" in ran.out

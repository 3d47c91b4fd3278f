"""`pratique plugins`: what there is, what it does, what went wrong, and a new one to start from."""

import os
import subprocess
import sys

import pytest
from plugin_folders import DETECTOR, install


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder commands find plugins in."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(place))
    return place


def test_the_shipped_plugins_are_listed_with_hooks_and_kinds(pratique):
    plugins = {plugin["name"]: plugin for plugin in pratique("plugins", "--json").json["plugins"]}
    effects = plugins["effects"]
    assert (effects["state"], effects["distribution"]) == ("on", "pratique")
    assert {"event_kinds", "observe"} <= set(effects["hooks"])
    assert "file.write" in effects["kinds"]
    assert effects["calls"] == 1
    assert effects["ms"] > 0
    assert plugins["revert"]["hooks"] == ["remedies"]


def test_the_list_for_people_says_the_same(pratique):
    done = pratique("plugins", env={"COLUMNS": "100"})
    assert done.code == 0
    assert "effects" in done.out
    assert "file.attribute, create, delete" in done.out


def test_a_broken_plugin_is_listed_with_the_reason(pratique, folder):
    install(folder, "broken", {"broken.py": "1 / 0"}, {"broken": "broken"})
    done = pratique("plugins", "--json")
    (broken,) = [plugin for plugin in done.json["plugins"] if plugin["name"] == "broken"]
    assert (done.code, broken["state"]) == (0, "failed")
    assert "ZeroDivisionError" in broken["why"]
    assert done.json["failures"][0]["plugin"] == "broken"
    assert "ZeroDivisionError" in pratique("plugins").err


def test_a_plugin_can_be_left_out_and_a_misspelled_one_not(pratique):
    plugins = {one["name"]: one for one in pratique("plugins", "--json", "--disable", "hidden").json["plugins"]}
    assert (plugins["hidden"]["state"], plugins["hidden"]["why"]) == ("off", "disabled on the command line")
    done = pratique("plugins", "--disable", "hiden")
    assert done.code == 2
    assert "did you mean hidden?" in done.err


def test_the_hash_is_ready_to_be_pasted_and_accepted(pratique, folder, tmp_path):
    install(folder, "my-fonts", {"my_fonts.py": DETECTOR.format(kind="font")}, {"fonts": "my_fonts"})
    by_plugin, by_distribution = pratique("plugins", "--hash", "fonts"), pratique("plugins", "--hash", "My_Fonts")
    assert by_plugin.out == by_distribution.out
    role = tmp_path / "host.yaml"
    role.write_text(by_plugin.out.partition("in a role file:\n")[2])
    states = {one["name"]: one["state"] for one in pratique("plugins", "--json", "--host", role).json["plugins"]}
    assert (states["fonts"], states["effects"]) == ("on", "off")
    (folder / "my_fonts.py").write_text("")
    changed = pratique("plugins", "--hash", "fonts")
    assert changed.code == 4
    assert "my_fonts.py is not the file that was installed" in changed.err


def test_the_hash_of_nothing_is_wrong_usage(pratique):
    assert pratique("plugins", "--hash", "nowhere").code == 2


def test_a_new_plugin_passes_its_own_tests_once_installed(pratique, tmp_path):
    made = pratique("plugins", "new", "font-watch", "--into", tmp_path)
    assert made.code == 0
    folder, site = tmp_path / "pratique-font-watch", tmp_path / "installed"
    words = ["install", "--quiet", "--no-build-isolation", "--no-deps", "--target", site, folder]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    test = folder / "test_pratique_font_watch.py"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", folder, "-c", os.devnull, test],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr
    plugins = {plugin["name"]: plugin for plugin in pratique("plugins", "--json", env=environment).json["plugins"]}
    assert (plugins["font-watch"]["state"], plugins["font-watch"]["kinds"]) == ("on", ["font_watch.change"])


@pytest.mark.parametrize("name", ["Fonts", "a_b", "../x", "", "-x", "x y"])
def test_a_name_that_cannot_be_is_refused(pratique, tmp_path, name):
    done = pratique("plugins", "new", "--into", tmp_path, "--", name)
    assert done.code == 2
    assert not list(tmp_path.glob("pratique-*[!e]"))


def test_a_folder_that_is_there_is_left_alone(pratique, tmp_path):
    (tmp_path / "pratique-mine").mkdir()
    done = pratique("plugins", "new", "mine", "--into", tmp_path)
    assert done.code == 2
    assert list((tmp_path / "pratique-mine").iterdir()) == []


def test_a_name_that_an_installed_plugin_has_is_refused(pratique, tmp_path):
    done = pratique("plugins", "new", "terminal", "--into", tmp_path)
    assert done.code == 2
    assert "terminal is installed already, by pratique" in done.err
    assert not (tmp_path / "pratique-terminal").exists()


def test_a_directory_that_there_is_not_is_not_made(pratique, tmp_path):
    done = pratique("plugins", "new", "mine", "--into", tmp_path / "no" / "such")
    assert done.code == 2
    assert f"there is no directory {tmp_path}/no/such" in done.err
    assert not (tmp_path / "no").exists()

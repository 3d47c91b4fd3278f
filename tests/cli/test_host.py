"""`pratique host`: the admin's file is shown, checked and changed, and never harmed."""

import os
from pathlib import Path

import pytest
from plugin_folders import install

from pratique import rolefile

TEXT = "# ours\nrole: 'site'   # a branch\nplugins:\n    disable: [ terminal ]\n"


@pytest.fixture
def own(state):
    """The path of the role file in this test's settings directory; it does not exist yet."""
    return Path(os.environ["PRATIQUE_CONFIG"]) / "host.yaml"


def test_path_says_which_file_holds_and_why(pratique, own, tmp_path):
    told = pratique("host", "path", "--json").json
    assert (told["file"], told["exists"]) == (str(rolefile.shipped()), True)
    own.parent.mkdir()
    own.write_text(TEXT)
    assert pratique("host", "path").out == f"{own}  (in the settings directory)\n"
    named = pratique("host", "path", env={"PRATIQUE_HOST": "/nowhere"})
    assert named.out == "/nowhere  (named by PRATIQUE_HOST; it does not exist)\n"


def test_set_makes_a_file_of_ones_own_and_leaves_the_shipped_one(pratique, own):
    shipped = rolefile.shipped().read_text()
    done = pratique("host", "set", "plugins.disable", "[hidden, syscalls]")
    assert done.code == 0
    first, second = done.out.splitlines()
    assert first == f"{own}: plugins.disable is now [hidden, syscalls]"
    assert second.startswith("  note: kinds the policy listens to that nothing observes: ")
    assert "file.read" in second
    assert own.read_text() == shipped.replace("disable: []", "disable: [hidden, syscalls]")
    assert rolefile.shipped().read_text() == shipped
    plugins = {plugin["name"]: plugin["state"] for plugin in pratique("plugins", "--json").json["plugins"]}
    assert plugins["hidden"] == "off"


def test_set_and_unset_keep_comments_quotes_and_layout(pratique, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    pratique("host", "set", "name", "osaka", "--host", file)
    assert file.read_text() == TEXT + "name: osaka\n"
    pratique("host", "unset", "name", "--host", file)
    assert file.read_text() == TEXT


def test_a_wrong_value_is_refused_and_the_file_stays(pratique, own):
    own.parent.mkdir()
    own.write_text(TEXT)
    done = pratique("host", "set", "rol", "site")
    assert done.code == 3
    assert 'did you mean "role"?' in done.err
    assert f"{own} was not changed" in done.err
    assert own.read_text() == TEXT


def test_a_directory_that_cannot_be_written_is_said_so(pratique, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory is wanted")
    done = pratique("host", "set", "name", "x", env={"PRATIQUE_CONFIG": str(blocked)})
    assert done.code == 4
    assert "cannot be written" in done.err


def test_check_shows_the_mistakes_and_exits_3(pratique, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("role: site\nplugins:\n  disabel: [x]\n")
    done = pratique("host", "check", file)
    assert done.code == 3
    assert f"--> {file}:3:3" in done.err
    assert "Traceback" not in done.err
    told = pratique("host", "check", file, "--json")
    assert (told.code, told.json["ok"]) == (3, False)
    assert "disabel" in told.json["error"]


def test_a_file_that_is_no_role_file_is_not_quoted_as_a_whole(pratique, tmp_path):
    file = tmp_path / "passwd"
    file.write_text("root:x:0:0:root:/root:/bin/bash\n" * 200)
    done = pratique("host", "check", file)
    assert done.code == 3
    assert "expected keys such as `role: laptop`, found 'root:x:0:0" in done.err
    assert max(map(len, done.err.splitlines())) < 200


def test_check_mentions_what_is_not_installed_here(pratique, tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text("plugins: {use: [effects, nowhere], allow: [elsewhere]}\n")
    done = pratique("host", "check", file)
    assert done.code == 0
    assert "plugins.use names nowhere, which is not installed here" in done.out
    assert "plugins.allow names elsewhere" in done.out
    assert "effects" not in done.out


def test_show_gives_everything_defaults_included(pratique, own):
    content = pratique("host", "show", "--json").json["content"]
    assert content["role"] == "laptop"
    assert content["plugins"] == {"use": None, "disable": [], "allow": None, "settings": {}}
    assert "role: laptop" in pratique("host", "show").out


def test_an_invalid_role_file_stops_other_commands_with_3(pratique, own):
    own.parent.mkdir()
    own.write_text("role: [unclosed\n")
    done = pratique("plugins")
    assert done.code == 3
    assert "not YAML" in done.err


def test_without_a_verb_usage_is_shown(pratique):
    assert pratique("host").code == 2


def test_taking_out_what_was_not_set_says_so(pratique, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(TEXT)
    assert (
        "nothing.there was not set; nothing is changed"
        in pratique("host", "unset", "nothing.there", "--host", file).out
    )
    assert file.read_text() == TEXT


def test_a_name_that_is_not_installed_is_noted_when_it_is_set(pratique, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("role: laptop\n")
    said = pratique("host", "set", "plugins.disable", "[terminl]", "--host", file).out
    assert "note: plugins.disable names terminl, which is not installed here" in said
    assert "note" not in pratique("host", "set", "name", "osaka", "--host", file).out


def noted(pratique, file, *words):
    done = pratique("host", *words, "--host", file, "--json")
    assert done.code == 0, done.err
    return done.json["warnings"]


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "mine.yaml"
    place.write_text("role: laptop\n")
    return place


def test_an_observer_that_the_policy_needs_is_not_switched_off_silently(pratique, file):
    (note,) = noted(pratique, file, "set", "plugins.disable", "[effects]")
    assert note.startswith("kinds the policy listens to that nothing observes: account.add, ")
    assert noted(pratique, file, "check") == [note]
    assert noted(pratique, file, "set", "name", "osaka") == []
    assert noted(pratique, file, "set", "plugins.disable", "[terminal]") == []


def test_a_policy_that_there_is_not_is_noted(pratique, file):
    (note,) = noted(pratique, file, "set", "policy", "baselin")
    assert note == 'policy names baselin, and there is no such policy; did you mean "baseline"?'
    assert noted(pratique, file, "check") == [note]
    assert noted(pratique, file, "set", "policy", "baseline") == []


def test_a_directory_of_policies_that_there_is_not_is_noted(pratique, file):
    said = pratique("host", "set", "policies", "[/nosuch]", "--host", file).out
    assert "note: policies names /nosuch, which is no directory" in said


def test_a_list_of_distributions_without_ours_says_what_that_means(pratique, file):
    notes = noted(pratique, file, "set", "plugins.allow", "[fonts]")
    assert any("every shipped plugin is off" in note for note in notes)
    assert noted(pratique, file, "set", "plugins.allow", "[pratique]") == []


def test_a_hash_that_matches_no_more_is_noted(pratique, file, tmp_path, monkeypatch):
    install(tmp_path / "site", "my_fonts", {"my_fonts.py": "x = 1\n"}, {"fonts": "my_fonts"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    sha256 = pratique("plugins", "--hash", "my-fonts", "--json").json["sha256"]
    allow = f"[pratique, {{name: my-fonts, sha256: {sha256}}}]"
    assert not any("my-fonts" in note for note in noted(pratique, file, "set", "plugins.allow", allow))
    (tmp_path / "site" / "my_fonts.py").write_text("x = 2\n")
    (note,) = [note for note in noted(pratique, file, "check") if "my-fonts" in note]
    assert note.startswith("plugins.allow keeps the plugins of my-fonts out: ")


def test_several_policies_of_ones_own_are_noted_with_the_command_that_says_which(pratique, file, own_policies):
    (note,) = noted(pratique, file, "check")
    assert "lab, office" in note
    assert "`pratique host set policy NAME`" in note
    assert noted(pratique, file, "set", "policy", "lab") == []


def test_the_policy_that_is_set_is_the_one_policy_check_checks(pratique, own_policies):
    assert "There are several: lab, office" in pratique("policy", "check").err
    pratique("host", "set", "policy", "lab")
    assert pratique("policy", "check").code == 0
    pratique("host", "set", "policy", "labb")
    assert 'there is no policy "labb"' in pratique("policy", "check").err

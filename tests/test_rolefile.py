"""Role files: mistakes are shown as a compiler would, and a change touches nothing but its key."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pratique import rolefile
from pratique.errors import HostFileError, UsageError
from pratique.rolefile.editing import edited
from pratique.rolefile.reading import LARGEST, parse
from pratique.rolefile.writing import change

OSAKA = """\
# Branch office, Osaka
role: "site"      # one of four
name:   osaka

policies:   # ours first
    - /etc/pratique/policies   # the branch's
    - '/srv/policies'

# what runs
plugins:
  disable: [terminal]   # unattended
  settings:
    frida: {instrument: installers}
# the end
"""


@pytest.fixture
def osaka(tmp_path):
    path = tmp_path / "osaka.yaml"
    path.write_text(OSAKA)
    return path


def refused(text: str) -> str:
    with pytest.raises(HostFileError) as error:
        parse(text, "host.yaml")
    assert error.value.exit_code == 3
    return str(error.value)


# -- reading


def test_a_role_file_is_read_into_typed_values():
    host = parse(OSAKA)
    assert (host.role, host.name, host.policy) == ("site", "osaka", "")
    assert host.policies == ("/etc/pratique/policies", "/srv/policies")
    assert host.plugins.disable == ("terminal",)
    assert host.plugins.settings == {"frida": {"instrument": "installers"}}
    assert host.plugins.use is None


def test_without_a_file_the_shipped_laptop_holds_and_says_what_the_defaults_say(state):
    assert rolefile.find() == rolefile.shipped()
    assert rolefile.current() == rolefile.read(rolefile.shipped()) == rolefile.HostFile()


@pytest.mark.parametrize("role", rolefile.ROLES)
def test_every_shipped_role_file_is_valid_and_of_its_role(role):
    assert rolefile.read(rolefile.shipped(role)).role == role


def test_policies_lie_beside_the_role_file_unless_said_otherwise(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/person")
    file = tmp_path / "host.yaml"
    file.write_text("policies: [mine, /srv/policies, ~/policies]\n")
    assert rolefile.read(file).policies == (str(tmp_path / "mine"), "/srv/policies", "/home/person/policies")


def test_an_empty_file_says_nothing_and_the_defaults_hold():
    assert parse("") == parse("# only a comment\n") == rolefile.HostFile()


def test_every_mistake_is_shown_with_its_line_and_column():
    text = "rol: site\nname: 5\nplugins:\n  disabel: [x]\n  use: yara\n  allow: [{name: a, sha256: 12}]\n"
    told = refused(text)
    assert "--> host.yaml:1:1" in told
    assert '1 | rol: site\n  | ^^^\n  = help: did you mean "role"?' in told
    assert "name is a text; found 5" in told
    assert "--> host.yaml:4:3" in told
    assert 'unknown key "disabel" in plugins' in told
    assert "= help: write use: [yara]" in told
    assert "sha256 is a text; found 12" in told
    assert told.endswith("5 errors in host.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("role: sitee", 'no role "sitee"'),
        ("role: site\nrole: laptop", 'the key "role" is given twice'),
        ("plugins:\n\tuse: [a]", "a tab; YAML is indented with spaces"),
        ("a: &x [1]\nb: *x", "anchors (&) and aliases (*) are not accepted"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]", "anchors"),
        ("name: !!python/object/apply:os.system [id]", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("- a\n- b", "expected keys such as `role: laptop`, found a list"),
        ("role: [a, b", "not YAML"),
        ("role: site\n---\nrole: laptop\n", "another document"),
        ("plugins: {settings: {x: " + "[" * 30 + "]" * 30 + "}}", "nested more than 20 deep"),
        ("plugins: {settings: {x: {when: 2020-01-01}}}", "a setting is text, a number"),
        ("plugins: {settings: {x: {share: .nan}}}", "a setting is text, a number"),
        ("plugins: {settings: {x: 5}}", "x is a block of keys; found 5"),
        ("plugins: {use: [a, a]}", '"a" stands in use twice'),
        ("plugins: {frida: {x: 1}}", "a plugin's settings stand under plugins: settings: NAME:"),
        ("plugins: {allow: [{sha256: " + "a" * 64 + "}]}", "has no name"),
        ("name: \x07", "not YAML"),
    ],
)
def test_a_mistake_is_refused_in_words(text, told):
    assert told in refused(text)


def test_a_huge_file_and_one_that_is_no_text_are_refused(tmp_path):
    huge = tmp_path / "huge.yaml"
    huge.write_text("# x\n" * LARGEST)
    with pytest.raises(HostFileError, match="larger than 256 KiB"):
        rolefile.read(huge)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"role: site\nname: \xff\n")
    with pytest.raises(HostFileError, match=r"binary\.yaml:2: not UTF-8"):
        rolefile.read(binary)
    with pytest.raises(HostFileError, match="cannot be read: No such file"):
        rolefile.read(tmp_path / "none.yaml")


@given(st.text(max_size=200) | st.text("[]{}:,-&*!|>'\"\n\t #ab", max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        parse(text)
    except HostFileError as error:
        assert "host.yaml" in str(error)


# -- finding


def test_the_file_given_wins_over_the_named_over_the_settings_directory(state, monkeypatch, tmp_path):
    own = Path(os.environ["PRATIQUE_CONFIG"]) / "host.yaml"
    own.parent.mkdir()
    own.write_text("role: center\n")
    assert rolefile.find() == own
    monkeypatch.setenv("PRATIQUE_HOST", str(tmp_path / "named.yaml"))
    assert rolefile.find() == tmp_path / "named.yaml"
    assert rolefile.find(tmp_path / "given.yaml") == tmp_path / "given.yaml"


def test_a_dangling_link_in_the_settings_directory_is_an_error_not_the_default(state):
    own = Path(os.environ["PRATIQUE_CONFIG"]) / "host.yaml"
    own.parent.mkdir()
    own.symlink_to("nowhere")
    with pytest.raises(HostFileError):
        rolefile.current()


# -- changing


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("name", "kyoto", "name:   osaka\n", "name:   kyoto\n"),
        ("role", "laptop", '"site"      # one of four', "laptop      # one of four"),
        ("name", "'two words: yes'", "osaka\n\n", "'two words: yes'\n\n"),
        ("plugins.disable", "[a, b]", "[terminal]   #", "[a, b]   #"),
        ("plugins.settings.frida.instrument", "gui", "{instrument: installers}", "{instrument: gui}"),
        ("plugins.settings.frida.depth", "3", "installers}", "installers, depth: 3}"),
        (
            "plugins.settings.yara.path", "/srv/yara",
            "{instrument: installers}\n", "{instrument: installers}\n    yara: {path: /srv/yara}\n",
        ),
        ("plugins.use", "[effects]", "installers}\n#", "installers}\n  use: [effects]\n#"),
        ("center", "tls://center:7422", "# the end\n", "center: tls://center:7422\n# the end\n"),
        (
            "policies", "[/srv]",
            "policies:   # ours first\n    - /etc/pratique/policies   # the branch's\n    - '/srv/policies'\n",
            "policies: [/srv]   # ours first\n",
        ),
        ("name", None, "name:   osaka\n", ""),
        ("plugins.settings.frida", None, "settings:\n    frida: {instrument: installers}", "settings:\n    {}"),
        ("plugins.use", None, "", ""),
    ],
)  # fmt: skip
def test_a_change_touches_nothing_but_its_key(osaka, key, value, old, new):
    change(osaka, key, value)
    expected = OSAKA.replace(old, new, 1)
    if key == "center":
        expected = OSAKA.replace("installers}\n", "installers}\ncenter: tls://center:7422\n")
    assert osaka.read_text() == expected


def test_a_change_that_would_be_wrong_leaves_the_old_file(osaka):
    for key, value in (("role", "sitee"), ("nmae", "x"), ("plugins.disable", "x"), ("name", "[1, 2]")):
        with pytest.raises(HostFileError):
            change(osaka, key, value)
    for key, value in (("name.x", "1"), ("plugins..x", "1"), ("name", "[unclosed")):
        with pytest.raises(UsageError):
            change(osaka, key, value)
    assert osaka.read_text() == OSAKA
    assert [path.name for path in osaka.parent.iterdir() if "osaka" in path.name] == ["osaka.yaml"]


def test_a_file_that_is_wrong_already_is_not_changed(osaka):
    osaka.write_text("rol: site\n")
    with pytest.raises(HostFileError, match="did you mean"):
        change(osaka, "name", "kyoto")
    assert osaka.read_text() == "rol: site\n"


def test_a_change_keeps_permissions_and_goes_through_a_link(osaka, tmp_path):
    osaka.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(osaka)
    change(link, "name", "kyoto")
    assert link.is_symlink()
    assert stat.S_IMODE(osaka.stat().st_mode) == 0o640
    assert "kyoto" in osaka.read_text()


words = st.sampled_from(["a", "b", "name", "x-y", "long word", "5", "true", "#", "a: b", "{", "it's"])
values = st.recursive(
    words | st.booleans() | st.integers(-5, 5) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(words, values, max_size=4)


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@given(documents, st.booleans(), st.sampled_from(["name", "a", "a.b", "b.name.x-y"]), values)
def test_whatever_the_layout_a_change_means_what_it_says(document, flow, key, value):
    import io

    dialect = YAML()
    dialect.default_flow_style = flow
    out = io.StringIO()
    dialect.dump(document, out)
    flat = YAML(typ="safe", pure=True)
    flat.default_flow_style, flat.width = True, 4096
    text = io.StringIO()
    flat.dump([value], text)
    try:
        changed = edited(out.getvalue(), key, text.getvalue().strip()[1:-1], "host.yaml")
    except UsageError as error:
        assert "is not a block of keys" in str(error)
        return
    found = plain(YAML(typ="safe", pure=True).load(changed))
    for word in key.split("."):
        found = found[word]
    assert found == plain(value)

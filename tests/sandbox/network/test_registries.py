"""The registries that the person's and the system's settings name are found; a project's own are not asked."""

from __future__ import annotations

from pathlib import Path

from pratique.sandbox.network import registries


def test_pip_s(tmp_path):
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://ann:secret@pip.house:8443/simple\nextra-index-url =\n    http://more.house/simple\n"
        "    file:///srv/wheels\nproxy = http://not-a-registry.house\n"
    )
    environment = {"PIP_INDEX_URL": "https://by-variable.house/simple"}
    found = registries.of("pip", home=str(tmp_path), environment=environment)
    assert {"pip.house", "more.house", "by-variable.house"} <= set(found)
    assert "not-a-registry.house" not in found


def test_npm_s_of_the_person_and_not_of_the_project(tmp_path, monkeypatch):
    project = tmp_path / "project"
    project.mkdir()
    (project / ".npmrc").write_text("registry=https://evil.example/\n")
    monkeypatch.chdir(project)
    (tmp_path / ".npmrc").write_text("@corp:registry=https://npm.house/\nfund=false\n; registry=https://no.house\n")
    found = registries.of("npm", home=str(tmp_path), environment={"npm_config_registry": "http://env.house"})
    assert {"npm.house", "env.house"} <= set(found)
    assert not {"evil.example", "no.house"} & set(found)


def test_apt_s_of_this_machine():
    assert Path("/etc/apt").is_dir(), "these tests run on Debian and its kin"
    assert registries.of("deb", home="/nonexistent", environment={})


def test_a_kind_without_registries_and_settings_that_are_no_files(tmp_path):
    (tmp_path / ".npmrc").mkdir()
    assert registries.of("elf", home=str(tmp_path), environment={}) == ()
    registries.of("npm", home=str(tmp_path), environment={})

"""What is put in one place can be there in another: links the program left are seen through."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.recording import Effect, FileState
from pratique.testing import FakeSession, record
from pratique_detectors import effects as detector
from pratique_detectors import through_links


def file(path: str, number: int = 1) -> Effect:
    after = FileState(type="file", mode=0o755, uid=0, gid=0, size=5, sha256="new")
    return Effect(id=number, type="file", op="add", path=path, after=after)


def link(path: str, target: str, number: int = 2) -> Effect:
    after = FileState(type="link", mode=0o777, uid=0, gid=0, target=target)
    return Effect(id=number, type="file", op="add", path=path, after=after)


def written(*effects: Effect, **files: bytes) -> dict[str, tuple[int | None, str]]:
    """Path -> effect and added lines of every file.write."""
    session = FakeSession(effects=effects, files={f"/opt/{name}": content for name, content in files.items()})
    events = [event for event in record(detector, session) if event.kind == "file.write"]
    return {str(event.fields["path"]): (event.effect, str(event.fields["added"])) for event in events}


@pytest.mark.parametrize("target", ["/opt/rc", "../../opt/rc", "/opt/./x/../rc", "/opt/other"])
def test_a_link_is_written_with_the_content_it_leads_to(target):
    found = written(file("/opt/rc"), link("/root/y/.bashrc", target), link("/opt/other", "rc", 3), rc=b"evil\n")
    assert found["/root/y/.bashrc"] == (2, "evil")


def test_a_link_by_way_of_the_machine_s_own_links_is_followed(tmp_path: Path):
    (tmp_path / "way").symlink_to("/opt")
    found = written(file("/opt/rc"), link("/root/.bashrc", f"{tmp_path}/way/rc"), rc=b"evil\n")
    assert found["/root/.bashrc"] == (2, "evil")


def test_everything_in_a_directory_is_told_by_way_of_a_link_to_it():
    found = written(
        file("/opt/a/x.desktop"), file("/opt/a/deep/y", 3), link("/root/.config/autostart", "/opt/a"),
        link("/root/more", "/root/.config", 4),
    )  # fmt: skip
    assert found["/root/.config/autostart/x.desktop"][0] == 2
    assert {"/root/.config/autostart/deep/y", "/root/more/autostart/x.desktop"} <= found.keys()


def test_links_in_a_circle_come_to_an_end():
    found = written(
        link("/opt/a", "/opt/b", 1), link("/opt/b", "a", 2), link("/opt/d/up", "/opt", 3), file("/opt/d/f", 4)
    )
    assert {"/opt/a", "/opt/b", "/opt/d/f", "/opt/d/up/d/f"} <= found.keys()


def test_more_paths_than_can_be_told_are_an_error_that_is_said(monkeypatch):
    monkeypatch.setattr(detector, "MOST_PATHS", 5)
    many = [file(f"/opt/a/{n}", n) for n in range(10)]
    with pytest.raises(AssertionError, match="more than 5 paths"):
        record(detector, FakeSession(effects=[*many, link("/x", "/opt/a", 99)]))


def test_a_link_to_nothing_the_program_left_is_written_all_the_same():
    assert written(link("/root/.bashrc", "/dev/null"))["/root/.bashrc"] == (2, "")
    assert through_links.resolved("/root/.bashrc", {"/root/.bashrc": link("/root/.bashrc", "/dev/null")}) == "/dev/null"


def test_what_a_link_in_the_home_leads_to_is_written_by_its_name_too(tmp_path: Path):
    (tmp_path / "kept" / "config").mkdir(parents=True)
    (tmp_path / ".bashrc").symlink_to("kept/rc")
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "autostart").symlink_to(tmp_path / "kept" / "config")
    session = FakeSession(
        effects=[file(f"{tmp_path}/kept/rc"), file(f"{tmp_path}/kept/config/x.desktop", 2), file("/opt/other", 3)],
        home=str(tmp_path),
    )
    told = {(event.fields["path"], event.effect) for event in record(detector, session) if event.kind == "file.write"}
    assert {(f"{tmp_path}/.bashrc", 1), (f"{tmp_path}/.config/autostart/x.desktop", 2)} <= told
    assert len(told) == 5


def test_in_a_home_that_is_a_link_everything_has_the_home_s_name_too(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to("real")
    session = FakeSession(effects=[file(f"{tmp_path}/real/.bashrc")], home=str(tmp_path / "home"))
    told = {event.fields["path"] for event in record(detector, session)}
    assert told == {f"{tmp_path}/real/.bashrc", f"{tmp_path}/home/.bashrc"}

"""A private file that was opened is told, with the fact that only a stand-in was seen."""

from __future__ import annotations

from pratique.testing import FakeSession, conformance, record
from pratique_detectors import hidden

test_conformance = conformance("pratique_detectors.hidden")


def test_every_opened_path_is_a_read():
    events = record(hidden, FakeSession(opened=["/root/.ssh/id_rsa", "/root/.netrc"]))
    assert [(event.kind, event.fields["path"], event.fields["hidden"]) for event in events] == [
        ("file.read", "/root/.ssh/id_rsa", True),
        ("file.read", "/root/.netrc", True),
    ]


def test_a_private_file_kept_elsewhere_is_read_by_its_name_in_the_home_too(tmp_path):
    (tmp_path / "kept").write_text("secret")
    (tmp_path / ".netrc").symlink_to("kept")
    events = record(hidden, FakeSession(opened=[f"{tmp_path}/kept"], home=str(tmp_path)))
    assert [event.fields["path"] for event in events] == [f"{tmp_path}/kept", f"{tmp_path}/.netrc"]

"""A deleted file is lost when it was there before and its content is nowhere else."""

from __future__ import annotations

import hashlib

import pytest

from pratique.recording import Effect, FileState
from pratique.testing import FakeSession, record
from pratique_detectors import effects as detector
from pratique_detectors import lost

WORK = b"a year of work"
GONE = "/root/papers/thesis"


def state(content: bytes = WORK, **given) -> FileState:
    sha256 = hashlib.sha256(content).hexdigest()
    return FileState(
        **({"type": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": len(content), "sha256": sha256} | given)
    )


def is_lost(*others: Effect, before: FileState | None = None, **given) -> bool:
    gone = Effect(id=1, type="file", op="delete", path=GONE, component="x", before=before or state(sha256=""), **given)
    session = FakeSession(effects=[gone, *others], files_before={GONE: WORK})
    (event,) = [event for event in record(detector, session) if event.kind == "file.delete"]
    found = event.fields["lost"]
    assert isinstance(found, bool)
    return found


def new(content: bytes, path: str = "/root/backup") -> Effect:
    return Effect(id=2, type="file", op="add", path=path, component="x", after=state(content))


def test_what_is_deleted_is_lost():
    assert is_lost()


def test_what_was_renamed_is_not_lost():
    assert not is_lost(new(WORK))


def test_another_file_of_its_size_does_not_make_up_for_it():
    assert is_lost(new(bytes(len(WORK))))


@pytest.mark.parametrize(
    "before", [state(b""), state(type="directory", size=0), state(type="link", size=0, target="/etc/x")]
)
def test_with_what_holds_nothing_nothing_is_lost(before):
    assert not is_lost(before=before)


def test_a_private_file_is_lost_though_only_its_stand_in_was_deleted():
    assert is_lost(before=state(b""), unfit="a hidden file")


def test_what_nobody_compared_counts_as_lost(monkeypatch):
    monkeypatch.setattr(lost, "MOST_OF_ONE", len(WORK) - 1)
    assert is_lost(new(WORK))

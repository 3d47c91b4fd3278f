"""The journal is read as far as it was written; what it cannot be read for is said, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.recording import FileState
from pratique.sandbox import journal
from pratique.sandbox.journal import Change, Done, Header, Journal, JournalError, Kept, Put, Times
from pratique.sandbox.recover import recover, unfinished

STATE = FileState(type="file", mode=0o644, uid=1, gid=2, size=3, target="", mtime_ns=4)
CHANGES = (
    Change(path="/a", before=Kept(state=STATE), after=Kept(state=STATE), saved="1"),
    Change(path="/caf\udce9\n\\x", after=Kept(state=STATE, attributes={"user.x": b"\xff"}), temporary=".x"),
)


@pytest.fixture
def begun(tmp_path: Path) -> Journal:
    directory = tmp_path / "sessions/7f3a0000/journal"
    directory.mkdir(parents=True)
    (directory / journal.UNFINISHED).touch()
    made = Journal(directory, Header(id="7f3a0000"), CHANGES, [Times(path="/", mtime_ns=5)])
    made.begin()
    return made


def test_what_was_written_is_read_again_names_that_are_no_text_included(begun):
    put = {"/a": Put(path="/a", inode=6, mtime_ns=4, uid=1, gid=2)}
    begun.make_staged(put)
    begun.end(Done(ended=7.0, times={"/": 8}))
    found = journal.read(begun.directory)
    assert found is not None
    assert (found.changes, found.times, found.staged) == (CHANGES, {"/": 5}, put)
    assert (found.done, found.finished) == (Done(ended=7.0, times={"/": 8}), True)
    assert unfinished(begun.directory.parents[1]) == ()


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_a_log_torn_anywhere_is_one_that_was_not_so_far(begun, cut):
    """What a line announces begins when it is on the disk: a torn one announces nothing."""
    log = begun.directory / "log"
    before = log.read_bytes()
    begun.make_staged({"/a": Put(path="/a", inode=6, mtime_ns=4, uid=1, gid=2)})
    whole = log.read_bytes()
    log.write_bytes(whole[:-cut])
    found = journal.read(begun.directory)
    assert (found is None) == (len(whole) - cut < len(before))
    assert found is None or found.staged is None


def test_what_is_written_after_a_torn_line_is_read_again(begun):
    log = begun.directory / "log"
    begun.make_staged({"/a": Put(path="/a", inode=6, mtime_ns=4, uid=1, gid=2)})
    for torn in (log.read_bytes()[:-7], log.read_bytes()[:-7] + b"\n"):
        log.write_bytes(torn)
        found = journal.read(begun.directory)
        assert found is not None
        found.end(Done(ended=7.0, taken_back=True))
        again = journal.read(begun.directory)
        assert again is not None
        assert again.done == Done(ended=7.0, taken_back=True)


def test_the_last_word_counts(begun):
    begun.make_staged({})
    begun.end(Done(ended=7.0))
    begun.end(Done(ended=8.0, taken_back=True))
    found = journal.read(begun.directory)
    assert found is not None
    assert not found.finished


def test_a_journal_that_was_never_begun_goes_and_nothing_is_told(tmp_path):
    directory = tmp_path / "sessions/7f3a0000/journal"
    directory.mkdir(parents=True)
    (directory / journal.UNFINISHED).touch()
    (directory / "1").write_text("an original")
    assert list(recover(tmp_path / "sessions")) == []
    assert not directory.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"is":"header","id":"x","format":2}', "expected format 1, found 2"),
        (b'{"is":"something new"}', "something new"),
        (b"\xff\xff", "log:1"),
    ],
)
def test_a_log_that_cannot_be_read_is_told_and_left(begun, line, reason):
    log = begun.directory / "log"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([line + b"\n", *lines[1:]]))
    with pytest.raises(JournalError, match=reason):
        journal.read(begun.directory)
    (told,) = recover(begun.directory.parents[1])
    assert reason in told.troubles[0]
    assert log.exists()

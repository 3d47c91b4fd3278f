"""A session is kept whole, and a file that is not whole is refused by line."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique import eventlog, recording
from pratique.events import Event
from pratique.recording import (
    Component,
    Coverage,
    Decided,
    Effect,
    FileState,
    ObserverRun,
    Process,
    Recording,
    RecordingError,
    Screen,
    Share,
)  # fmt: skip
from pratique.recording.format import HEADER
from pratique.subject import Signer, Subject

STATE = FileState(type="file", mode=0o644, uid=0, gid=0, size=3, sha256="00")

WHOLE = Recording(
    id="7f3a", subject=Subject(path="/x", name="x", signer=Signer(name="A", valid=True), facts={"a": "b"}),
    home="/root", started=1.5, duration=2.5, exit_status=-9,
    processes=(Process(id=0, program="/bin/sh", arguments=("sh", "x")),),
    components=(Component(name="x"),),
    events=(Event("file.write", seq=1, effect=0, path="/a\udcff", size=3), Event("net.connect", seq=2, loopback=True)),
    effects=(Effect(id=0, type="file", op="modify", path="/a\udcff", before=STATE, after=STATE, parts=(1,)),),
    screens=(Screen(time=1, text="Go on? [Y/n]", answer="y", by="person"),),
    observers=(ObserverRun(name="effects", events=1),),
    coverage=Coverage(executed=1, not_instrumented=("/bin/sh",)), open=("network: host",),
    decided=Decided(choice="without", source="person"), notes=("a note",), anyway=True, stopping=True,
    unaltered=("/b",), reads=("~/.ssh/**",),
)  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    recording.write(WHOLE, tmp_path / "x.rec")
    return tmp_path / "x.rec"


def test_nothing_of_a_recording_is_left_out() -> None:
    beside = {"processes", "components", "effects", "screens", "observers", "events"}  # lines of their own
    assert set(Recording.__struct_fields__) == {*HEADER, *beside}


def test_a_recording_is_known_by_its_beginning_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    place, own = tmp_path / "x", tmp_path / "own.rec"
    recording.write(WHOLE, own)
    assert recording.begins_as_one(own)
    for content in (b"text\n", b"{}", b"\x1f\x8b", gzip.compress(b"pratique.recording/"), b"\x1f\x8bdamaged"):
        place.write_bytes(content)
        assert not recording.begins_as_one(place)


def test_what_was_written_is_read_back(kept):
    assert recording.read(kept) == WHOLE


def test_events_are_found_by_number():
    assert WHOLE.event(2) is WHOLE.events[1]
    assert WHOLE.event(3) is None


def changed(kept: Path, line: int, value: object) -> Path:
    """The recording unpacked, with another line in the place of one."""
    rows = gzip.decompress(kept.read_bytes()).decode().splitlines()
    rows[line] = value if isinstance(value, str) else json.dumps(value)
    kept.write_text("\n".join(rows) + "\n")
    return kept


@pytest.mark.parametrize(
    ("line", "value", "said"),
    [
        (0, {"schema": "other/1"}, ":1: expected a first line with schema"),
        (0, "[]", ":1: expected an object"),
        (
            0,
            {"schema": recording.SCHEMA, "id": "x"},
            ":1: the header is garbled: Object missing required field `subject`",
        ),
        (1, "{", ":2: "),
        (1, {"virus": {}}, ":2: expected one of process"),
        (1, {"process": {"id": "one"}}, ":2: "),
        (1, {"event": {"kind": 3, "fields": {}}}, ":2: not an event"),
        (1, {"event": {"kind": "file.write", "fields": {"path": ["x"]}}}, ":2: not an event: field 'path'"),
        (1, "[" * 100_000, ":2: "),
        (-1, {"end": 99}, "the end line counts 99"),
    ],
)
def test_a_garbled_line_is_named(kept, line, value, said):
    with pytest.raises(RecordingError) as error:
        recording.read(changed(kept, line, value))
    assert said in str(error.value)


def test_an_endless_line_is_not_read(tmp_path):
    path = tmp_path / "x.rec"
    path.write_bytes(b"a" * (recording.LONGEST_LINE + 10))
    with pytest.raises(RecordingError, match="longer than"):
        recording.read(path)


def test_binary_is_no_recording(tmp_path):
    path = tmp_path / "x.rec"
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(RecordingError):
        recording.read(path)


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(FileNotFoundError):
        recording.write(WHOLE, tmp_path / "missing" / "x.rec")
    unwritable = msgspec.structs.replace(WHOLE, notes=(object(),))
    with pytest.raises(TypeError):
        recording.write(unwritable, tmp_path / "x.rec")
    assert list(tmp_path.iterdir()) == []


def test_what_never_was_a_recording_is_called_so(tmp_path):
    script = tmp_path / "weather.sh"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(recording.RecordingError, match=r"not a recording made with `pratique run --record`$"):
        recording.read(script)


# -- the file as a whole ----------------------------------------------------------------------------------------------


def long(events: int = 3000) -> Recording:
    """A recording of several members of events."""
    return msgspec.structs.replace(
        WHOLE,
        events=tuple(Event("file.write", seq=n, time=n / 8, path=f"/opt/x/{n}", size=n) for n in range(1, events + 1)),
    )


@pytest.fixture
def several(tmp_path: Path) -> Path:
    recording.write(long(), tmp_path / "long.rec")
    return tmp_path / "long.rec"


def boundaries(file: Path) -> list[int]:
    """Where a member begins, and where the last one ends."""
    content, found, at = file.read_bytes(), [0], 0
    while at < len(content):
        unpack = zlib.decompressobj(wbits=31)
        unpack.decompress(content[at:])
        at = len(content) - len(unpack.unused_data)
        found.append(at)
    return found


def test_events_stay_in_the_file_and_can_be_asked_for_in_any_order(several):
    kept = recording.read(several)
    assert kept == long()
    assert [kept.events[n].seq for n in (2999, 0, 1024, 1023, -1)] == [3000, 1, 1025, 1024, 3000]
    assert [event.seq for event in kept.events[1000:1030]] == list(range(1001, 1031))
    assert [event.seq for event in kept.events.backwards()] == list(range(3000, 0, -1))
    assert kept.event(2048) == long().events[2047]
    assert kept.event(3001) is None


def test_a_recording_that_was_read_is_written_the_same(several, tmp_path):
    recording.write(recording.read(several), tmp_path / "second.rec")
    recording.write(recording.read(tmp_path / "second.rec"), tmp_path / "third.rec")
    assert (tmp_path / "third.rec").read_bytes() == (tmp_path / "second.rec").read_bytes()


def test_a_recording_can_be_written_over_the_one_it_was_read_from(several):
    kept = recording.read(several)
    recording.write(kept, several)
    assert recording.read(several) == long()


def test_it_is_read_unpacked_as_well(several, tmp_path):
    (tmp_path / "plain.rec").write_bytes(gzip.decompress(several.read_bytes()))
    assert recording.read(tmp_path / "plain.rec") == long()


def test_a_file_that_was_cut_off_anywhere_is_noticed(several, tmp_path):
    content, ends = several.read_bytes(), boundaries(several)
    assert len(ends) >= 6, "a header, parts, events, an end"
    torn = tmp_path / "torn.rec"
    for at in sorted({at + by for at in ends for by in (-9, -1, 0, 1, 2, 11)} - {len(content)}):
        if 0 <= at < len(content):
            torn.write_bytes(content[:at])
            with pytest.raises(RecordingError, match=r"cut off after|empty|damaged|not a recording"):
                recording.read(torn)


def test_something_behind_the_end_is_noticed(several):
    with several.open("ab") as file:
        file.write(b"x")
    with pytest.raises(RecordingError, match="damaged at byte"):
        recording.read(several)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_byte_that_changed_is_noticed_or_changes_nothing(several, data):
    content = bytearray(several.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    changed = several.with_name("changed.rec")
    changed.write_bytes(content)
    try:
        found = recording.read(changed)
    except RecordingError as error:
        assert str(changed) in str(error)
    else:
        assert found == long()  # a byte of gzip's own header, such as the name of the system


def test_a_newer_one_says_what_to_do(kept):
    with pytest.raises(RecordingError, match=r"written by a newer pratique; this one reads up to .*: update it"):
        recording.read(changed(kept, 0, {"schema": "pratique.recording/3", "what": "ever"}))


def bomb(path: Path, size: int) -> Path:
    """A gzip member that unfolds to so many zero bytes, in a thousandth of them."""
    squeeze = zlib.compressobj(9, wbits=31)
    start = squeeze.compress(bytes(1 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    piece = squeeze.compress(bytes(10 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    again = squeeze.compress(bytes(10 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    assert piece == again, "so that pieces can be repeated"
    with path.open("wb") as file:
        file.write(start)
        for _ in range(size // (10 << 20)):
            file.write(piece)
    return path


def test_a_bomb_of_ten_gigabytes_is_not_unfolded(tmp_path):
    path = bomb(tmp_path / "bomb.rec", 10 << 30)
    with pytest.raises(RecordingError, match=r"more than \d+ bytes in one piece"):
        recording.read(path)


def test_a_bomb_of_many_whole_members_ends_at_the_bound(several):
    content, ends = several.read_bytes(), boundaries(several)
    piece = eventlog.member(
        b"".join(eventlog.encoded(Event("file.write", path="/" + "a" * 900)) + b"\n" for _ in range(1000))
    )
    several.write_bytes(content[: ends[1]] + piece * 50)
    with pytest.raises(RecordingError, match="unfolds to more than 16 MiB"):
        recording.read(several, largest=16 << 20)


def test_events_out_of_order_are_refused(several):
    content, ends = several.read_bytes(), boundaries(several)
    parts = [content[a:b] for a, b in pairwise(ends)]
    several.write_bytes(b"".join([*parts[:2], *reversed(parts[2:-1]), parts[-1]]))
    with pytest.raises(RecordingError, match="not in the order of time"):
        recording.read(several)


# -- what it must not hold --------------------------------------------------------------------------------------------


def test_private_contents_are_left_out_and_names_are_not(tmp_path):
    secret = FileState(type="file", mode=0o600, uid=0, gid=0, size=9, sha256="5e")
    events = (
        Event("file.write", seq=1, time=1.0, effect=1, path="/root/.netrc", size=9, added="a SECRET", removed="SECRET"),
        Event("file.write", seq=2, time=2.0, effect=1, path="/data/kept", size=9, added="a SECRET", removed="SECRET"),
        Event("file.attribute", seq=3, time=3.0, path="/root/.netrc", name="user.x", value="SECRET"),
        Event("file.write", seq=4, time=4.0, effect=2, path="/etc/hosts", size=9, added="1.2.3.4 x", removed=""),
    )  # fmt: skip
    effects = (
        Effect(id=1, type="file", op="modify", path="/data/kept", before=secret, after=secret,
               details={"xattr:user.x": "SECRET", "package": "p"}),
        Effect(id=2, type="file", op="modify", path="/etc/hosts", before=STATE, after=STATE),
        Effect(id=3, type="lines", op="modify", path="/data/kept", shares=(Share(1, (0,)),),
               details={"added": "a SECRET", "removed": "SECRET"}),
    )  # fmt: skip
    recording.write(
        msgspec.structs.replace(WHOLE, events=events, effects=effects), tmp_path / "x.rec", without=["~/.netrc"]
    )
    assert b"SECRET" not in gzip.decompress((tmp_path / "x.rec").read_bytes())
    kept = recording.read(tmp_path / "x.rec")
    assert kept.left_out == ("~/.netrc",)
    assert [event.fields["path"] for event in kept.events] == [event.fields["path"] for event in events]
    assert [event.fields.get("added") for event in kept.events] == ["", "", None, "1.2.3.4 x"]
    assert [(e.path, e.after.size, e.after.sha256, e.details) for e in kept.effects if e.after] == [
        ("/data/kept", 9, "", {"package": "p"}), ("/etc/hosts", 3, "00", {}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("curl", "--token", "abc", "x"), ("curl", "--token", "[left out]", "x")),
        (("x", "--db-password=a b", "y"), ("x", "--db-password=[left out] b", "y")),
        (("env", "API_KEY=a1", "ls", "-l"), ("env", "API_KEY=[left out]", "ls", "-l")),
        (("git", "clone", "https://ann:pw@host/x"), ("git", "clone", "https://ann:[left out]@host/x")),
        (("curl", "-H", "Authorization: Bearer abc"), ("curl", "-H", "Authorization: Bearer [left out]")),
        (("sh", "-c", "echo token; ls --all"), ("sh", "-c", "echo token; ls --all")),
        (("x", "--password=p\udcff", "ü"), ("x", "--password=[left out]", "ü")),
    ],
)
def test_secrets_on_command_lines_are_left_out(tmp_path, words, left):
    event = Event("process.exec", seq=1, path=words[0], arguments=" ".join(words))
    session = msgspec.structs.replace(
        WHOLE, subject=Subject(path="/x", command=words), processes=(Process(id=0, arguments=words),), events=(event,)
    )
    recording.write(session, tmp_path / "x.rec")
    kept = recording.read(tmp_path / "x.rec")
    assert (kept.subject.command, kept.processes[0].arguments) == (left, left)
    assert kept.events[0].fields["arguments"] == " ".join(left)


# -- old ones ---------------------------------------------------------------------------------------------------------

OLD = Path(__file__).parent / "recordings" / "old"
JUDGED = json.loads((OLD / "expected.json").read_text())


@pytest.mark.parametrize("file", sorted(OLD.glob("*.rec")), ids=lambda file: file.stem)
def test_what_an_earlier_version_recorded_is_judged_as_it_was(file, pratique):
    expected = JUDGED[file.stem]
    ran = pratique("replay", file, "--policy", OLD.parent / "judge.policy", "--json")
    report = json.loads(ran.out)
    assert (report["verdict"]["class"], report["verdict"]["total"]) == (expected["class"], expected["total"])
    found = [[a["name"], a["count"], a["evidence_count"], a["outcome"]] for a in report["actions"]]
    assert found == expected["actions"]
    assert (report["exit_code"], len(report["effects"])) == (expected["exit_code"], expected["effects"])


def test_every_version_is_kept():
    versions = {file.stem.rpartition("-")[2] for file in OLD.glob("*.rec")}
    assert versions == {str(n) for n in range(1, int(recording.SCHEMA.rpartition("/")[2]) + 1)}

"""A session is kept whole, and a file that is not whole is refused by line."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from pratique import recording
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
)  # fmt: skip
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
    decided=Decided(choice="without", source="person"), notes=("a note",), anyway=True,
)  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    recording.write(WHOLE, tmp_path / "x.rec")
    return tmp_path / "x.rec"


def test_what_was_written_is_read_back(kept):
    assert recording.read(kept) == WHOLE


def test_events_are_found_by_number():
    assert WHOLE.event(2) is WHOLE.events[1]
    assert WHOLE.event(3) is None


def changed(kept: Path, line: int, value: object) -> Path:
    rows = kept.read_text(errors="surrogateescape").splitlines()
    rows[line] = value if isinstance(value, str) else json.dumps(value)
    kept.write_text("\n".join(rows) + "\n", errors="surrogateescape")
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


def test_a_torn_file_is_noticed(kept):
    content = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join(content[:-1]))
    with pytest.raises(RecordingError, match="cut off after"):
        recording.read(kept)


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
    with pytest.raises(recording.RecordingError, match="not a recording made with `pratique run --record`"):
        recording.read(script)

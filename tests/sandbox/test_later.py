"""Of several installations that changed one text, each takes its own out again, in whatever order they are undone."""

from __future__ import annotations

import shutil
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.sandbox.later import TakenOut, Texts
from pratique.sandbox.recover import recover
from pratique.sandbox.undo import undo


class File:
    """A text file, as installations and a person change it; told by what undo tells it by."""

    def __init__(self) -> None:
        self.now = b"first\n"
        self.own = [self.now]
        self._texts: dict[int, Texts] = {}

    def put(self, line: bytes, place: float) -> None:
        lines = self.now.splitlines(keepends=True)
        lines.insert(round(place * len(lines)), line)
        self.now = b"".join(lines)

    def install(self, number: int, line: bytes, place: float) -> None:
        before = self.now
        self.put(line, place)
        self._texts[number] = Texts(before, self.now)

    def write(self, place: float) -> None:
        self.own.append(b"own %d\n" % len(self.own))
        self.put(self.own[-1], place)

    def undo(self, number: int) -> None:
        taken = TakenOut(self._texts.pop(number))
        for other in sorted(self._texts):
            if other > number:
                before, installed = map(taken.out_of, self._texts[other])
                assert before is not None
                assert installed is not None
                self._texts[other] = Texts(before, installed)
        now = taken.out_of(self.now)
        assert now is not None
        assert len(now) < len(self.now)
        self.now = now


_PLACE = st.one_of(st.just(1.0), st.floats(0, 1))
_WRITTEN = st.none() | _PLACE
_INSTALLED = st.tuples(st.sampled_from([b"same\n", b"like\n", b"x\n", b"y\n"]), _PLACE, _WRITTEN)


@given(st.lists(_INSTALLED, min_size=1, max_size=5), st.data())
def test_equal_lines_and_others_go_one_by_one_and_what_the_person_wrote_stays(installations, data):
    file = File()
    for number, (line, place, written) in enumerate(installations):
        if written is not None:
            file.write(written)
        file.install(number, line, place)
    for number in data.draw(st.permutations(range(len(installations)))):
        if (written := data.draw(_WRITTEN)) is not None:
            file.write(written)
        file.undo(number)
    assert sorted(file.now.splitlines(keepends=True)) == sorted(file.own)


def undone(session):
    return undo(session.spec.place, session.spec.id)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("lines", [("same", "same", "same"), ("same", "other", "same")], ids=["equal", "some equal"])
@pytest.mark.parametrize("written", [False, True], ids=["nothing between", "the person's between"])
def test_three_installations_undone_in_any_order(sh, host, order, lines, written):
    conf = host / "conf"
    conf.write_text("a\n")
    own = ["a"]

    def person() -> None:
        if written:
            own.append(f"mine {len(own)}")
            with conf.open("a") as file:
                file.write(f"{own[-1]}\n")

    sessions = []
    for line in lines:
        session = sh(f"echo {line} >> conf")
        session.commit(session.effects())
        sessions.append(session)
        person()
    for count, number in enumerate(order, start=1):
        done = undone(sessions[number])
        assert {*done.restored, *done.merged} == {str(conf)}
        assert len(conf.read_text().splitlines()) == len(own) + 3 - count
        person()
    if written:
        own.pop()
    assert conf.read_text().splitlines()[: len(own)] == own
    journals = [path.name for session in sessions for path in (session.spec.place / "journal").iterdir()]
    assert journals == ["log"] * 3


def test_lines_that_somebody_took_out_are_not_said_to_be_taken_out(sh, host):
    conf = host / "conf"
    conf.write_text("a\n")
    session = sh("echo ours >> conf; mkdir -p new/deep; echo x > new/deep/file")
    session.commit(session.effects())
    conf.write_text("mine\na\n")
    shutil.rmtree(host / "new")
    done = undone(session)
    assert (done.restored, done.merged, done.lines_gone) == ((), (), (str(conf),))
    assert done.gone == tuple(f"{host}/{path}" for path in ("new", "new/deep", "new/deep/file"))
    assert conf.read_text() == "mine\na\n"


def test_what_an_undoing_that_failed_told_anew_is_taken_back(sh, host, monkeypatch):
    """The texts of the later one are part of the transaction."""
    conf = host / "conf"
    conf.write_text("a\n")
    sessions = []
    for _ in range(2):
        session = sh("echo same >> conf")
        session.commit(session.effects())
        sessions.append(session)
    kept = texts(sessions[1])
    with monkeypatch.context() as patched:
        patched.setattr("pratique.sandbox.journal.Journal.end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            undone(sessions[0])
    assert (texts(sessions[1]), conf.read_text()) == (kept, "a\nsame\nsame\n")
    assert [one.troubles for one in recover(session.spec.place.parent)] == [()]
    for session in sessions:
        undone(session)
    assert conf.read_text() == "a\n"


def texts(session) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (session.spec.place / "journal").iterdir()}


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt

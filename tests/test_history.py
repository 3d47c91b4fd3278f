"""Past sessions are kept, found by the first letters, and bounded."""

from __future__ import annotations

import stat

import pytest

from pratique import history
from pratique.errors import UsageError
from pratique.policy.model import Policy
from pratique.recording import Recording
from pratique.report import make
from pratique.subject import Subject


def save(session: str) -> None:
    history.save(make(Recording(id=session, subject=Subject(path="/x"), home="/root"), Policy(name="p"), None))


def test_a_report_is_kept_for_its_owner_and_found_again(state):
    save("aa11")
    save("bb22")
    assert history.load("aa").id == "aa11"
    assert [report.id for report in history.latest(5).reports] == ["bb22", "aa11"]
    assert stat.S_IMODE((state / "history" / "aa11.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("asked", ["zz", "", "a"])
def test_none_or_several_is_an_error_that_lists_them(state, asked):
    save("aa11")
    save("ab22")
    with pytest.raises(UsageError) as error:
        history.load(asked)
    assert "aa11" in error.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 5}', "[" * 100_000])
def test_a_damaged_report_is_named_and_the_rest_goes_on(state, pratique, content):
    save("aa11")
    damaged = state / "history" / "cc33.json"
    damaged.write_text(content)
    found = history.latest(5)
    assert ([report.id for report in found.reports], [one.session for one in found.damaged]) == (["aa11"], ["cc33"])
    with pytest.raises(history.DamagedReport, match="it is not a report"):
        history.load("cc")
    for _ in range(2):  # it does not vanish for having been named once
        ran = pratique("history")
        assert (ran.code, ran.out[:4]) == (0, "aa11")
        assert f"the report in {damaged} cannot be read: it is not a report" in ran.err
        assert damaged.read_text() == content
    (state / "history" / "aa11.json").unlink()
    assert pratique("history").out == "no session can be shown\n"


def test_the_oldest_go_first(state, monkeypatch):
    monkeypatch.setattr(history, "MOST_REPORTS", 2)
    for session in ("aa11", "bb22", "cc33"):
        save(session)
    assert {report.id for report in history.latest(5).reports} == {"bb22", "cc33"}


def test_the_command_lists_and_shows(pratique, state):
    assert "no sessions yet" in pratique("history").out
    save("aa11")
    assert pratique("history").out.startswith("aa11")
    assert pratique("history", "aa", "--json").json["id"] == "aa11"
    missing = pratique("history", "zz")
    assert (missing.code, "Traceback" in missing.err) == (2, False)

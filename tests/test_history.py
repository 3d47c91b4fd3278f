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
    assert [report.id for report in history.latest(5)] == ["bb22", "aa11"]
    assert stat.S_IMODE((state / "history" / "aa11.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("asked", ["zz", "", "a"])
def test_none_or_several_is_an_error_that_lists_them(state, asked):
    save("aa11")
    save("ab22")
    with pytest.raises(UsageError) as error:
        history.load(asked)
    assert "aa11" in error.value.hint


def test_a_garbled_report_is_passed_over_in_the_list_and_named_when_asked_for(state):
    save("aa11")
    (state / "history" / "cc33.json").write_text("{")
    assert [report.id for report in history.latest(5)] == ["aa11"]
    with pytest.raises(UsageError, match="is not a report"):
        history.load("cc")


def test_the_oldest_go_first(state, monkeypatch):
    monkeypatch.setattr(history, "MOST_REPORTS", 2)
    for session in ("aa11", "bb22", "cc33"):
        save(session)
    assert {report.id for report in history.latest(5)} == {"bb22", "cc33"}


def test_the_command_lists_and_shows(pratique, state):
    assert "no sessions yet" in pratique("history").out
    save("aa11")
    assert pratique("history").out.startswith("aa11")
    assert pratique("history", "aa", "--json").json["id"] == "aa11"
    missing = pratique("history", "zz")
    assert (missing.code, "Traceback" in missing.err) == (2, False)

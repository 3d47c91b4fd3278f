"""The list of past sessions: one line each, and what became of it."""

from __future__ import annotations

import pytest

from pratique import history
from pratique.policy.model import Decide, Method, Policy
from pratique.policy.score import judge
from pratique.recording import Recording
from pratique.report import DecisionPart, make
from pratique.subject import Subject

LONG = "pip install " + "a-package-with-a-long-name " * 8


@pytest.mark.parametrize(
    ("status", "choice", "called", "word"),
    [(0, "install", "clean", "nothing"), (1, "install", "failed", "failed"), (1, "refuse", "failed", "refuse")],
)
def test_each_session_is_one_line_that_says_what_became_of_it(pratique, state, status, choice, called, word):
    recording = Recording(id="7f3a0000", subject=Subject(path="", name=LONG), home="/root", exit_status=status)
    verdict = judge([], components=[LONG], method=Method(), threshold=100, decide=Decide())
    decision = DecisionPart(choice=choice, source="policy")
    history.save(make(recording, Policy(name="p"), verdict, decision=decision))
    (line,) = pratique("history").out.splitlines()
    assert line.startswith("7f3a0000")
    assert f"{called + ' 0':<18} {word:<11} pip install" in line


@pytest.mark.parametrize(("ended", "code", "word"), [("interrupted", 130, "interrupted"), ("deadline", 7, "deadline")])
def test_what_never_finished_is_not_called_clean(pratique, state, ended, code, word):
    recording = Recording(id="7f3a0000", subject=Subject(path="", name="x"), home="/root", ended=ended)
    verdict = judge([], components=["x"], method=Method(), threshold=100, decide=Decide())
    history.save(make(recording, Policy(name="p"), verdict, exit_code=code))
    (line,) = pratique("history").out.splitlines()
    assert f"not finished 0     {word:<11} x" in line

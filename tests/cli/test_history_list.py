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


@pytest.mark.parametrize(("status", "choice", "word"), [(0, "install", "install"), (1, "install", "failed"),
                                                        (1, "refuse", "refuse")])  # fmt: skip
def test_each_session_is_one_line_that_says_what_became_of_it(pratique, state, status, choice, word):
    recording = Recording(id="7f3a0000", subject=Subject(path="", name=LONG), home="/root", exit_status=status)
    verdict = judge([], components=[LONG], method=Method(), threshold=100, decide=Decide())
    decision = DecisionPart(choice=choice, source="policy")
    history.save(make(recording, Policy(name="p"), verdict, decision=decision))
    (line,) = pratique("history").out.splitlines()
    assert line.startswith("7f3a0000")
    assert f"clean 0            {word:<8} pip install" in line

"""Which of the lines that were written an action is about."""

from __future__ import annotations

import pytest

from pratique.policy.model import (
    Action,
    And,
    Condition,
    Contains,
    Count,
    Globs,
    Matches,
    Not,
    Or,
    Regex,
    Single,
    Step,
)
from pratique.policy.narrowing import narrow

PATH = Globs("path", ("~/.bashrc",))
EVIL = Contains("added", "contains", "evil")


def action(*conditions: Condition) -> Action:
    steps = tuple(Step(kinds=("file.write",), where=condition) for condition in conditions)
    return Action(name="a", title="a", category="c", weight=1, triggers=tuple(map(Single, steps)))


def found(asked: Action, *added: str, kind: str = "file.write", removed: str = "") -> set[int] | None:
    parts = [{"added": text, "removed": removed} for text in added]
    fields = {"path": "/root/.bashrc", "added": "\n".join(added), "removed": removed, "size": 1}
    numbers = narrow(asked, kind, fields, parts, "/root")
    return None if numbers is None else set(numbers)


def test_of_an_action_about_the_path_the_whole_change_is_meant():
    assert found(action(PATH), "evil", "good") is None
    assert found(action(PATH, EVIL), "evil", "good") is None, "one of its triggers is"


def test_of_an_action_about_the_words_the_lines_with_them_are_meant():
    assert found(action(And((PATH, EVIL))), "evil", "good", "more evil") == {0, 2}
    assert found(action(EVIL, Contains("added", "contains", "worse")), "evil", "good", "worse") == {0, 2}


def test_a_trigger_the_event_does_not_meet_makes_no_difference():
    assert found(action(Globs("path", ("/etc/**",)), EVIL), "evil", "good") == {0}


def test_what_only_several_lines_together_meet_is_the_whole_change():
    both = Matches("added", (Regex("a\nb"),))
    assert found(action(both), "a", "b") is None
    assert found(action(both), "a\nb", "c") == {0}


def test_when_the_rest_still_meets_the_condition_the_whole_change_is_meant():
    without_leave = And((Contains("added", "contains", "x"), Not(Contains("added", "contains", "please"))))
    assert found(action(without_leave), "x please", "y") is None
    joined = Or((EVIL, Matches("added", (Regex("a\nb"),))))
    assert found(action(joined), "evil", "a", "b") is None


@pytest.mark.parametrize("field", ["added", "removed"])
def test_lines_that_went_are_asked_for_like_lines_that_came(field):
    asked = action(Contains(field, "contains", "word"))
    parts = [{"added": "", "removed": "", field: "a word"}, {"added": "x", "removed": "y"}]
    fields = {"path": "/root/.bashrc", "added": "x", "removed": "y", field: "a word\nx"}
    assert narrow(asked, "file.write", fields, parts, "/root") == {0}


def test_events_of_other_kinds_and_counted_ones():
    assert found(action(EVIL), "evil", kind="file.mode") is None
    step = Step(kinds=("file.write",), where=EVIL)
    counted = Action(name="a", title="a", category="c", weight=1, triggers=(Count(2, step, "session"),))
    assert found(counted, "evil", "good") == {0}

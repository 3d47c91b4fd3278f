"""Questions on the terminal: what is offered fits the line."""

from __future__ import annotations

from pratique.hookspecs import Choice, Question
from pratique_prompts.terminal import offered

QUESTION = Question(
    title="What shall be done?",
    choices=tuple(
        Choice(key=key, value=key, text=text) for key, text in (("w", "a" * 30), ("i", "b" * 30), ("r", "c"))
    ),
)


def test_choices_share_a_line_where_they_fit():
    assert offered(QUESTION, 200) == [f"  [w] {'a' * 30}  [i] {'b' * 30}  [r] c"]


def test_no_line_is_wider_than_the_terminal_unless_one_choice_is():
    lines = offered(QUESTION, 50)
    assert [line.count("[") for line in lines] == [1, 2]
    assert all(len(line) < 50 for line in lines)
    assert sum("[" in line for line in offered(QUESTION, 10)) == 3


def test_a_choice_longer_than_a_line_is_broken_between_words():
    text = "install without what is undesirable"
    lines = offered(Question(title="", choices=(Choice(key="w", value="w", text=text),)), 30)
    assert lines == ["  [w] install without what is", "      undesirable"]

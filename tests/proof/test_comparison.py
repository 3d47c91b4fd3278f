"""Side by side with strace, firejail and bubblewrap: the same installers with each, and docs/comparison.md from it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from proof.comparison import holding, page, taking_back, tools
from proof.comparison.machine import Machine, Person, machine
from proof.comparison.questions import ASKS, INSTALLER, NO, PARTLY, SEEN, YES, Answer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "comparison.md"
ROOT = Person("root", 0, 0, Path("/root"))
#: What is not ours to see, or not whole: said on the page, and here, so that it cannot become more unnoticed.
NOT_SEEN = {
    "The words that were written to it": NO,
    "A path that is only looked for": NO,
    "What a 32-bit program among the others does": PARTLY,
}


def as_person(user) -> Person:
    return Person(user.name, user.uid, user.gid, user.home)


def asked(person: Person, them: Iterable[type[tools.Tool]], ask: Callable[[tools.Tool], dict[str, Answer]]):
    """question -> tool -> answer; each tool on a machine of its own."""
    answers: dict[str, dict[str, Answer]] = {}
    for kind in them:
        with machine(person) as one:
            tool = kind(one)
            for question, answer in ask(tool).items():
                answers.setdefault(question, {})[tool.name] = answer
    return answers


def seen(tool: tools.Tool) -> dict[str, Answer]:
    it: Machine = tool.machine
    key, certificate = it.downloads / "key", it.downloads / "certificate"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tls.example.org", "-days", "2",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    (it.downloads / "certificate.pem").write_text(key.read_text() + certificate.read_text())
    (it.downloads / "asks.py").write_text(ASKS)
    with it.neighbours() as neighbours:
        script = it.script("install.sh", INSTALLER.format(here=it.downloads, outsider=neighbours.process.pid))
        tool.run(str(it.downloads / "acts"), "setup", script)
    told = tool.told()
    return {one.question: one.answer(tool.name, told) for one in SEEN}


@pytest.mark.proof
@pytest.mark.root
@pytest.mark.parametrize("whose", ["root", "an ordinary user"])
def test_without_any_tool_nothing_is_held(ordinary_user, whose):
    """Or the answers below would be worth nothing."""
    person = ROOT if whose == "root" else as_person(ordinary_user)
    answers = asked(person, (tools.Nothing,), holding.held)
    assert {question: answer for question, one in answers.items() for answer in one.values() if answer.word != NO} == {}


@pytest.mark.proof
@pytest.mark.root
def test_side_by_side(ordinary_user):
    lacking = tools.missing()
    assert not lacking, f"compared with are: as an administrator, apt-get install {' '.join(lacking)}"
    user = as_person(ordinary_user)
    watching = (tools.Pratique, tools.Strace, tools.StraceFiltered, tools.Firejail, tools.Bubblewrap)
    with machine(ROOT) as one:
        commands = {kind.name: kind(one).shown() for kind in watching}
    found = page.Found(
        versions={package: tools.version(program) for package, program in tools.PACKAGES.items()},
        commands=commands,
        seen=asked(ROOT, watching, seen),
        held=asked(ROOT, tools.TOOLS, holding.held),
        held_for_user=asked(user, tools.TOOLS, holding.held),
        goes_on=asked(ROOT, tools.TOOLS, lambda tool: {"": holding.goes_on(tool)})[""],
        taken_back=asked(ROOT, tools.TOOLS, taking_back.taken_back),
    )
    PAGE.write_text(page.page(found), "utf-8")
    ours = tools.Pratique.name
    assert {question: one[ours].word for question, one in found.seen.items() if one[ours].word != YES} == NOT_SEEN
    for answers in (found.held, found.held_for_user, found.taken_back, {"goes on": found.goes_on}):
        assert {question: one[ours] for question, one in answers.items() if one[ours].word != YES} == {}


def test_the_page_answers_every_question():
    rows = {line.split(" | ")[0].removeprefix("| ") for line in PAGE.read_text().splitlines() if line.startswith("| ")}
    rows = {row.removesuffix(" (root)").removesuffix(" (user)") for row in rows}
    asked_for = {one.question for one in SEEN} | set(holding.QUESTIONS.values()) | set(taking_back.QUESTIONS.values())
    assert asked_for | {page.GOES_ON} <= rows

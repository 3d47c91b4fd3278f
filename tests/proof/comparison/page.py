"""docs/comparison.md, from what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proof.comparison import holding, taking_back
from proof.comparison.questions import Answer

#: Of each question, by tool.
Answers = Mapping[str, Mapping[str, Answer]]

GOES_ON = "An installer that stops at the first refusal gets to its end, and nothing of it is on the machine"


class Found(NamedTuple):
    """Everything that was looked at. As an ordinary user only what gets past is asked."""

    versions: Mapping[str, str]
    commands: Mapping[str, str]
    seen: Answers
    held: Answers
    held_for_user: Answers
    goes_on: Mapping[str, Answer]
    taken_back: Answers


_BEGIN = """
# Beside strace, firejail and bubblewrap

For whoever has an unknown installer and asks what to run it with. Each answer was read from what a tool told, or from
the machine it ran on, after real installers had been run with it. `make proof` makes this page; the questions are in
`tests/proof/comparison/`.
"""

_SEES = """
## What each sees

One installer does all of it, as root: a C program that goes on as a shell script, with static, Python and 32-bit
programs in it. *yes*: it stands in what the tool itself wrote.
"""

_HOLDS = """
## What each holds

An installer tries it, and then the machine is looked at. *yes*: nothing of it got there. Where the answer is another
one for root and for an ordinary user, both are given; what makes sense for one of them only says for whom.
"""

_TAKES_BACK = """
## What each can take back

As root.
"""

_END = """
## What the others do better

**strace** tells every call with every argument and result, of every program, whatever it is made of: also what was only
looked for, and the bytes of each write. Where the question is what exactly a program does at some point, nothing is
better; Pratique's log is a selection. strace also attaches to what already runs. It holds nothing: what it watches
happens.

**firejail** is for programs one uses every day. With its profiles (in Debian, the package `firejail-profiles`) it keeps
a browser or a player away from the rest of the home for good, with sound, display and a filtered D-Bus where they are
wanted, and `firejail --build` writes the first draft of another. An ordinary user needs neither root nor user name
spaces for it, because it is set-user-id root itself: its strength, and what is held against it. Pratique judges an
installer once; what was installed then runs unwatched.

**bubblewrap** is small: a few thousand lines of C that one person can read, no privileges, and a base for others
to build on, as Flatpak does. It does nothing that is not on its command line. Where a program must not get at
something, and you can say at what, it is the better tool. It tells nothing by itself; `strace -f bwrap ...`
puts the two together.

All four leave the kernel within reach of what they run. A virtual machine does not.

What watching costs in time: [performance.md](performance.md).
"""


class _Notes:
    """Footnotes: each text once, numbered as it comes."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, note: str) -> str:
        return f" [{self._numbers.setdefault(note, len(self._numbers) + 1)}]" if note else ""

    def text(self) -> str:
        return "\n".join(f"{number}. {note[0].upper()}{note[1:]}." for note, number in self._numbers.items())


def page(found: Found) -> str:
    notes = _Notes()
    tools = list(found.goes_on)
    tables = (
        _table("seen?", list(next(iter(found.seen.values()))), found.seen, notes),
        _table("held?", tools, {**_whoever(tools, found), GOES_ON: found.goes_on}, notes),
        _table(
            "possible?", tools, {words: found.taken_back[row] for row, words in taking_back.QUESTIONS.items()}, notes
        ),
    )
    parts = (_BEGIN, _commands(found), _SEES, tables[0], _HOLDS, tables[1], _TAKES_BACK, tables[2], notes.text(), _END)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(asked: str, tools: list[str], rows: Answers, notes: _Notes) -> str:
    lines = [f"| {asked} | {' | '.join(tools)} |", "|---|" + "---|" * len(tools)]
    for question, answers in rows.items():
        cells = [f"{answers[tool].word}{notes.mark(answers[tool].note)}" for tool in tools]
        lines.append(f"| {question} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _whoever(tools: list[str], found: Found) -> dict[str, dict[str, Answer]]:
    """The answers as root, with the user's where they differ; only one of them where the other makes no question."""
    rows = {}
    for row, words in holding.QUESTIONS.items():
        question = words if row in found.held_for_user else f"{words} (root)"
        question = question if row in found.held else f"{words} (user)"
        rows[question] = {
            tool: _joined(found.held.get(row, {}).get(tool), found.held_for_user.get(row, {}).get(tool))
            for tool in tools
        }
    return rows


def _joined(root: Answer | None, user: Answer | None) -> Answer:
    if root is None or user is None or root == user:
        answer = root or user
        assert answer is not None
        return answer
    return Answer(f"root: {root.word}, user: {user.word}", "; ".join(filter(None, {root.note, user.note})))


def _commands(found: Found) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    lines = [f"Compared: {versions}, each as it is best set up for this without writing a profile:", ""]
    lines += [f"- {name}: `{command}`" for name, command in found.commands.items()]
    return "\n".join(lines)

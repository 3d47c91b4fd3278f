"""Commands in the documentation are run, and answer what the documentation says.

A block fenced as `console` is a transcript: lines that begin with `$ ` are run by bash, one after the other, in the
checkout, in a home of the file's own; what follows is their output. `...` stands for anything; session ids may differ.
A command whose exit code is not 0 is followed by `# exit N`. What a command reads from `<< 'END'` stands below it, up
to `END`.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d+)$")


def transcripts(path: Path) -> list[tuple[str, int, str]]:
    """(command, exit code, output) of every command in the file."""
    found: list[tuple[str, int, list[str]]] = []
    for block in BLOCK.findall(path.read_text()):
        lines = iter(block.splitlines())
        for line in lines:
            if line.startswith("$ "):
                code = EXIT.search(line)
                command = EXIT.sub("", line[2:])
                if command.endswith("<< 'END'"):
                    command = "\n".join([command, *itertools.takewhile(lambda inner: inner != "END", lines), "END"])
                found.append((command, int(code[1]) if code else 0, []))
            else:
                assert found, f"{path}: output before the first command: {line}"
                found[-1][2].append(line)
    return [(command, code, "\n".join(lines).strip()) for command, code, lines in found]


def matches(said: str, expected: str) -> bool:
    """Whether the output is what the documentation shows; `...` is anything, also nothing."""
    said, expected = (re.sub(r"[ \t]+", " ", text) for text in (said, expected))
    said, expected = (re.sub(r"\b[0-9a-f]{8}\b", "ID", text) for text in (said, expected))
    pattern = "".join(".*" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", expected))
    return re.fullmatch(pattern, said, re.DOTALL) is not None


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_COMMANDS = [path for path in DOCUMENTS if transcripts(path)]


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_transcripts_are_true(path: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    env = {
        **os.environ,
        "HOME": str(home),
        "PRATIQUE_STATE": str(tmp_path / "state"),
        "PRATIQUE_CONFIG": str(tmp_path / "config"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    for command, code, expected in transcripts(path):
        done = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, timeout=240,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        said = done.stdout.strip()
        assert done.returncode == code, f"{path.name}: $ {command}\nexit {done.returncode}, not {code}:\n{said}"
        assert matches(said, expected), f"{path.name}: $ {command}\n--- says\n{said}\n--- documented\n{expected}"


SCRATCH = "export HOME=$(mktemp -d) PRATIQUE_STATE=$(mktemp -d) PRATIQUE_CONFIG=$(mktemp -d)"
WRITES_AT_HOME = re.compile(r"^(?:\$ |    ).*(?:>>? ?~/|\b(?:cp|mv|rm|ln|tee|touch)\b.* ~/).*$", re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_reader_types_leaves_their_own_home_alone(path: Path):
    text = path.read_text()
    writes = [found[0] for found in WRITES_AT_HOME.finditer(text) if SCRATCH not in text[: found.start()]]
    assert not writes, f"{path.name}: before a scratch home is taken"


RULE = re.compile(r"\b(rules/\w+\.policy):(\d+)(?![:\d])")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_lines_of_rules_that_are_named_are_those_of_actions(path: Path):
    named = [(rules, int(line)) for rules, line in RULE.findall(path.read_text())]
    said = {f"{rules}:{line}": (ROOT / rules).read_text().splitlines()[line - 1] for rules, line in named}
    assert {where: line for where, line in said.items() if not line.startswith("action ")} == {}


@pytest.mark.root
def test_the_readme_typed_into_one_shell_leaves_a_real_key_alone(tmp_path: Path):
    key = tmp_path / ".ssh" / "id_ed25519"
    key.parent.mkdir()
    key.write_text("REAL\n")
    *before, last = transcripts(ROOT / "README.md")
    assert (last[0], last[2]) == ("ls -A ~", ".ssh")
    env = {name: value for name, value in os.environ.items() if name != "PRATIQUE_STATE"}
    typed = [*(command for command, _, _ in before), "pratique host set name tried", "echo ---", last[0]]
    done = subprocess.run(
        ["bash", "-c", "\n".join(typed)],
        cwd=ROOT, env={**env, "HOME": str(tmp_path), "PRATIQUE_CONFIG": str(tmp_path / "settings")}, timeout=240,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    assert done.stdout.endswith("name is now tried\n---\n.ssh\n"), done.stdout
    assert key.read_text() == "REAL\n"
    assert list(tmp_path.iterdir()) == [key.parent]


class Paper:
    """A terminal without an end, written into: what a person sees there, less the live lines that have gone again."""

    def __init__(self, columns: int) -> None:
        self._screen = pyte.Screen(columns, 1000)
        self._stream = pyte.Stream(self._screen)
        self.write = self._stream.feed

    def flush(self) -> None:
        pass

    def read(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()


def test_the_screen_the_tutorial_shows_is_the_one_at_a_terminal(tmp_path: Path):
    shown = re.findall(r"^```text\n(.*?)^```$", (ROOT / "docs" / "tutorial.md").read_text(), re.MULTILINE | re.DOTALL)
    env = {**os.environ, "HOME": str(tmp_path), "PRATIQUE_STATE": str(tmp_path / "state"), "TERM": "dumb"}
    session = pexpect.spawn(
        sys.executable, ["-m", "pratique.cli.main", "run", "examples/installers/weather.sh"],
        cwd=str(ROOT), env={**env, "NO_COLOR": "1"}, dimensions=(40, 100), encoding="utf-8", timeout=120,
    )  # fmt: skip
    session.logfile_read = seen = Paper(100)
    session.expect_exact("\n> ")
    screen = seen.read()
    session.send("w")
    session.expect(pexpect.EOF)
    rest = f">{seen.read().removeprefix(screen)}"
    for text, expected in zip((screen, rest), shown, strict=True):
        assert matches(text.strip(), expected.strip()), f"--- says\n{text}\n--- documented\n{expected}"


def test_the_readme_has_a_transcript():
    assert ROOT / "README.md" in WITH_COMMANDS


LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *sorted((ROOT / "docs" / "decisions").glob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_somewhere(path: Path):
    broken = [target for target in LINK.findall(path.read_text()) if not (path.parent / target).exists()]
    assert not broken


def test_the_policy_that_the_tutorial_shows_is_the_beginning_of_the_example():
    text = (ROOT / "docs" / "tutorial-policies.md").read_text()
    (shown,) = re.findall(r"^```policy-file\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert (ROOT / "examples" / "policies" / "office.policy").read_text().startswith(shown)

"""Commands in the documentation are run, and answer what the documentation says.

A block fenced as `console` is a transcript: lines that begin with `$ ` are run by bash, one after the other, in the
checkout, in a home of the file's own; what follows is their output. `...` stands for anything; session ids, and the
lines at which shipped policies say something, may differ. A command whose exit code is not 0 is followed by `# exit N`.
What a command reads from `<< 'END'` stands below it, up to `END`.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

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
    said, expected = (re.sub(r"(rules/\w+\.policy):\d+", r"\1:LINE", text) for text in (said, expected))
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

"""`pratique completion`: the shells themselves say what they would complete."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pratique.cli.main import COMMANDS


@pytest.fixture
def complete(pratique, tmp_path):
    """What bash offers for the last of these words."""
    script = tmp_path / "completion.bash"
    script.write_text(pratique("completion", "bash").out)

    def ask(*words: str) -> list[str]:
        program = (
            'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            'complete -p pratique > /dev/null || exit 9; _shtab_pratique; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "-c", program, "bash", script, *words], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.split()

    return ask


def test_bash_completes_every_command(complete):
    assert set(COMMANDS) <= set(complete("pratique", ""))
    assert complete("pratique", "plug") == ["plugins"]


def test_bash_completes_options_and_verbs(complete):
    assert {"--json", "--disable", "--host", "--hash"} <= set(complete("pratique", "plugins", "--"))
    assert {"set", "show", "check", "path"} <= set(complete("pratique", "host", ""))
    assert complete("pratique", "completion", "b") == ["bash"]


@pytest.mark.parametrize("command", ["show", "undo", "commit", "discard", "history"])
def test_bash_completes_the_ids_of_sessions(complete, pratique, tmp_path, monkeypatch, command):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert complete("pratique", command, "") == []
    session = pratique("run", "--refuse", "--json", "--", "true").json["id"]
    assert complete("pratique", command, "") == [session]
    assert complete("pratique", command, session[:3]) == [session]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_completes_its_help(complete, name):
    assert "--help" in complete("pratique", name, "--h")


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh"])
def test_the_other_shells_get_a_script_with_every_command(pratique, shell):
    done = pratique("completion", shell)
    assert done.code == 0
    assert all(name in done.out for name in COMMANDS)


def test_without_shtab_it_says_how_to_install_it(pratique, tmp_path):
    (tmp_path / "shtab.py").write_text("raise ImportError('not installed')")
    done = pratique("completion", "bash", env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 4
    assert "pip install shtab" in done.err


def test_bash_is_there_to_be_asked():
    assert shutil.which("bash")

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


@pytest.fixture
def on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("command", ["show", "history"])
def test_bash_completes_the_ids_of_sessions(complete, pratique, on_the_path, command):
    assert complete("pratique", command, "") == []
    session = pratique("run", "--refuse", "--json", "--", "true").json["id"]
    assert complete("pratique", command, "") == [session]
    assert complete("pratique", command, session[:3]) == [session]


def test_bash_offers_only_the_sessions_a_command_can_do_something_with(complete, pratique, on_the_path, tmp_path):
    assert [complete("pratique", command, "") for command in ("commit", "discard", "undo")] == [[], [], []]
    script = tmp_path / "setup.sh"
    script.write_text(f"#!/bin/sh\necho x > {tmp_path}/new\n")
    script.chmod(0o755)
    pratique("run", "--refuse", script)
    kept = pratique("run", "--keep", "--json", script).json["id"]
    installed = pratique("run", "--install", "--json", script).json["id"]
    assert complete("pratique", "commit", "") == complete("pratique", "discard", "") == [kept]
    assert complete("pratique", "undo", "") == [installed]


def test_bash_completes_what_is_remembered_plugins_keys_and_sockets(complete, pratique, on_the_path, tmp_path):
    assert complete("pratique", "decisions", "forget", "") == []
    marked = pratique("decisions", "mark", "--json", "--undesirable", "0" * 64).json["id"]
    assert complete("pratique", "decisions", "forget", "") == [marked]
    assert complete("pratique", "run", "--disable", "termi") == ["terminal"]
    assert complete("pratique", "host", "set", "plugins.d") == ["plugins.disable"]
    assert complete("pratique", "run", "--give", "s") == ["session-bus", "system-bus", "ssh-agent"]


def test_bash_completes_files_for_both_policies_and_commands_behind_two_dashes(complete, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unsharp.policy").touch()
    assert complete("pratique", "policy", "diff", "a.policy", "unsh") == ["unsharp.policy"]
    assert complete("pratique", "run", "unsh") == ["unsharp.policy"]
    assert set(complete("pratique", "run", "--", "unsh")) == {"unshare", "unsharp.policy"}


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

"""The command's frame: help, version, errors and exit codes."""

from __future__ import annotations

import pytest

from pratique import __version__
from pratique.cli import main as command
from pratique.cli.run import prepare


def test_version(pratique):
    ran = pratique("--version")
    assert (ran.code, ran.out) == (0, f"pratique {__version__}\n")


def test_help_lists_every_command_and_exit_code(pratique):
    ran = pratique("--help")
    assert ran.code == 0
    for name in command.COMMANDS:
        assert f"\n  {name} " in ran.out
    for code in ("0", "1", "2", "3", "4", "5", "6", "7", "8", "10", "11", "130"):
        assert f" {code}  " in ran.out


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_command_has_help(pratique, name):
    ran = pratique(name, "--help")
    assert ran.code == 0, ran.err
    assert f"usage: pratique {name}" in ran.out


def test_help_may_be_asked_for_by_name(pratique):
    assert pratique("help").out == pratique("--help").out
    assert pratique("help", "run").out == pratique("run", "--help").out
    assert pratique("help", "nowhere").code == 2


def test_help_runs_no_installer(pratique, tmp_path):
    installer = tmp_path / "x.sh"
    installer.write_text("#!/bin/sh\n")
    assert pratique("help", "run", installer).out.startswith("usage: pratique run")


def test_an_unknown_command_names_the_nearest(pratique):
    ran = pratique("pluggins")
    assert ran.code == 2
    assert "did you mean `pratique plugins`?" in ran.err


def test_no_command_is_wrong_usage(pratique):
    assert pratique().code == 2


def test_a_fault_of_ours_is_one_line_and_a_file_with_the_details(pratique, tmp_path):
    # A state directory that is a file is nothing the program can expect.
    (tmp_path / "state-file").write_text("")
    ran = pratique("history", env={"PRATIQUE_STATE": str(tmp_path / "state-file"), "TMPDIR": str(tmp_path)})
    assert ran.code in (1, 4)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--json", "./x.run"], ["--json=-", "./x.run"]),
        (["--json=r.json", "./x.run"], ["--json=r.json", "./x.run"]),
        (["./x.run", "--prefix", "/opt"], ["./x.run", "--prefix", "/opt"]),
        (["--policy", "p", "./x.run", "a"], ["--policy", "p", "./x.run", "a"]),
        (["--network", "host", "--", "npm", "install", "--json"],
         ["--network", "host", "--bare", "--", "npm", "install", "--json"]),
        (["./x.run", "--", "--install"], ["./x.run", "--", "--install"]),
        (["--install"], ["--install"]),
    ],
)  # fmt: skip
def test_options_stand_before_the_installer(typed, meant):
    assert prepare(typed) == meant


def test_an_option_of_ours_behind_the_installer_is_not_guessed_at(pratique, tmp_path):
    script = tmp_path / "x.sh"
    script.write_text("#!/bin/sh\ntouch $HOME/ran\n")
    ran = pratique("run", "./x.sh", "--refuse", "--josn", env={"HOME": str(tmp_path)})
    assert ran.code == 2
    assert "--refuse stands behind the installer" in ran.err
    assert "pratique run --refuse ./x.sh --josn" in ran.err
    assert not (tmp_path / "ran").exists()

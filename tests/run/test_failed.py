"""A program that failed is not called clean without a word, and the last line says what became of it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.root


def test_what_failed_is_not_called_clean(scene):
    ran = scene.run("--refuse", scene.script("echo one > ~/one", "exit 100"))
    assert ran.code == 11
    assert "\nFAILED  0 of 100" in ran.out
    assert "CLEAN" not in ran.out
    assert "  clean so far  " in ran.out
    assert "nothing undesirable was seen, but the installer failed (it ended with status 100); refused" in ran.err
    listed = scene._pratique("history", env=scene.environment).out
    assert "failed 0 " in listed
    assert " refuse " in listed


def test_what_failed_and_was_undesirable_is_called_so(scene):
    ran = scene.run("--refuse", scene.script("echo evil >> ~/.bashrc", "exit 1"))
    assert (ran.code, "UNDESIRABLE  100 of 100" in ran.out) == (10, True)


def test_what_might_help_is_said_though_it_is_refused(scene):
    script = scene.script("(exec 3<>/dev/tcp/192.0.2.1/80) || exit 7").rename(scene.downloads / "setup.bash")
    script.write_text(script.read_text().replace("#!/bin/sh", "#!/bin/bash"))
    ran = scene.run("--refuse", script)
    assert (ran.code, "`--network observed`" in ran.err) == (11, True)


def test_going_on_anyway_has_a_last_line(scene):
    ran = scene.run("--anyway", "--", "false")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "nothing to install: false changed nothing")
    assert "FAILED  0 of 100" in ran.out
    ran = scene.run("--anyway", scene.script("echo one > ~/one", "exit 1"))
    assert (ran.code, (scene.home / "one").exists()) == (0, True)
    assert "installed  setup.sh: 1 change" in ran.out


def test_how_to_go_on_is_said_where_there_is_something_to_install(scene):
    ran = scene.run(scene.script("echo one > ~/one", "exit 1"))
    assert (ran.code, ran.err.endswith("\n  what it did until it failed is installed with `--anyway`\n")) == (6, True)
    ran = scene.run("--", "false")
    assert (ran.code, "--anyway" in ran.err) == (6, False)


def test_a_program_cut_short_is_not_finished(scene):
    ran = scene.run("--timeout", "1", scene.script("sleep 60"))
    assert (ran.code, "\nNOT FINISHED  0 of 100" in ran.out, "clean so far" in ran.out) == (7, True, True)

"""`pratique policy check` and `fmt`, as a person runs them."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

GOOD = 'policy ours "Ours" { version "1" }\n\naction a {\n    on file.write\n    weight 10\n}\n'


def test_the_policy_in_force_is_checked_when_no_path_is_given(pratique: Any) -> None:
    ran = pratique("policy", "check")
    assert ran.code == 0
    assert re.fullmatch(r"[0-9]+ actions in [0-9]+ files: good( \([0-9]+ warnings?\))?", ran.out.splitlines()[-1])


def test_errors_are_shown_and_the_exit_code_is_3(pratique: Any, tmp_path: Path) -> None:
    (tmp_path / "x.policy").write_text(GOOD.replace("file.write", "file.wrte"))
    ran = pratique("policy", "check", "x.policy")
    assert ran.code == 3
    assert ran.out == (
        'error[P0102]: no event kind "file.wrte"\n'
        " --> x.policy:4:8\n"
        "  |\n"
        "4 |     on file.wrte\n"
        '  |        ^^^^^^^^^ the kinds that begin with "file.": attribute, create, delete, mode, owner, read, '
        "rename, write\n"
        "  |\n"
        '  = help: did you mean "file.write"?\n'
        "\n"
        "1 error in 1 file\n"
    )


def test_the_summary_names_the_policy_still_in_force(pratique: Any, tmp_path: Path, state: Path) -> None:
    """Of the files that would be in force, and of no others."""
    from pratique import policies
    from pratique.events import STANDARD_KINDS, Vocabulary

    held = policies.in_force(Vocabulary(STANDARD_KINDS)).policy
    place = Path(os.environ["PRATIQUE_CONFIG"]) / "policies"
    place.mkdir(parents=True)
    for file in (place / "x.policy", tmp_path / "x.policy"):
        file.write_text("policy x {")
    assert pratique("policy", "check", tmp_path / "x.policy").out.splitlines()[-1] == "1 error in 1 file"
    last = pratique("policy", "check", place / "x.policy").out.splitlines()[-1]
    assert last == pratique("policy", "check").out.splitlines()[-1]
    still = f"the policy in force is still {held.name} {held.version} (loaded "
    assert last.startswith(f"1 error in 1 file; nothing was loaded, {still}")


CHECK_WITH_OTHER_RULES = """
import sys
from pathlib import Path
from pratique import resources
from pratique.cli.main import main
shipped = resources.directory
resources.directory = lambda name: Path(sys.argv[1]) if name == "rules" else shipped(name)
sys.exit(main(["policy", "check"]))
"""


def test_errors_in_the_shipped_rules_are_said_once(state: Path, tmp_path: Path) -> None:
    (tmp_path / "baseline.policy").write_text(GOOD.replace("ours", "baseline").replace("weight", "wieght"))
    command = [sys.executable, "-c", CHECK_WITH_OTHER_RULES, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (3, "")
    assert ran.stdout.count("error[P0100]") == 1
    assert ran.stdout.endswith("\n\n1 error in 1 file; nothing was loaded, and nothing is in force\n")


@pytest.mark.parametrize("content", [None, "# ours\nnot a hash\n"], ids=["missing", "malformed"])
def test_a_list_of_hashes_that_cannot_be_used_is_told_where_it_is_named(
    pratique: Any, tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "x.policy").write_text(GOOD + 'trust {\n    allow sha256 from "allow.txt"\n}\n')
    if content is not None:
        (tmp_path / "allow.txt").write_text(content)
    ran = pratique("policy", "check", "x.policy")
    assert ran.code == 3
    assert "error[P0312]" in ran.out
    assert " --> x.policy:8:5\n" in ran.out
    assert "\n8 |     allow sha256 from" in ran.out
    assert "\n  |     ^^^^^" in ran.out
    (tmp_path / "allow.txt").write_text("# ours\n" + "a" * 64 + "  setup.sh\n")
    assert pratique("policy", "check", "x.policy").code == 0


def test_json_is_one_document(pratique: Any, tmp_path: Path) -> None:
    (tmp_path / "x.policy").write_text(GOOD)
    ran = pratique("policy", "check", "x.policy", "--json")
    assert ran.code == 0
    assert ran.json["good"] is True
    assert ran.json["policies"] == {"ours": {"version": "1", "actions": 1, "tests": 0}}
    (tmp_path / "x.policy").write_text("policy ours {")
    ran = pratique("policy", "check", "x.policy", "--json")
    assert ran.code == 3
    (diagnostic,) = ran.json["diagnostics"]
    assert (diagnostic["code"], diagnostic["where"]["line"], diagnostic["where"]["column"]) == ("P0101", 1, 13)


STEERS = "\x1b]0;title\x07"
STEERING = f"""policy ours "Ours{STEERS}" {{ version "1{STEERS}" }}
sandbox {{ give "{STEERS}" }}
let unused = "{STEERS}"
action a "{STEERS}" {{
    on net.connect where address = "{STEERS}" or port = "{STEERS}"
    on file.write where path matches re"({STEERS}" or path matches "{STEERS}[z-a]"
    weight 10
    remedy nothing {STEERS}
}}
"""


def at_a_terminal(*words: str | Path) -> str:
    """What a command wrote on its terminal, standard error and all."""
    controlling, terminal = os.openpty()
    try:
        command = [sys.executable, "-m", "pratique.cli.main", *map(str, words)]
        with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as running:
            os.close(terminal)
            written = b""
            with contextlib.suppress(OSError):  # how the end of a terminal is told
                while piece := os.read(controlling, 65536):
                    written += piece
            running.wait(60)
    finally:
        os.close(controlling)
    return written.decode()


@pytest.mark.parametrize("words", [("policy", "check"), ("policy", "test"), ("policy", "fmt", "--check")])
def test_a_policy_cannot_steer_the_terminal(pratique: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / f"{STEERS}x.policy"
    file.write_text(STEERING)
    ran = pratique(*words, file)
    assert ran.code == 3
    assert "title" in ran.out + ran.err
    colours = re.compile(r"\x1b\[[0-9;]*m")
    for said in (ran.out, ran.err, colours.sub("", at_a_terminal(*words, file))):
        assert "\x1b" not in said
        assert "\x07" not in said


def test_nor_can_the_policy_in_force(pratique: Any, state: Path) -> None:
    place = Path(os.environ["PRATIQUE_CONFIG"]) / "policies"
    place.mkdir(parents=True)
    good = f'policy ours "Ours{STEERS}" {{ version "1{STEERS}" }}\naction a "{STEERS}" {{ on file.write; weight 10 }}\n'
    (place / "ours.policy").write_text(good)
    explained = pratique("policy", "explain", "--event", "file.write path=/x")
    assert explained.code == 0
    assert "by ours 1" in explained.out
    (place / "ours.policy").write_text(STEERING)
    for words in (("policy", "check"), ("policy", "test"), ("policy", "explain", "--event", "file.write"), ("doctor",)):
        ran = pratique(*words)
        assert "is still ours 1" in ran.out + ran.err
        assert "\x1b" not in explained.out + ran.out + ran.err
        assert "\x07" not in explained.out + ran.out + ran.err


def test_a_missing_file_is_wrong_usage(pratique: Any) -> None:
    ran = pratique("policy", "check", "none.policy")
    assert ran.code == 2
    assert "no such file" in ran.err


def test_a_missing_file_is_said_with_the_one_that_was_meant(pratique: Any, tmp_path: Path) -> None:
    place = tmp_path / "policies"
    place.mkdir()
    for words in (("policy", "check"), ("policy", "fmt"), ("policy", "test"), ("run", "--policy")):
        said = pratique(*words, place / "ofice.policy", *(["true"] if words[0] == "run" else [])).err
        assert f"no such file or directory: {place}/ofice.policy\n  there is no policy file in {place}\n" in said
    (place / "office.policy").write_text(GOOD)
    assert 'did you mean "office.policy"?' in pratique("policy", "check", place / "ofice.policy").err
    assert f"policy files in {place}: office.policy" in pratique("policy", "check", place / "x").err


def test_help_lists_the_subcommands(pratique: Any) -> None:
    ran = pratique("policy", "--help")
    assert ran.code == 0
    for word in ("check", "fmt", "explain", "test", "diff"):
        assert f"\n  {word} " in ran.out
    assert pratique("policy").code == 2
    assert pratique("policy", "chek").code == 2


def test_fmt_writes_in_style_and_is_content_with_that(pratique: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.policy"
    untidy = GOOD.replace("    ", "\t").replace("weight 10", "weight  10 ;")
    file.write_text(untidy)
    file.chmod(0o640)
    checked = pratique("policy", "fmt", "--check", "x.policy")
    assert checked.code == 1
    assert "not in style" in checked.err
    shown = pratique("policy", "fmt", "--diff", "x.policy")
    assert (shown.code, "+    weight 10\n" in shown.out) == (1, True)
    assert file.read_text() == untidy
    assert pratique("policy", "fmt", "x.policy").code == 0
    assert file.read_text() == GOOD
    assert file.stat().st_mode & 0o777 == 0o640
    assert pratique("policy", "fmt", "--check", "--diff", ".").code == 0
    assert [path.name for path in tmp_path.glob(".fmt-*")] == []


def test_fmt_leaves_alone_what_does_not_parse(pratique: Any, tmp_path: Path) -> None:
    (tmp_path / "x.policy").write_text("policy x {")
    ran = pratique("policy", "fmt", "x.policy")
    assert ran.code == 3
    assert "P0101" in ran.err
    assert (tmp_path / "x.policy").read_text() == "policy x {"


def test_fmt_reads_and_writes_the_standard_streams(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pratique.cli.main", "policy", "fmt", "-"]
    done = subprocess.run(command, input="let a=[ 5 ,]", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "let a = [5]\n")


SCRIPT = """#!/bin/sh
case "$1" in
  a) echo "$HOME" | sed s,a,b, ;;
  *) x=$(cat /etc/passwd); [ -n "$x" ] && exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    "text", [SCRIPT, SCRIPT.partition("\n")[2], "# Read me\n\nThis is text, and (it) is no policy. * a - b & c\n"]
)
def test_what_is_evidently_no_policy_is_told_so_once(pratique: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.sh").write_text(text)
    ran = pratique("policy", "check", "x.sh")
    assert ran.code == 3
    assert ran.out.startswith("error[P0301]: this is no policy file: ")
    assert "\n1 error in 1 file\n" in ran.out
    assert "1 error in 1 file" in pratique("policy", "fmt", "--check", "x.sh").err


def test_a_policy_full_of_mistakes_has_each_told_and_all_when_they_are_wanted(pratique: Any, tmp_path: Path) -> None:
    mistakes = "".join(f"action a{n} {{ on file.wrte; weight 1 }}\n" for n in range(14))
    (tmp_path / "x.policy").write_text(f"policy x {{ }}\n{mistakes}")
    brief = pratique("policy", "check", "x.policy").out
    assert (brief.count("error["), "\n\nand 4 more; `pratique policy check --all` shows every one\n" in brief) == (
        10,
        True,
    )
    assert pratique("policy", "check", "--all", "x.policy").out.count("error[") == 14
    (tmp_path / "y.policy").write_text("polcy x {\n" + "-\n" * 20)
    assert 'did you mean "policy"?' in pratique("policy", "check", "--all", "y.policy").out


# -- speed ------------------------------------------------------------------------------------------------------------


def fastest(times: int, run: Any) -> float:
    took = []
    for _ in range(times):
        before = time.perf_counter()
        assert run().code == 0
        took.append(time.perf_counter() - before)
    return min(took)


def of_processor(run: Any) -> float:
    """Seconds of processor time that a command took: other work on the machine hardly counts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run().code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.alone
def test_the_shipped_rules_are_checked_in_less_than_400_ms(pratique: Any) -> None:
    assert min(of_processor(lambda: pratique("policy", "check")) for _ in range(5)) <= 0.4


@pytest.mark.alone
@pytest.mark.timeout(120)
def test_ten_thousand_actions_in_200_files_are_checked_in_less_than_3_s(pratique: Any, tmp_path: Path) -> None:
    action = """action rule-{n} "Does the undesirable thing number {n}" {{
    category autorun
    on file.write where path in paths_{f} and not by_package_manager or path matches "/opt/app{n}/**/*.so"
    weight {w} disclosed 1
    remedy revert
    because "Reference {n}"
    match file.write {{ path "~/.bashrc" }}
    no match file.write {{ path "~/.other{n}", by_package_manager true }}
}}
"""
    place = tmp_path / "big"
    place.mkdir()
    for f in range(200):
        head = 'policy big "Big" { version "1" }\n' if f == 0 else "part of big\n"
        lets = f'let paths_{f} = ["~/.bashrc", "~/.config/app{f}/**"]\n'
        actions = "".join(action.format(n=f * 50 + n, f=f, w=n + 1) for n in range(50))
        (place / f"{f:03}.policy").write_text(head + lets + actions)
    assert fastest(3, lambda: pratique("policy", "check", place)) <= 3.0


def test_fmt_says_as_json_what_became_of_each_file(pratique: Any, tmp_path: Path) -> None:
    good, loose, wrong = (tmp_path / f"{name}.policy" for name in ("good", "loose", "wrong"))
    loose.write_text("policy   loose{ }\n")
    assert pratique("policy", "fmt", loose).code == 0
    loose.rename(good)
    loose.write_text("policy   loose{ }\n")
    wrong.write_text("polcy {\n")

    def states(*words: str) -> tuple[int, list[str]]:
        done = pratique("policy", "fmt", "--json", *words, good, loose, wrong)
        assert [one["file"] for one in done.json["files"]] == [str(good), str(loose), str(wrong)]
        return done.code, [one["state"] for one in done.json["files"]]

    assert states("--check") == (3, ["in style", "not in style", "wrong"])
    assert states() == (3, ["in style", "formatted", "wrong"])
    assert states() == (3, ["in style", "in style", "wrong"])
    assert loose.read_bytes() == good.read_bytes()
    assert pratique("policy", "fmt", "--json", "-").code == 2

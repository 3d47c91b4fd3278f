"""Loading policies from files: found by name, checked as a whole, kept for when the files are broken."""

from __future__ import annotations

import os
import resource
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pratique import places, policies
from pratique.errors import PolicyError, UsageError
from pratique.events import STANDARD_KINDS, EventKind, Field, Vocabulary
from pratique.policies import copies, force, loading, parsing
from pratique.policies.parsing import MUCH
from pratique.policy.checker import check, read
from pratique.policy.scope import Source

VOCABULARY = Vocabulary(STANDARD_KINDS)
GOOD = 'policy ours "Ours" { version "1" }\naction a { on file.write; weight 10 }\n'


@pytest.fixture
def site(state: Path) -> Path:
    """The site's own policy directory, empty."""
    directory = places.config() / "policies"
    directory.mkdir(parents=True)
    return directory


def test_the_shipped_policy_is_in_force_where_there_is_no_other(state: Path) -> None:
    held = policies.in_force(VOCABULARY)
    assert (held.policy.name, held.problems) == ("baseline", "")
    assert len(held.policy.actions) > 10


def test_the_shipped_policies_have_nothing_wrong(state: Path) -> None:
    outcome = policies.check([policies.search_path()[-1]], VOCABULARY)
    assert outcome.diagnostics == ()


def test_the_sites_own_policy_is_in_force(site: Path) -> None:
    (site / "ours.policy").write_text("policy ours { extends baseline; override threshold 55 }\n")
    held = policies.in_force(VOCABULARY)
    assert (held.policy.name, held.policy.threshold) == ("ours", 55)
    assert {action.policy for action in held.policy.actions} == {"baseline"}


def test_a_site_may_replace_the_shipped_policy_by_one_of_the_same_name(site: Path) -> None:
    (site / "x.policy").write_text(GOOD.replace("ours", "baseline"))
    assert [action.name for action in policies.in_force(VOCABULARY).policy.actions] == ["a"]


def test_of_several_own_policies_the_one_that_none_extends_is_in_force(site: Path) -> None:
    (site / "a.policy").write_text(GOOD)
    (site / "b.policy").write_text("policy top { extends ours }\n")
    assert policies.in_force(VOCABULARY).policy.name == "top"
    (site / "c.policy").write_text("policy other { }\n")
    assert policies.in_force(VOCABULARY, name="other").policy.name == "other"


def test_a_broken_file_leaves_the_last_good_policy_in_force(site: Path) -> None:
    file = site / "ours.policy"
    file.write_text(GOOD)
    since = policies.in_force(VOCABULARY).since
    file.write_text(GOOD.replace("weight 10", "wieght 10"))
    held = policies.in_force(VOCABULARY)
    assert held.policy.actions[0].weight == 10
    assert held.since == since
    assert 'did you mean "weight"?' in held.problems
    assert held.problems.endswith("; nothing was loaded, the policy in force is still ours 1 (loaded just now)")
    file.write_text(GOOD.replace("weight 10", "weight 20"))
    mended = policies.in_force(VOCABULARY)
    assert (mended.policy.actions[0].weight, mended.problems) == (20, "")
    assert mended.since > since


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0" * 10, b"policy", b"action x {", b"part of nothing\n"])
def test_a_broken_file_never_lets_the_shipped_policy_slip_in_unsaid(site: Path, content: bytes) -> None:
    (site / "ours.policy").write_text(GOOD)
    policies.in_force(VOCABULARY)
    (site / "ours.policy").write_bytes(content)
    held = policies.in_force(VOCABULARY)
    assert held.policy.name == "ours"
    assert held.problems


def test_where_nothing_was_ever_loaded_the_shipped_policy_holds_and_the_problem_is_told(site: Path) -> None:
    (site / "ours.policy").write_text("policy ours {")
    held = policies.in_force(VOCABULARY)
    assert held.policy.name == "baseline"
    assert "P0101" in held.problems
    still = "no policy was ever loaded on this machine: the shipped baseline 1.0.0 is in force"
    assert held.problems.endswith(f"; nothing was loaded, {still}")
    again = policies.in_force(VOCABULARY)
    assert (again.since, again.problems) == (0, held.problems), "it is still not loaded, however often it is asked for"


def test_the_shipped_rules_are_checked_once_to_stand_in(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    check_named = loading.check_named

    def counting(name: str, *rest: Any, **more: Any) -> Any:
        checked.append(name)
        return check_named(name, *rest, **more)

    monkeypatch.setattr(loading, "check_named", counting)
    (site / "a.policy").write_text(GOOD)
    (site / "b.policy").write_text("policy other { }\n")
    held = policies.in_force(VOCABULARY)
    assert held.policy.name == "baseline"
    assert held.reason.startswith("nobody said which policy is in force. There are several: ")
    assert held.problems.endswith("\nsay which: `pratique host set policy NAME`")
    assert checked == ["baseline"]


@pytest.mark.parametrize("content", [None, "policy own {"], ids=["missing", "broken"])
@pytest.mark.parametrize("another", [False, True], ids=["nothing kept", "another was in force"])
def test_no_other_policy_holds_in_the_place_of_one_that_is_named(
    site: Path, content: str | None, another: bool
) -> None:
    if another:
        assert policies.in_force(VOCABULARY).policy.name == "baseline"
    if content is not None:
        (site / "own.policy").write_text(content)
    with pytest.raises(PolicyError, match='policy "own"'):
        policies.in_force(VOCABULARY, name="own")


def test_nor_does_another_hold_where_the_shipped_one_is_named(site: Path) -> None:
    (site / "ours.policy").write_text(GOOD)
    assert policies.in_force(VOCABULARY).policy.name == "ours"
    (site / "ours.policy").write_text("policy ours {")
    held = policies.in_force(VOCABULARY, name="baseline")
    assert (held.policy.name, held.since) == ("baseline", 0)
    still = "no good version of it is kept on this machine: the shipped baseline 1.0.0 is in force"
    assert held.problems.endswith(f"1 error in 1 file; nothing was loaded, {still}")
    assert policies.in_force(VOCABULARY).policy.name == "ours"


def test_the_named_policy_itself_stays_in_force_when_its_file_goes(site: Path) -> None:
    (site / "own.policy").write_text(GOOD.replace("ours", "own"))
    policies.in_force(VOCABULARY, name="own")
    (site / "own.policy").unlink()
    held = policies.in_force(VOCABULARY, name="own")
    assert held.policy.name == "own"
    assert held.problems.endswith("the policy in force is still own 1 (loaded just now)\nknown policies: baseline")


@pytest.mark.alone
def test_what_was_checked_is_kept_for_the_owner_only_and_read_quickly(site: Path) -> None:
    actions = "\n".join(f"action a{n} {{ on file.write where path = '/x{n}'; weight 1 }}" for n in range(3000))
    (site / "ours.policy").write_text("policy ours { }\n" + actions)
    before = time.process_time()
    first = policies.in_force(VOCABULARY)
    checking = time.process_time() - before
    again = []
    for _ in range(3):
        before = time.process_time()
        assert policies.in_force(VOCABULARY) == first
        again.append(time.process_time() - before)
    assert min(again) * 3 < checking
    kept = places.state() / "policy" / "in-force.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]


def test_what_is_kept_is_checked_anew_when_the_event_kinds_change(site: Path) -> None:
    (site / "ours.policy").write_text("policy ours { }\naction a { on font.replace; weight 5 }\n")
    more = Vocabulary([*STANDARD_KINDS, EventKind("font.replace", "A font", path=Field.path)])
    assert policies.in_force(more).problems == ""
    assert "P0102" in policies.in_force(VOCABULARY).problems


def test_a_damaged_copy_is_not_trusted(site: Path) -> None:
    (site / "ours.policy").write_text(GOOD)
    policies.in_force(VOCABULARY)
    (places.state() / "policy" / "in-force.json").write_text("{")
    assert policies.in_force(VOCABULARY).policy.name == "ours"


def test_ages_are_words() -> None:
    assert [force.ago(0, now) for now in (5, 60, 7200, 3 * 86400)] == [
        "just now", "1 minute ago", "2 hours ago", "3 days ago",
    ]  # fmt: skip


# -- by name and path -------------------------------------------------------------------------------------------------


def test_a_part_is_checked_with_the_whole_of_its_policy(state: Path, tmp_path: Path) -> None:
    (tmp_path / "head.policy").write_text("policy ours { }\nlet paths = ['/x']\n")
    part = tmp_path / "more.policy"
    part.write_text("part of ours\naction a { on file.write where path in paths; weight 5 }\n")
    assert [action.name for action in policies.load(part, VOCABULARY).actions] == ["a"]


def test_files_with_errors_are_not_loaded_and_the_diagnostics_are_at_hand(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.policy"
    file.write_text("policy ours { }\naction a { on f.x; weight 5 }\n")
    with pytest.raises(PolicyError, match="1 error in 1 file; nothing was loaded") as caught:
        policies.load(file, VOCABULARY)
    assert "error[P0102]" in caught.value.rendered
    assert caught.value.exit_code == 3


def test_names_and_files_that_do_not_exist(state: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match='no policy "nobody"'):
        policies.load("nobody", VOCABULARY)
    with pytest.raises(UsageError, match="no such file"):
        policies.load(tmp_path / "none.policy", VOCABULARY)
    with pytest.raises(UsageError, match=r"no \*.policy files"):
        policies.check([tmp_path / "pratique-state"], VOCABULARY)


def test_pipes_and_devices_are_not_waited_for(state: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.policy")
    (tmp_path / "zero.policy").symlink_to("/dev/zero")
    outcome = policies.check([tmp_path], VOCABULARY)
    assert [one.message for one in outcome.diagnostics] == ["this is not a regular file"] * 2
    assert [Path(one.where.file).name for one in outcome.diagnostics] == ["pipe.policy", "zero.policy"]


@pytest.mark.parametrize(
    ("content", "code"), [(b"# \xe9\n", "P0112"), (b"#" * ((1 << 20) + 1), "P0113"), (b"let a = 5\n", "P0301")]
)
def test_what_is_no_policy_file_is_told(state: Path, tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "x.policy").write_bytes(content)
    assert code in [one.code for one in policies.check([tmp_path], VOCABULARY).diagnostics]


@pytest.mark.parametrize("content", [b"policy ours { }\n# \xe9\n", b"policy ours { }\n" + b"#" * (1 << 20)])
def test_a_namesake_that_is_no_policy_file_is_passed_over(state: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ours.policy").write_text(GOOD)
    (tmp_path / "copy.policy").write_bytes(content)
    outcome = policies.check([tmp_path / "ours.policy"], VOCABULARY)
    assert outcome.good
    assert [(one.severity, Path(one.where.file).name) for one in outcome.diagnostics] == [("warning", "copy.policy")]
    assert not policies.check([tmp_path], VOCABULARY).good, "it was named"
    (tmp_path / "copy.policy").write_bytes(content.replace(b"policy ours { }", b"part of ours"))
    assert not policies.check([tmp_path / "ours.policy"], VOCABULARY).good, "a part lacks"


def test_files_that_a_policy_names_are_found_beside_it(state: Path, tmp_path: Path) -> None:
    (tmp_path / "x.policy").write_text(
        'policy ours { }\nsignatures yara "yara/*.yar" { weight 5 }\ntrust { block sha256 from "block.txt" }\n'
        'test "t" { given recording "a.rec"; expect clean }\n'
    )
    policy = policies.load(tmp_path / "x.policy", VOCABULARY)
    assert policy.signatures[0].files == (str(tmp_path / "yara/*.yar"),)
    assert policy.trust.hashes[0].file == str(tmp_path / "block.txt")
    assert policy.tests[0].recording == str(tmp_path / "a.rec")


def test_what_lies_deep_below_a_files_directory_is_not_drawn_in(state: Path, tmp_path: Path) -> None:
    (tmp_path / "x.policy").write_text("policy top { extends ours }\n")
    (tmp_path / "ours.policy").write_text(GOOD)
    copy = tmp_path / "checkouts" / "copy"
    copy.mkdir(parents=True)
    (copy / "ours.policy").write_text(GOOD)
    assert policies.check([tmp_path / "x.policy"], VOCABULARY).good
    assert policies.load(tmp_path / "x.policy", VOCABULARY).actions[0].policy == "ours"
    twice = policies.check([tmp_path], VOCABULARY)
    assert "P0302" in [one.code for one in twice.diagnostics]


# -- speed ------------------------------------------------------------------------------------------------------------


def test_many_files_are_parsed_by_two_processes_to_the_same_end(state: Path, tmp_path: Path) -> None:
    (tmp_path / "head.policy").write_text("policy ours { }\n")
    action = 'action a{n} "Number {n}" {{ on file.write where path matches "/opt/{n}/**"; weight 5 }}\n'
    size = 0
    for file in range(12):
        text = "part of ours\n" + "".join(action.format(n=f"{file}-{n}") for n in range(800))
        (tmp_path / f"p{file:02}.policy").write_text(text)
        size += len(text)
    assert size > MUCH
    (tmp_path / "p11.policy").write_text("part of ours\naction b { on file.wrte; weight 5 }\n")
    outcome = policies.check([tmp_path], VOCABULARY)
    assert [(one.code, Path(one.where.file).name) for one in outcome.diagnostics] == [("P0102", "p11.policy")]
    (tmp_path / "p11.policy").unlink()
    assert len(policies.check([tmp_path], VOCABULARY).policies["ours"].actions) == 11 * 800


@pytest.fixture
def killed_copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every copy is killed as soon as there is one."""
    begin, killed = copies._begin, []

    def kill(work: Callable[[], object]) -> tuple[int, BinaryIO | None]:
        copy, answer = begin(work)
        os.kill(copy, signal.SIGKILL)
        killed.append(copy)
        return copy, answer

    monkeypatch.setattr(copies, "_begin", kill)
    return killed


def test_a_copy_that_is_killed_loses_nothing(killed_copies: list[int]) -> None:
    assert [one.name for one in parsing.parse_all(_much())] == ["0.policy", "1.policy"]
    assert len(killed_copies) == 1


def _two_thousand(*more: str) -> list[Source]:
    """The source of a policy of 2,000 actions, the last of which also hold these clauses."""
    head = "policy ours { }\nlet early = ['/early']\nlet late = ['/late']\nlet unused = ['/unused']\n"
    last = 2000 - len(more)
    actions = [
        f"action a{n} {{ on file.write where path in {'early' if n < 900 else 'late'} or path = '/{n}'\n"
        f"{more[n - last] if n >= last else ''}\nweight 5 }}\n"
        for n in range(2000)
    ]
    return [read(head + "".join(actions), "ours.policy")]


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ((), ["P0401"]),
        (("on file.write where path in late", "on file.wrte", "on file.write where path in lat"),
         ["P0401", "P0102", "P0104"]),
    ],
)  # fmt: skip
def test_actions_checked_by_two_are_those_that_one_would_have_made(more: tuple[str, ...], codes: list[str]) -> None:
    alone = check("ours", _two_thousand(*more), VOCABULARY)
    assert [one.code for one in alone.diagnostics] == codes
    assert check("ours", _two_thousand(*more), VOCABULARY, aside=copies.aside) == alone


def test_what_is_too_much_for_a_policy_is_so_for_two_halves_that_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (1999, 2000):
        monkeypatch.setattr("pratique.policy.scope.LARGEST_POLICY", limit)
        monkeypatch.setattr("pratique.policy.halves.LARGEST_POLICY", limit)
        alone = check("ours", _two_thousand(), VOCABULARY)
        assert ("P0308" in [one.code for one in alone.diagnostics]) == (limit == 1999)
        assert check("ours", _two_thousand(), VOCABULARY, aside=copies.aside) == alone


def test_actions_are_checked_alone_when_the_copy_was_killed(killed_copies: list[int]) -> None:
    checked = check("ours", _two_thousand(), VOCABULARY, aside=copies.aside)
    assert checked == check("ours", _two_thousand(), VOCABULARY)
    assert len(killed_copies) == 1


def test_where_there_can_be_no_copy_it_is_done_alone() -> None:
    texts = _much()
    parsing.parse_all(texts[:1])  # with the tables read
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.pipe()
        parsed = parsing.parse_all(texts)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [one.name for one in parsed] == ["0.policy", "1.policy"]


def _much() -> list[parsing.Text]:
    return [parsing.Text(f"{n}.policy", "part of ours\n" + "# words\n" * (MUCH // 8)) for n in range(2)]


# -- several versions of one policy, side by side ---------------------------------------------------------------------


def test_a_file_that_is_named_does_not_clash_with_its_copies(state: Path, tmp_path: Path) -> None:
    new, old, copy = tmp_path / "new.policy", tmp_path / "old.policy", tmp_path / "new.policy.bak"
    new.write_text(GOOD)
    old.write_text(GOOD.replace("weight 10", "weight 20"))
    copy.write_text(GOOD.replace("weight 10", "weight 30"))
    (tmp_path / "more.policy").write_text("part of ours\naction b { on file.write; weight 1 }\n")
    weights = {
        path.name: {one.name: one.weight for one in policies.load(path, VOCABULARY).actions}
        for path in (new, old, copy)
    }
    assert weights == {
        "new.policy": {"a": 10, "b": 1}, "old.policy": {"a": 20, "b": 1}, "new.policy.bak": {"a": 30, "b": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    "junk",
    [b"\x7fELF\x00\xff", b"#" * ((1 << 20) + 1), b"policy other { \xff }", None],
    ids=["binary", "large", "other", "pipe"],
)
def test_junk_beside_a_file_that_is_named_is_only_noted(state: Path, tmp_path: Path, junk: bytes | None) -> None:
    (tmp_path / "good.policy").write_text(GOOD)
    if junk is None:
        os.mkfifo(tmp_path / "junk.policy")
    else:
        (tmp_path / "junk.policy").write_bytes(junk)
    outcome = policies.check([tmp_path / "good.policy"], VOCABULARY)
    assert (outcome.good, list(outcome.policies)) == (True, ["ours"])
    assert [(one.severity, one.where.file.endswith("junk.policy")) for one in outcome.diagnostics] == [
        ("warning", True)
    ]
    assert policies.load(tmp_path / "good.policy", VOCABULARY).name == "ours"
    assert not policies.check([tmp_path], VOCABULARY).good, "where the whole directory is asked about, it is an error"


@pytest.mark.parametrize("text", [GOOD.replace("weight 10", "wieght 10"), "action x {", "policy {"])
def test_junk_beside_a_file_with_errors_is_only_noted_too(state: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.policy").write_text(text)
    (tmp_path / "junk.policy").write_bytes(b"\x7fELF\x00\xff")
    told = policies.check([tmp_path / "bad.policy"], VOCABULARY).diagnostics
    assert not [one for one in told if one.where.file.endswith("junk.policy") and one.severity == "error"]
    assert [one for one in told if one.where.file.endswith("bad.policy") and one.severity == "error"]


def test_a_part_that_cannot_be_read_is_an_error(state: Path, tmp_path: Path) -> None:
    (tmp_path / "good.policy").write_text(GOOD)
    (tmp_path / "more.policy").write_bytes(b"part of ours\n# \xff\n")
    outcome = policies.check([tmp_path / "good.policy"], VOCABULARY)
    assert [(one.code, one.severity) for one in outcome.diagnostics] == [("P0112", "error")]


def test_a_file_that_is_named_can_extend_its_neighbour_beside_copies_of_itself(state: Path, tmp_path: Path) -> None:
    (tmp_path / "ours.policy").write_text(GOOD)
    for name in ("top.policy", "top-old.policy"):
        (tmp_path / name).write_text("policy top { extends ours }\n")
    assert [one.name for one in policies.load(tmp_path / "top.policy", VOCABULARY).actions] == ["a"]


def test_two_headers_of_one_policy_clash_when_both_are_named_or_neither(state: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.policy", tmp_path / "b.policy"]
    for file in files:
        file.write_text(GOOD)
    for named in ([tmp_path], files):
        assert not policies.check(named, VOCABULARY).good

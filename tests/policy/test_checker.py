"""What the checker makes of a policy that parses: names, types, limits, and the values that come out."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from pratique.events import STANDARD_KINDS, EventKind, Field, Vocabulary
from pratique.policy import model
from pratique.policy.checker import Checked, check, check_text, read
from pratique.policy.diagnostics import Diagnostic

DATA = Path(__file__).parent / "data"
VOCABULARY = Vocabulary(
    [
        *STANDARD_KINDS,
        EventKind("call.made", "A call took time", name=Field.text, took=Field.duration, other=Field.text),
    ]
)


def checked(text: str) -> Checked:
    return check_text(text, VOCABULARY, file="x.policy")


def policy(text: str) -> model.Policy:
    out = checked(text)
    assert out.policy is not None, out.diagnostics
    return out.policy


def only(text: str) -> Diagnostic:
    (diagnostic,) = checked(text).diagnostics
    return diagnostic


def where(condition: str, kind: str = "file.write") -> model.Condition:
    (action,) = policy(f"action a {{ on {kind} where {condition}; weight 5 }}").actions
    (trigger,) = action.triggers
    assert isinstance(trigger, model.Single)
    return trigger.step.where


def wrong(condition: str, kind: str = "file.write") -> Diagnostic:
    return only(f"action a {{ on {kind} where {condition}; weight 5 }}")


# -- the whole --------------------------------------------------------------------------------------------------------


def whole() -> model.Policy:
    essentials = read((DATA / "essentials.policy").read_text(), "essentials.policy")
    source = read((DATA / "whole.policy").read_text(), "whole.policy")
    out = check("baseline", [source], VOCABULARY, find=lambda name: [essentials] if name == "essentials" else [])
    assert [(one.code, one.severity) for one in out.diagnostics] == [("P0406", "warning")]
    assert out.policy is not None
    return out.policy


def test_every_block_of_the_language_comes_out_as_typed_values() -> None:
    made = whole()
    assert (made.name, made.version, made.threshold, made.undesirable, made.unattended) == (
        "baseline", "1.0.0", 100, "ask", "refuse",
    )  # fmt: skip
    actions = {action.name: action for action in made.actions}
    assert set(actions) == {"browser-home-page", "browser-search", "shell-startup", "exfiltration", "popup-storm"}
    assert made.disabled == (("desktop-icon", "we ship icons on purpose"),)
    assert actions["popup-storm"].weight == 30
    assert actions["browser-search"].policy == "essentials"
    assert actions["shell-startup"].where == model.Location("whole.policy", 13, 1)
    assert [example.expect_match for example in actions["shell-startup"].examples] == [True, False]
    (sequence,) = actions["exfiltration"].triggers
    assert isinstance(sequence, model.Sequence)
    assert (sequence.by, sequence.within, len(sequence.steps)) == ("tree", 60, 2)
    (count,) = actions["popup-storm"].triggers
    assert count == model.Count(5, model.Step(kinds=("window.raise",)), "process", 60)
    assert made.disclosures[0].by[0] == model.ByControl(
        ("checkbox", "radio"), (model.Regex("(home|start) ?page|default search", "i"),), "left ticked"
    )
    assert made.decide.undesirable == model.AnyOf(
        (model.Total(">="), model.Found("browser-home-page", disclosed=False))
    )
    assert (made.decide.remember_for, made.decide.remember_by) == (180 * 86400, ("signer", "name"))
    assert made.signatures[0].files == ("yara/**/*.yar",)
    assert made.signatures[0].cure_when == (("cure", "strip"),)
    assert [rule.what for rule in made.reputation.rules] == ["unsigned", "vendor", "seen", "refused"]
    assert made.reputation.answer_within == 0.2
    assert made.distribution is not None
    center, site = made.distribution.routes
    assert center.transfer == model.Transfer(how="pull", every=900, retries=3, apart=30, then="push")
    assert site.transfer == model.Transfer(how="push", then="pull", then_every=300)
    assert [(ring.share, ring.lasts) for ring in made.distribution.rings] == [(0.05, 3600), (0.5, 3600), (1, None)]
    assert made.samples is not None and made.samples.at_most == 50 << 20
    assert made.spool is not None and made.spool.keep_bytes == 2 << 30 and made.spool.never_drop == ("samples",)
    assert made.alerts.at_most_per_hour == 10 and made.alerts.rules[2].over == 0.8
    assert made.tests[0].expect[0].actions == (("browser-home-page", False),)
    assert made.tests[0].expect[1].component == "player"


def test_the_plan_holds_all_that_a_session_must_know_before_it_starts() -> None:
    plan = whole().plan
    assert plan.network_for("npm").to == ("registry.npmjs.org", "pypi.org")
    assert plan.network_for("deb").mode == "none"
    assert plan.hide == plan.record_without == plan.read_globs
    assert "~/.ssh/**" in plan.read_globs
    assert plan.instrument == ("installers", "interpreters", "gui")
    assert plan.give == ("session-bus", "/run/player.socket")
    assert plan.deny == (model.Step(kinds=("device.write",)),)
    assert plan.untick.press == (model.UntickPress(buttons=("Decline", "Skip"), windows=(model.Regex("offer", "i"),)),)
    assert {"file.write", "net.connect", "window.raise", "mount.call"} <= plan.kinds


def test_a_checked_policy_survives_json() -> None:
    made = whole()
    assert msgspec.json.decode(msgspec.json.encode(made), type=model.Policy) == made


# -- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("file.write", 'path = "/etc/passwd"', model.Equals("path", "/etc/passwd")),
        ("file.write", 'path = "~/.bashrc"', model.Globs("path", ("~/.bashrc",))),
        ("file.write", r"path = 'C:\Windows\x.dll'", model.Equals("path", r"C:\Windows\x.dll", fold=True)),
        ("file.write", 'path != "/etc/passwd"', model.Not(model.Equals("path", "/etc/passwd"))),
        ("file.write", 'path in ["/a/**", "~/b"]', model.Globs("path", ("/a/**", "~/b"))),
        ("file.write", 'path matches re"\\.so$"i', model.Matches("path", (model.Regex(r"\.so$", "i"),))),
        (
            "file.write",
            r"""path in ["/a", 'C:\x', re"y"]""",
            model.Or(
                (
                    model.Globs("path", ("/a",)),
                    model.Globs("path", (r"C:\x",), fold=True),
                    model.Matches("path", (model.Regex("y"),)),
                )
            ),
        ),
        ("file.write", "size > 10MiB", model.Order("size", ">", 10 << 20)),
        ("file.write", "executable", model.Flag("executable")),
        ("file.write", "executable = false", model.Not(model.Flag("executable"))),
        ("file.write", 'program begins with "/tmp/"', model.Contains("program", "begins", "/tmp/")),
        ("file.write", 'component = "player"', model.Equals("component", "player")),
        ("net.connect", "port in [80, 443]", model.OneOf("port", (80, 443))),
        ("net.connect", 'address in "10.1.2.3/8"', model.Within("address", ("10.0.0.0/8",))),
        ("net.connect", 'address = "::0001"', model.Equals("address", "::1")),
        ("net.connect", 'host ends with ".example.org"', model.Contains("host", "ends", ".example.org")),
        ("registry.add", r"key matches 'HKCU\Software\**'", model.Globs("key", (r"HKCU\Software\**",), fold=True)),
        ("call.made", "took >= 1.5m", model.Order("took", ">=", 90)),
        ("call.made", "name = other", model.SameAs("name", "other")),
        ("call.made", 'name in ["a", "b"]', model.OneOf("name", ("a", "b"))),
        ("file.create, file.write", 'path = "/x"', model.Equals("path", "/x")),
    ],
)
def test_a_condition_is_lowered(kind: str, text: str, expected: model.Condition) -> None:
    assert where(text, kind) == expected


def test_and_binds_closer_than_or_and_not_closest() -> None:
    executable, path = model.Flag("executable"), model.Equals("path", "/x")
    got = where('not executable and path = "/x" or executable')
    assert got == model.Or((model.And((model.Not(executable), path)), executable))


@pytest.mark.parametrize(
    ("kind", "text", "code", "column"),
    [
        ("file.wrte", 'path = "/x"', "P0102", 15),
        ("file.write", 'pth = "/x"', "P0103", 32),
        ("file.write", "path in shell", "P0104", 40),
        ("file.write", "path", "P0205", 32),
        ("file.write", 'executable = "yes"', "P0205", 43),
        ("file.write", 'size > "big"', "P0207", 39),
        ("file.write", "size > 5s", "P0207", 39),
        ("file.write", "path = 5", "P0207", 39),
        ("file.write", 'path > "/x"', "P0201", 37),
        ("file.write", 'path = "/x*"', "P0201", 37),
        ("file.write", 'path = ["/x", "/y"]', "P0201", 37),
        ("file.write", 'path matches "x/y"', "P0203", 45),
        ("file.write", 'path matches "/{a,b"', "P0203", 45),
        ("file.write", 'path matches "/a/**b"', "P0203", 45),
        ("registry.add", 'key matches "HKCU/**/x"', "P0203", 46),
        ("file.write", 'path matches "/' + "{a,b}" * 10 + '"', "P0203", 45),
        ("file.write", 'path matches re"a(b"', "P0202", 48),
        ("file.write", 'path matches re"a"ix', "P0202", 45),
        ("file.write", 'path matches re"((a{900}){900}){900}"', "P0202", None),
        ("file.write", 'added matches "x*"', "P0207", 46),
        ("net.connect", 'address = "10.0.0.300"', "P0204", 43),
        ("net.connect", 'address in ["10.0.0.0/33"]', "P0204", 44),
        ("net.connect", 'address matches "x"', "P0201", 41),
        ("net.connect", 'port contains "8"', "P0201", 38),
        ("file.create, file.delete", "mode = 5", "P0103", 46),
        ("call.made", "took = 5", "P0207", 38),
        ("call.made", "name = took", "P0207", 38),
    ],
)
def test_a_mistake_in_a_condition_is_told_at_its_token(kind: str, text: str, code: str, column: int | None) -> None:
    diagnostic = wrong(text, kind)
    assert diagnostic.code == code
    if column is not None:
        assert diagnostic.where.column == column


def test_the_nearest_name_is_offered() -> None:
    assert wrong('path = "/x"', "file.wrte").help == 'did you mean "file.write"?'
    assert wrong("exectable").help == 'did you mean "executable"?'
    text = 'let startup = ["~/x"]\naction a { on file.write where path in statup or path in startup; weight 5 }'
    assert only(text).help == 'did you mean "startup"?'


def test_fields_every_event_has_may_be_asked_of_any_kind() -> None:
    for kind in STANDARD_KINDS:
        where('observer = "effects" and program matches "/usr/bin/*"', kind.name)


# -- modes of files ---------------------------------------------------------------------------------------------------


def test_modes_are_written_in_octal() -> None:
    assert where("mode = 4755", "file.mode") == model.Equals("mode", 0o4755, octal=True)
    assert where("mode in [644, 0755]", "file.create") == model.OneOf("mode", (0o644, 0o755), octal=True)
    assert where("mode > 777", "file.mode, file.create") == model.Order("mode", ">", 0o777, octal=True)
    (action,) = policy(
        "let setuid_root = 4755\n"
        "action a { on file.mode where mode = setuid_root; weight 5; match file.mode { mode setuid_root } }"
    ).actions
    assert action.triggers[0].step.where == model.Equals("mode", 0o4755, octal=True)  # type: ignore[union-attr]
    assert action.examples[0].events[0].fields == {"mode": 0o4755}


@pytest.mark.parametrize("digits", ["493", "17777", "-1", "64.5", "99999999999999999999999"])
def test_what_is_no_mode_is_an_error_wherever_it_is_written(digits: str) -> None:
    for text in (f"on file.mode where mode = {digits}", f"on file.mode; match file.mode {{ mode {digits} }}"):
        diagnostic = only(f"action a {{ {text}; weight 5 }}")
        assert diagnostic.code == "P0206"
        assert diagnostic.message.startswith("the mode of a file is written in octal, up to 7777; found ")


# -- lets -------------------------------------------------------------------------------------------------------------


def test_lets_are_put_in_wherever_they_are_defined() -> None:
    text = """
action a { on file.write where path in all; weight 5 }
let all = [some, "/c", [re"d"]]
let some = ["/a", "/b"]
"""
    (action,) = policy(text).actions
    (trigger,) = action.triggers
    assert isinstance(trigger, model.Single)
    assert trigger.step.where == model.Or(
        (model.Globs("path", ("/a", "/b", "/c")), model.Matches("path", (model.Regex("d"),)))
    )


def test_lets_that_use_each_other_in_a_circle_are_named() -> None:
    text = "let a = [b]\nlet b = [c]\nlet c = [a]\naction x { on file.write where path in a; weight 5 }"
    diagnostic = only(text)
    assert diagnostic.code == "P0307"
    assert "a -> b -> c -> a" in diagnostic.message


@pytest.mark.alone
def test_lets_cannot_grow_without_bound() -> None:
    lines = ['let l0 = ["/a", "/b"]'] + [f"let l{n} = [{', '.join([f'l{n - 1}'] * 10)}]" for n in range(1, 40)]
    before = time.process_time()
    out = checked("\n".join(lines) + "\naction x { on file.write where path in l39; weight 5 }")
    assert time.process_time() - before < 2
    assert {one.code for one in out.diagnostics} == {"P0308"}


@pytest.mark.alone
def test_a_large_let_in_thousands_of_actions_is_bounded() -> None:
    paths = ", ".join(f'"/a/{n}"' for n in range(4000))
    clauses = "\n".join(f"on file.write where path in [big, '/x{n}']" for n in range(1000))
    before = time.process_time()
    out = checked(f"let big = [{paths}]\naction x {{ {clauses}\nweight 5 }}")
    assert time.process_time() - before < 10
    assert {one.code for one in out.diagnostics} == {"P0308"}


def test_a_let_counts_wherever_it_is_used_even_if_it_is_the_same_condition() -> None:
    paths = ", ".join(f'"/a/{n}"' for n in range(4000))
    actions = "".join(f"action x{n} {{ on file.write where path in big; weight 5 }}\n" for n in range(501))
    out = checked(f"let big = [{paths}]\n{actions}")
    assert [one.code for one in out.diagnostics] == ["P0308"]
    assert out.diagnostics[0].where.line == 502


def test_a_long_text_counts_as_several_values() -> None:
    for length, code in ((98, []), (4000, ["P0308"])):
        paths = ", ".join(f'"/{n:0{length}}"' for n in range(100))
        actions = "".join(f"action x{n} {{ on file.write where path in big; weight 5 }}\n" for n in range(600))
        assert [one.code for one in checked(f"let big = [{paths}]\n{actions}").diagnostics] == code


def test_a_chain_of_lets_is_no_recursion_error() -> None:
    lines = ["let l0 = ['/a']"] + [f"let l{n} = [l{n - 1}]" for n in range(1, 3000)]
    out = checked("\n".join(lines) + "\naction x { on file.write where path in l2999; weight 5 }")
    assert {one.code for one in out.diagnostics if one.severity == "error"} == {"P0308"}


# -- actions ----------------------------------------------------------------------------------------------------------

GOOD = "on file.write where executable; weight 5"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("action a { weight 5 }", "P0310"),
        ("action a { on file.write }", "P0310"),
        (f"action a {{ {GOOD}; weight 6 }}", "P0304"),
        (f"action a {{ {GOOD}; category x; category y }}", "P0304"),
        (f"action a {{ {GOOD}; remedy revrt }}", "P0106"),
        ("action a { on file.write; weight -5 }", "P0206"),
        ("action a { on file.write; weight 5 each up to 0 }", "P0206"),
        ("action a { on file.write; weight 5 each up to 1.5 }", "P0206"),
        ("action a { on 0 or more file.write by tree; weight 5 }", "P0206"),
        ("action a { on 5 or more file.write by family; weight 5 }", "P0106"),
        ("action a { on sequence by tree { file.write }; weight 5 }", "P0310"),
        (f"action a {{ {GOOD}; match file.write {{ size '/x' }} }}", "P0207"),
        (f"action a {{ {GOOD}; match file.write {{ siz 5 }} }}", "P0103"),
        (f"action a {{ {GOOD}; match file.wrte {{ size 5 }} }}", "P0102"),
        (f"action a {{ {GOOD}; match file.write {{ executable 1 }} }}", "P0207"),
        (f"action a {{ {GOOD}; match file.write {{ size 5, size 6 }} }}", "P0304"),
        ("disclosure d { covers shell; by button labelled re'x' pressed }", "P0105"),
        ("disclosure d { by buton labelled re'x' pressed }", "P0310"),
        ("decide { undesirable when action shell }", "P0105"),
        ('test "t" { given file.write; expect action shell }', "P0105"),
        ('test "t" { given file.write }', "P0310"),
        ('test "t" { expect clean }', "P0310"),
        ("override action shell { weight 5 }", "P0105"),
        ('disable action shell because "x"', "P0105"),
        ("policy p { score damped }", "P0310"),
        ("policy p { score damped 1.5 }", "P0206"),
        ("policy p { score damped 0 }", "P0206"),
        ("policy p { score max 2 }", "P0208"),
        ("policy p { score avg }", "P0106"),
        ("policy p { unattended ask }", "P0106"),
        ("policy p { extends q }", "P0114"),
        ("sandbox { network on }", "P0106"),
        ("sandbox { network none to ['x'] }", "P0208"),
        ("sandbox { hide 5 }", "P0208"),
        ("sandbox { hide 'x/y' }", "P0203"),
        ("sandbox { instrument games }", "P0106"),
        ("sandbox { give games }", "P0106"),
        ("sandbox { give 'games' }", "P0203"),
        ("sandbox { give 5 }", "P0208"),
        ("sandbox { deny on devce.write }", "P0102"),
        ("untick { checkbox labelled 'x' }", "P0208"),
        ("trust { allow sha256 'abc' }", "P0208"),
        ("reputation { refused by more than 120% of those who decided weight 5 }", "P0206"),
        ("decide { remember for never by name }", "P0106"),
        ("decide { remember for 5d by nam }", "P0106"),
        ("distribute vaccines { center to center pull }", "P0106"),
        ("distribute vaccines { roll out 50% for 1h, 5% for 1h }", "P0206"),
        ("distribute vaccines { roll out 5%, all }", "P0310"),
        ("samples { send everything }", "P0106"),
        ("spool { keep 5B, 6B }", "P0304"),
        ("alert { on undesirable to ops }", "P0115"),
        ("let f = true", "P0205"),
    ],
)
def test_a_mistake_has_its_code(text: str, code: str) -> None:
    out = checked(text)
    assert code in [one.code for one in out.diagnostics if one.severity == "error"]
    assert out.policy is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('let unused = ["/x"]', "P0401"),
        ("action a { on file.write; weight 5 disclosed 6 }", "P0403"),
        ("action a { on file.read; weight 5 }", "P0404"),
        (
            f'action a {{ {GOOD} }}\ndisable action a because "x"\ndecide {{ undesirable when action a }}',
            "P0405",
        ),
    ],
)
def test_a_doubt_is_a_warning(text: str, code: str) -> None:
    out = checked(text)
    assert [(one.code, one.severity) for one in out.diagnostics] == [(code, "warning")]
    assert out.policy is not None


def test_that_a_disabled_action_is_found_no_more_may_be_tested() -> None:
    text = f'action a {{ {GOOD} }}\ndisable action a because "x"\n'
    given = 'given file.write { path "/x" }'
    assert checked(text + f'test "gone" {{ {given}; expect clean, no action a }}').diagnostics == ()
    found = checked(text + f'test "there" {{ {given}; expect action a }}').diagnostics
    assert [one.code for one in found] == ["P0405"]
    mistyped = checked(text + f'test "gone" {{ {given}; expect no action b }}').diagnostics
    assert [one.code for one in mistyped] == ["P0105"]


@pytest.mark.parametrize("where", ["hidden", 'hidden and not path in ["~/**"]'])
def test_who_asks_for_hidden_files_needs_no_paths(where: str) -> None:
    assert checked(f"action a {{ on file.read where {where}; weight 5 }}").diagnostics == ()


def test_kinds_that_nobody_observes_are_warned_of() -> None:
    source = read(f"action a {{ {GOOD} }}\naction b {{ on mount.call; weight 5 }}", "x")
    out = check("p", [source], VOCABULARY, observed={"file.write"})
    assert [(one.code, one.where.line) for one in out.diagnostics] == [("P0402", 2)]


def test_mistakes_in_different_places_are_told_together() -> None:
    text = (
        "action a { on f.x; weight 5 }\naction b { on file.write where pth; weight 5 }\nsandbox { hide x }\nlet y = (\n"
    )
    assert [one.code for one in checked(text).diagnostics] == ["P0102", "P0103", "P0104", "P0100"]


def test_what_a_mistake_hides_is_not_called_missing() -> None:
    assert only("action a { on file.write; wieght 5 }").code == "P0100"


def test_events_can_be_written_several_times() -> None:
    (action,) = policy(
        "action a { on 5 or more window.raise by process; weight 5; match 5 times window.raise { title 'x' } }"
    ).actions
    assert len(action.examples[0].events) == 5


# -- limits -----------------------------------------------------------------------------------------------------------


def test_ten_thousand_actions_are_taken_and_no_more() -> None:
    text = "\n".join(f"action a{n} {{ on file.write; weight 5 }}" for n in range(10_000))
    assert len(policy(text).actions) == 10_000
    diagnostic = only(text + "\naction more { on file.write; weight 5 }")
    assert (diagnostic.code, diagnostic.where.line) == ("P0309", 10_001)


def test_what_is_searched_for_is_bounded() -> None:
    huge = 're"(.*a.*b.*cN){900}"'
    text = "\n".join(f"action a{n} {{ on file.write where added matches {huge}; weight 5 }}" for n in range(18))
    assert len(policy(text).actions) == 18
    more = "\n".join(f"action b{n} {{ on file.write where added matches {huge}; weight 5 }}" for n in range(42))
    diagnostic = only(f"{text}\n{more}")
    assert (diagnostic.code, diagnostic.where.line, diagnostic.severity) == ("P0311", 19, "error")
    assert "comes to 1,620,240 instructions of RE2; at most 500,000 are taken" in diagnostic.message
    joined = " or ".join(f'added matches re"(.*a.*b.*{n}N){{9}}"' for n in range(2000))
    assert only(f"action a {{ on file.write where {joined}; weight 5 }}").code == "P0311"
    texts = f'added contains "{"x" * 250_000}" or added contains "{"y" * 250_000}"'
    assert only(f"action a {{ on file.write where {texts}; weight 5 }}").code == "P0311"


def test_nesting_of_conditions_is_bounded() -> None:
    deep = "(" * 60 + "executable" + ")" * 60
    where(deep)
    assert wrong("(" * 70 + "executable" + ")" * 70).code == "P0111"


# -- slips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "message", "help"),
    [
        ('path == "/x"', 'expected a value; found "="', "equality is written with one sign: ="),
        (
            'path in "/a", "/b"',
            'expected a new line, "and", "or" or "}"; found ","',
            'several values are a list: in ["/a", "/b"]',
        ),
        ("path in [“/a”]", "the quotes of policies are straight; this one is “", "write \" or '"),
        ('path contains re"x"', "contains looks for texts; found a regular expression", 'write: path matches re"..."'),
        ("path = []", "= compares with one value; here is none", ""),
    ],
)
def test_what_is_written_so_elsewhere_is_said_to_be_otherwise_here(condition: str, message: str, help: str) -> None:
    found = wrong(condition)
    assert (found.message, found.help, found.severity) == (message, help, "error")


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("path in []", "P0407", "this list is empty: nothing is ever in it"),
        ("size > 10", "P0410", '"size" is compared with 10 bytes'),
        (
            'path matches "/etc/[x/*"',
            "P0409",
            'the "[" of "[x/*" opens no set, for want of a "]": it stands for itself',
        ),
    ],
)
def test_what_is_sound_and_hardly_meant_is_warned_of(condition: str, code: str, message: str) -> None:
    found = wrong(condition)
    assert (found.code, found.message, found.severity) == (code, message, "warning")


@pytest.mark.parametrize("condition", ["size > 10B", "size > 0", 'path matches "/etc/[[]x"', 'path matches "/[a-z]/*"'])
def test_what_is_meant_is_not_warned_of(condition: str) -> None:
    assert checked(f"action a {{ on file.write where {condition}; weight 5 }}").diagnostics == ()


def test_an_action_without_weight_is_warned_of_unless_it_is_decided_by() -> None:
    weightless = "action a { on file.write; weight 0 }\n"
    assert (only(weightless).code, only(weightless).severity) == ("P0408", "warning")
    assert checked(weightless + "decide { undesirable when not action a }\n").diagnostics == ()


def test_limits_are_written_without_exponents() -> None:
    assert only("action a { on file.write; weight 1000001 }").message == "a weight must be from 0 to 1,000,000"


def test_what_lacks_at_the_end_of_the_file_is_shown_where_it_should_stand() -> None:
    found = only("disable action a\n\n\n")
    assert (found.where.line, found.where.column) == (1, 16)
    assert found.message == 'expected "because"; found the end of the file'

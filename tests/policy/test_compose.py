"""Putting policies together: order never matters, nothing is changed but by override and disable."""

from __future__ import annotations

from itertools import permutations

import pytest

from pratique.events import STANDARD_KINDS, Vocabulary
from pratique.policy.checker import Checked, check, read
from pratique.policy.model import Policy

VOCABULARY = Vocabulary(STANDARD_KINDS)

BASE = """
policy base "Base" { version "1"; threshold 50; score max }
let startup = ["/etc/profile"]
action a { on file.write where path in startup; weight 10; remedy revert; category c }
action b { on file.delete; weight 20 }
decide { remember for 5d by name }
"""


def together(*texts: str, root: str = "site") -> Checked:
    """Check the policy `root` made of these files, each belonging to the policy it names."""
    sources = [read(text, f"file{number}.policy") for number, text in enumerate(texts)]

    def find(name: str) -> list[object]:
        return [source for source in sources if source.policy == name]

    return check(root, find(root), VOCABULARY, find=find, known=[source.policy for source in sources])  # type: ignore


def good(*texts: str, root: str = "site") -> Policy:
    out = together(*texts, root=root)
    assert out.policy is not None, out.diagnostics
    return out.policy


def codes(*texts: str, root: str = "site") -> list[str]:
    return [one.code for one in together(*texts, root=root).diagnostics]


SITE = 'policy site "Site" { version "2"; extends base }\n'


def test_what_is_extended_comes_first() -> None:
    made = good(BASE, SITE + "action z { on file.write where path in startup; weight 1 }")
    assert [(action.name, action.policy) for action in made.actions] == [("a", "base"), ("b", "base"), ("z", "site")]
    assert (made.name, made.title, made.version, made.threshold, made.method.name) == ("site", "Site", "2", 50, "max")
    assert made.extends == ("base",)
    assert made.decide.remember_for == 5 * 86400


def test_parts_join_in_any_order() -> None:
    parts = [SITE, 'part of site\nlet p = ["/x"]', "part of site\naction y { on file.write where path in p; weight 1 }"]
    outcomes = {frozenset(action.name for action in good(BASE, *order).actions) for order in permutations(parts)}
    assert outcomes == {frozenset("aby")}


def test_override_replaces_the_clauses_it_holds_and_no_others() -> None:
    made = good(BASE, SITE + "override action a { weight 99 disclosed 1; on file.delete where path = '/x' }")
    action = next(action for action in made.actions if action.name == "a")
    assert (action.weight, action.disclosed_weight, action.remedy, action.category) == (99, 1, "revert", "c")
    assert [trigger.step.kinds for trigger in action.triggers] == [("file.delete",)]  # type: ignore[union-attr]


def test_settings_are_replaced_by_override_only() -> None:
    assert good(BASE, SITE + "override threshold 70").threshold == 70
    assert good(BASE, "policy site { extends base; override score sum }").method.name == "sum"
    assert codes(BASE, "policy site { extends base; threshold 70 }") == ["P0304"]
    assert good(BASE, SITE + "override decide { remember for 9d by sha256 }").decide.remember_by == ("sha256",)
    assert codes(BASE, SITE + "decide { remember for 9d by sha256 }") == ["P0304"]


def test_lets_and_channels_can_be_overridden() -> None:
    made = good(BASE, SITE + 'override let startup = ["/y"]')
    assert made.actions[0].triggers[0].step.where.globs == ("/y",)  # type: ignore[union-attr]
    made = good(BASE + 'channel ops "mailto://a"\n', SITE + 'override channel ops "mailto://b"')
    assert [channel.url for channel in made.channels] == ["mailto://b"]


def test_two_definitions_of_one_name_name_both_places() -> None:
    (diagnostic,) = together(BASE, SITE + "action a { on file.write; weight 5 }").diagnostics
    assert diagnostic.code == "P0303"
    assert diagnostic.where.file == "file1.policy"
    assert [note.where.file for note in diagnostic.related] == ["file0.policy"]
    assert "override action a" in diagnostic.help


def test_a_setting_set_twice_names_both_places() -> None:
    (diagnostic,) = together(
        "policy site { threshold 5 }", "part of site\nspool { keep 5B }\nspool { keep 6B }"
    ).diagnostics
    assert (diagnostic.code, diagnostic.where.line, diagnostic.related[0].where.line) == ("P0304", 3, 2)


def test_list_blocks_unite() -> None:
    made = good(
        BASE
        + "untick { never labelled re'a' }\nsandbox { hide '/a'; network none }\nreputation { unsigned weight 1 }\n",
        SITE + "untick { never labelled re'b' }\nsandbox { hide '/b' }\nreputation { vendor 'x' weight 2 }\n"
        "sandbox { network observed for npm }\n",
    )
    assert [regex.pattern for regex in made.plan.untick.never] == ["a", "b"]
    assert made.plan.hide == ("/a", "/b")
    assert len(made.reputation.rules) == 2
    assert made.plan.network_for("npm").mode == "observed"
    assert made.plan.network_for("deb").mode == "none"


def test_the_network_of_one_kind_can_be_overridden() -> None:
    made = good(
        BASE + "sandbox { network observed for npm, pip }\n", SITE + "override sandbox { network host for pip }"
    )
    assert made.plan.network_for("npm").mode == "observed"
    assert made.plan.network_for("pip").mode == "host"
    assert made.plan.network_for("deb").mode == "none"


def test_the_outermost_override_counts() -> None:
    middle = "policy middle { extends base }\noverride action a { weight 30; remedy none }"
    made = good(BASE, middle, "policy site { extends middle }\noverride action a { weight 40 }")
    action = next(action for action in made.actions if action.name == "a")
    assert (action.weight, action.remedy) == (40, "none")


def test_a_diamond_takes_its_base_once_and_its_sides_may_not_disagree() -> None:
    left = "policy left { extends base }\noverride threshold 60"
    right = "policy right { extends base }\naction r { on file.write; weight 5 }"
    top = "policy site { extends left, right }"
    assert good(BASE, left, right, top).threshold == 60
    assert codes(BASE, left, right + "\noverride threshold 70", top) == ["P0304"]


def test_disabling_removes_an_action_and_says_why() -> None:
    made = good(BASE, SITE + 'disable action b because "we delete on purpose"')
    assert [action.name for action in made.actions] == ["a"]
    assert made.disabled == (("b", "we delete on purpose"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SITE + "override threshold 5\noverride threshold 6", ["P0304"]),
        (SITE + "override action zz { weight 5 }", ["P0105"]),
        (SITE + "override let zz = 5", ["P0306"]),
        (SITE + "override unattended refuse", ["P0306"]),
        (SITE + "override sandbox { hide '/x' }", ["P0306"]),
        (SITE + "policy site { }", ["P0302"]),
        (SITE + "part of other", ["P0302"]),
        ("part of site", ["P0301"]),
    ],
)
def test_what_cannot_be_put_together_is_told(text: str, expected: list[str]) -> None:
    assert codes(BASE, text) == expected


def test_two_headers_in_two_files_are_named() -> None:
    (diagnostic,) = together(BASE, SITE, SITE).diagnostics
    assert (diagnostic.code, diagnostic.where.file) == ("P0302", "file2.policy")


def test_policies_that_extend_each_other_show_the_circle() -> None:
    out = together("policy site { extends x }", "policy x { extends y }", "policy y { extends site }")
    (diagnostic,) = out.diagnostics
    assert diagnostic.code == "P0305"
    assert "site -> x -> y -> site" in diagnostic.message


def test_a_policy_that_extends_itself_is_told() -> None:
    assert codes("policy site { extends site }") == ["P0305"]


def test_a_long_chain_of_policies_is_bounded() -> None:
    chain = [f"policy p{n} {{ extends p{n + 1} }}" for n in range(2000)]
    assert codes(*chain, root="p0") == ["P0305"]


def test_an_override_of_a_policy_that_is_not_extended_is_told() -> None:
    out = together(
        BASE,
        "policy x { }\noverride threshold 5",
        "policy site { extends x, base }",
    )
    assert [one.code for one in out.diagnostics] == ["P0306"]

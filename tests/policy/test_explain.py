"""An explanation says which line gave which number, what was near, and what would have changed the verdict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.events import Event
from pratique.policy import wording
from pratique.policy.compile import compile_policy
from pratique.policy.evaluate import Circumstances
from pratique.policy.explain import Explanation, explain, failed, misses_of_event, why
from pratique.policy.match import predicate
from pratique.policy.model import (
    Action,
    And,
    Condition,
    Contains,
    Count,
    Equals,
    Flag,
    Globs,
    Location,
    Matches,
    Method,
    Not,
    OneOf,
    Or,
    Order,
    Policy,
    Regex,
    Sequence,
    Single,
    Step,
    Within,
)

HOME = "/home/ann"
BASHRC = And((Globs("path", ("~/.bashrc",)), Not(Flag("by_package_manager"))))


def action(name: str, where: Condition, weight: float, told: float | None = None, *, line: int = 1) -> Action:
    return Action(
        name=name,
        title=name,
        category=name,
        weight=weight,
        disclosed_weight=told,
        triggers=(Single(Step(kinds=("file.write",), where=where)),),
        where=Location("a.policy", line),
    )


SHELL = action("shell", BASHRC, 100, 20, line=7)
HOSTS = action("hosts", Globs("path", ("/etc/hosts",)), 60, line=9)
ICON = action("icon", Globs("path", ("~/Desktop/*",)), 10)
POLICY = Policy(name="p", actions=(SHELL, HOSTS, ICON))


def write(seq: int, path: str, **fields: bool) -> Event:
    return Event("file.write", seq=seq, time=seq, path=path, **fields)


def explained(*events: Event, policy: Policy = POLICY) -> Explanation:
    compiled = compile_policy(policy, home=HOME)
    return explain(compiled, events, compiled.verdict(events, components=["setup"]), Circumstances())


ALL = (write(1, f"{HOME}/.bashrc"), write(2, "/etc/hosts"), write(3, f"{HOME}/Desktop/x"))


def test_each_number_has_its_line_and_its_trigger() -> None:
    shell, hosts, icon = explained(*ALL).numbers
    assert (shell.action, shell.where, shell.weight, shell.adds, shell.evidence) == (
        "shell", "a.policy:7", 100, 100, (1,)
    )  # fmt: skip
    assert shell.triggers == ('on file.write where path matches "~/.bashrc" and not by_package_manager',)
    assert (hosts.where, icon.adds) == ("a.policy:9", 10)


def test_what_a_number_adds_is_by_the_method() -> None:
    halved = Policy(name="p", actions=POLICY.actions, method=Method(name="max"))
    assert [number.adds for number in explained(*ALL, policy=halved).numbers] == [40, 0, 0]


def test_one_that_alone_decides() -> None:
    told = explained(ALL[0], ALL[2])
    assert [str(change) for change in told.changes] == [
        "without shell the total is 10: clean",
        "had the person been told of shell the total is 30: clean",
    ]


def test_where_none_alone_decides_the_fewest_do() -> None:
    two = Policy(name="p", actions=(action("a", ALWAYS, 100), action("b", ALWAYS, 150), action("c", ALWAYS, 20)))
    assert [str(change) for change in explained(ALL[0], policy=two).changes] == [
        "without b and a the total is 20: clean"
    ]


ALWAYS = Globs("path", ("/**",))


def test_a_near_miss_says_what_failed_and_what_it_would_have_come_to() -> None:
    told = explained(write(1, f"{HOME}/.bashrc", by_package_manager=True))
    (miss,) = told.misses
    assert (miss.action, miss.seq) == ("shell", 1)
    assert [(reason.text, reason.found) for reason in miss.reasons] == [
        ("not by_package_manager", "by_package_manager is true")
    ]
    assert [str(change) for change in told.changes] == ["with shell the total is 100: undesirable"]


def test_an_event_of_the_kind_alone_is_not_near() -> None:
    assert explained(write(1, "/opt/x")).misses == ()


def test_counts_and_sequences_that_were_not_completed_are_near() -> None:
    step = Step(kinds=("file.write",))
    storm = Action(name="storm", title="", category="c", weight=1, triggers=(Count(3, step, "session"),))
    chain = Action(name="chain", title="", category="c", weight=1, triggers=(Sequence((step, step), "session"),))
    told = explained(ALL[0], policy=Policy(name="p", actions=(storm, chain)))
    assert {miss.action: miss.note for miss in told.misses} == {
        "storm": "the number it needs, 3, was not reached",
        "chain": "step 1 of 2 was met, the sequence was not completed",
    }


def test_of_many_near_misses_the_first_are_told_and_the_others_counted() -> None:
    actions = tuple(action(f"a{n}", BASHRC, 1) for n in range(11))
    event = write(1, f"{HOME}/.bashrc", by_package_manager=True)
    compiled = compile_policy(Policy(name="p", actions=actions), home=HOME)
    verdict = compiled.verdict([event], components=["setup"])
    few = explain(compiled, [event], verdict, Circumstances())
    assert (len(few.misses), few.more_misses) == (8, 3)
    every = explain(compiled, [event], verdict, Circumstances(), misses=None)
    assert (len(every.misses), every.more_misses) == (11, 0)


def test_one_event_and_all_that_listen_to_its_kind() -> None:
    compiled = compile_policy(POLICY, home=HOME)
    misses = misses_of_event(compiled, write(1, f"{HOME}/.bashrc", by_package_manager=True), Circumstances())
    assert [(miss.action, miss.near) for miss in misses] == [("shell", True), ("hosts", False), ("icon", False)]
    assert misses_of_event(compiled, Event("net.listen"), Circumstances()) == []


CONDITIONS: list[tuple[Condition, str]] = [
    (BASHRC, 'path matches "~/.bashrc" and not by_package_manager'),
    (Or((Flag("a"), And((Flag("b"), Flag("c"))))), "a or (b and c)"),
    (Globs("path", tuple(f"/{n}" for n in range(9))), 'path in ["/0", "/1", "/2", "/3", ... 5 more]'),
    (OneOf("port", (25.0, 465.0)), "port in [25, 465]"),
    (Order("size", ">", 5e9), "size > 5000000000"),
    (Matches("added", (Regex("x$", "i"),)), 'added matches re"x$"i'),
    (Contains("added", "begins", "x"), 'added begins with "x"'),
    (Within("address", ("10.0.0.0/8",)), 'address in ["10.0.0.0/8"]'),
    (Equals("ok", True), "ok = true"),
    (Equals("mode", 0o4755, octal=True), "mode = 4755"),
    (OneOf("mode", (0o644, 0o755), octal=True), "mode in [644, 755]"),
    (Order("mode", ">", 0o777, octal=True), "mode > 777"),
]


def test_conditions_read_as_they_are_written() -> None:
    assert [wording.condition(condition) for condition, _ in CONDITIONS] == [text for _, text in CONDITIONS]


def test_a_path_is_shown_to_its_last_name() -> None:
    path = "/home/" + "deep/" * 30 + "id_ed25519"
    assert wording.event("file.read", {"path": path}) == f'file.read path "{path}"'


def test_a_long_text_in_an_event_is_cut() -> None:
    text = wording.event("file.write", {"path": "/x", "added": "line\n" * 100, "removed": None})
    assert len(text) < 130
    assert "\n" not in text


def test_the_mode_of_a_file_is_octal_as_people_write_it() -> None:
    assert wording.event("file.mode", {"path": "/x", "mode": 0o4755}) == 'file.mode path "/x", mode 4755'
    assert wording.event("drive.set", {"mode": 10}) == "drive.set mode 10"
    reason = why(Equals("mode", 0o755, octal=True), {"mode": 0o4755}, HOME)
    assert (reason.text, reason.holds, reason.found) == ("mode = 755", False, "mode is 4755")
    assert why(Equals("mode", 10), {"mode": 9}, HOME).found == "mode is 9"


flags = st.sampled_from(["a", "b", "c"]).map(Flag)
trees = st.recursive(
    flags,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: And(tuple(terms))),
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: Or(tuple(terms))),
        inner.map(Not),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(trees, st.dictionaries(st.sampled_from("abc"), st.booleans()))
def test_reasons_never_disagree_with_the_engine(condition: Condition, fields: dict[str, bool]) -> None:
    reason = why(condition, fields, HOME)
    assert reason.holds is predicate(condition, HOME)(fields)
    assert bool(list(failed(reason))) is not reason.holds

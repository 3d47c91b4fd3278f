"""However many actions there are, the tables find exactly those whose condition holds."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.events import Event, FieldValue
from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.globs import GlobTable
from pratique.policy.match import predicate
from pratique.policy.model import (
    Action,
    Always,
    And,
    Condition,
    Contains,
    Equals,
    Flag,
    Globs,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    Policy,
    Regex,
    SameAs,
    Single,
    Step,
    Within,
)
from pratique.policy.paths import matches

HOME = "/home/ann"


def compiled(*conditions: Condition, kind: str = "k.k") -> CompiledPolicy:
    actions = tuple(
        Action(
            name=f"a{number}",
            title="",
            category="c",
            weight=1,
            triggers=(Single(Step(kinds=(kind,), where=condition)),),
        )
        for number, condition in enumerate(conditions)
    )
    return compile_policy(Policy(name="p", actions=actions), home=HOME)


def found(policy: CompiledPolicy, **fields: FieldValue) -> set[int]:
    return {int(finding.action[1:]) for finding in policy.findings([Event("k.k", **fields)])}


names = st.sampled_from(["a", "b", "aa", "ab", ".a", "", "A"])
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
glob_names = st.sampled_from(["a", "b", "aa", "*", "a*", "*b", "**", "?", "[ab]a", "*a*", ".a", ""])
globs = st.lists(glob_names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
regexes = st.sampled_from([Regex("a/b"), Regex("^/a", "i"), Regex("b$"), Regex("aa|bb"), Regex("")])
texts = st.text("aAb/", max_size=3)
numbers = st.integers(0, 4).map(float)
atoms: st.SearchStrategy[Condition] = st.one_of(
    st.just(Always()),
    st.builds(Globs, st.just("path"), st.lists(globs, min_size=1, max_size=3).map(tuple)),
    st.builds(Equals, st.just("path"), paths, st.booleans()),
    st.builds(Matches, st.just("path"), st.tuples(regexes)),
    st.builds(Contains, st.just("path"), st.sampled_from(["contains", "begins", "ends"]), texts, st.booleans()),
    st.builds(OneOf, st.just("type"), st.lists(texts, min_size=1, max_size=2).map(tuple), st.booleans()),
    st.builds(Flag, st.just("flag")),
    st.builds(Equals, st.just("flag"), st.booleans()),
    st.builds(Order, st.just("size"), st.sampled_from(["<", "<=", ">", ">="]), numbers),
    st.builds(Equals, st.just("size"), numbers),
    st.builds(Within, st.just("address"), st.sampled_from([("10.0.0.0/8",), ("10.1.0.0/16", "::/0")])),
    st.just(SameAs("path", "type")),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: And(tuple(terms))),
        st.lists(inner, min_size=1, max_size=3).map(lambda terms: Or(tuple(terms))),
        inner.map(Not),
    ),
    max_leaves=5,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "path": st.one_of(paths, st.none()),
        "type": texts,
        "flag": st.booleans(),
        "size": st.integers(0, 4),
        "address": st.sampled_from(["10.1.2.3", "10.9.9.9", "::1", "192.0.2.1", "?"]),
    },
)


@settings(max_examples=500, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=6), st.lists(events, min_size=1, max_size=4))
def test_the_tables_find_what_asking_every_condition_finds(
    asked: list[Condition], given_events: list[dict[str, FieldValue]]
) -> None:
    policy = compiled(*asked)
    for fields in given_events:
        expected = {number for number, condition in enumerate(asked) if predicate(condition, HOME)(fields)}
        assert found(policy, **fields) == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(globs, min_size=1, max_size=6), st.lists(paths, min_size=1, max_size=6), st.sampled_from([1, 2, 1000]))
def test_the_tree_of_globs_agrees_with_each_glob_alone(given_globs: list[str], subjects: list[str], kept: int) -> None:
    table: GlobTable[str] = GlobTable()
    for glob in given_globs:
        table.add(glob, glob)
    find = table.find(kept)
    for path in subjects * 2:
        assert set(find(path)) == {glob for glob in given_globs if matches(glob, path, HOME)}


@pytest.mark.parametrize("path", ["a", "", "/", "//", "/a", "a/b"])
def test_a_path_that_is_none_finds_only_what_matches_it(path: str) -> None:
    given_globs = ["**", "**/a", "/*", "/a", "a", "*", "a/*", "/**"]
    table: GlobTable[str] = GlobTable()
    for glob in given_globs:
        table.add(glob, glob)
    assert set(table.find()(path)) == {glob for glob in given_globs if matches(glob, path, HOME)}


def test_registry_keys_are_found_in_any_case() -> None:
    policy = compiled(Globs("path", (r"HKCU\Software\*\Run\**",), fold=True))
    assert found(policy, path=r"hkcu\SOFTWARE\Acme\RUN\x\y") == {0}
    assert found(policy, path=r"HKCU\Software\Run\x") == set()


def test_who_did_it_can_be_asked() -> None:
    policy = compiled(Equals("program", "/bin/sh"), Equals("component", "toolbar"), Equals("observer", "o"))
    event = Event("k.k", process=4, observer="o")
    who = {"programs": {4: "/bin/sh"}, "component_of": {4: "toolbar"}}
    assert {finding.action for finding in policy.findings([event], **who)} == {"a0", "a1", "a2"}
    assert {finding.action for finding in policy.findings([Event("k.k")], **who)} == set()


def test_a_value_of_the_wrong_type_is_no_match_and_no_fault() -> None:
    policy = compiled(Globs("path", ("/**",)), Order("size", ">", 0), Within("address", ("::/0",)), Flag("flag"))
    assert found(policy, path=7, size="big", address=1.0, flag="yes") == set()


def test_a_path_that_is_not_utf8_is_matched_too() -> None:
    policy = compiled(Matches("path", (Regex(r"/x.*\.so$"),)), Globs("path", ("/a/*.so",)))
    assert found(policy, path="/a/x\udcff.so") == {0, 1}


def many(count: int) -> tuple[Condition, ...]:
    """Conditions of every sort, all different."""
    kinds = [
        lambda n: Globs("path", (f"/opt/p{n}/**",)),
        lambda n: Globs("path", (f"~/.p{n}rc", f"/etc/p{n}.conf")),
        lambda n: Globs("path", (f"/usr/lib/*/p{n}*.so",)),
        lambda n: Contains("path", "ends", f".p{n}"),
        lambda n: Matches("path", (Regex(f"/p{n}[a-z]+[.]bin$"),)),
        lambda n: And((Equals("path", f"/var/p{n}"), Not(Flag("flag")))),
    ]
    return tuple(kinds[n % len(kinds)](n) for n in range(count))


@pytest.mark.alone
def test_ten_thousand_actions_compile_in_seconds_and_find_one() -> None:
    started = time.process_time()
    policy = compiled(*many(10_000))
    assert time.process_time() - started < 5
    assert found(policy, path="/opt/p6000/x") == {6000}
    assert found(policy, path="/home/ann/.p6001rc") == {6001}
    assert found(policy, path="/usr/lib/x/p6002.1.so") == {6002}
    assert found(policy, path="/x.p6003") == {6003}
    assert found(policy, path="/x/p6004abc.bin") == {6004}
    assert found(policy, path="/var/p6005") == {6005}
    assert found(policy, path="/var/p6005", flag=True) == set()


def test_the_stores_of_a_tree_are_bounded() -> None:
    table: GlobTable[int] = GlobTable()
    for glob in ("/a/**/b", "/a/*/c*/d", "/x/**"):
        table.add(glob, 1)
    find = table.find_among(kept=100)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20_000):
            assert len(list(find([f"/a/{number}/b", f"/{number}/x", f"/a/{number}/c{number}/d"]))) == 2
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()

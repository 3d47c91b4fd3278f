"""What is refused goes with all that belongs to it; what stays stays whole; what cannot be told apart is said."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from pratique.recording import Effect, FileState, Share
from pratique.separating import Separated, separate

FILE = FileState(type="file", mode=0o644, uid=0, gid=0)
DIRECTORY = FileState(type="directory", mode=0o755, uid=0, gid=0)


def file(id: int, path: str, pieces: int = 0, state: FileState = FILE) -> Effect:
    return Effect(id=id, type="file", op="add", path=path, after=state, pieces=pieces)


def thing(
    id: int, kind: str, name: str, *, parts: tuple[int, ...] = (), shares: Mapping[int, tuple[int, ...]] | None = None,
    needs: tuple[int, ...] = (),
) -> Effect:  # fmt: skip
    return Effect(
        id=id, type=kind, op="add", path="/etc/passwd", parts=parts, needs=needs,
        shares=tuple(Share(file, pieces) for file, pieces in (shares or {}).items()),
        details={"package" if kind == "package" else "name": name},
    )  # fmt: skip


def without(effects: list[Effect], *ids: int) -> tuple[Separated, str]:
    """What is left out when these are refused together, and why they cannot be."""
    separated, impossible = separate({"asked": frozenset(ids)}, {effect.id: effect for effect in effects})
    return separated, impossible.get("asked", "")


def test_a_share_of_a_file_goes_and_the_file_stays():
    effects = [file(1, "/etc/passwd", 3), thing(2, "account", "web", shares={1: (0, 2)})]
    assert without(effects, 2) == (Separated(frozenset({2}), {1: frozenset({0, 2})}), "")


def test_a_file_of_which_nothing_stays_goes():
    effects = [
        file(1, "/etc/passwd", 2), thing(2, "account", "web", shares={1: (0,)}),
        thing(3, "account", "ann", shares={1: (1,)}),
    ]  # fmt: skip
    assert without(effects, 2, 3) == (Separated(frozenset({1, 2, 3}), {}), "")


def test_what_consists_of_nothing_else_goes_too():
    effects = [
        file(1, "/etc/group", 3), thing(2, "account", "web", shares={1: (0, 1)}),
        thing(3, "account", "web", shares={1: (1,)}),
    ]  # fmt: skip
    assert without(effects, 2)[0].effects == {2, 3}
    assert without(effects, 3)[0].effects == {3}


def test_what_cannot_be_told_apart_stays_together():
    effects = [
        file(1, "/etc/passwd"), thing(2, "account", "web", shares={1: ()}), thing(3, "account", "ann", shares={1: ()}),
    ]  # fmt: skip
    assert without(effects, 2) == (Separated(frozenset(), {}), "/etc/passwd also holds the account ann, which stays")
    assert without(effects, 2, 3) == (Separated(frozenset({1, 2, 3}), {}), "")


def test_a_file_that_holds_something_that_stays_does_not_go_whole():
    effects = [file(1, "/etc/passwd", 2), thing(2, "account", "web", shares={1: (0,)})]
    assert without(effects, 1)[1] == "/etc/passwd also holds the account web, which stays"


def test_lines_go_with_their_file():
    effects = [
        file(1, "/etc/hosts", 2),
        thing(2, "lines", "", shares={1: (0,)}),
        thing(3, "lines", "", shares={1: (1,)}),
    ]
    assert without(effects, 1)[0] == Separated(frozenset({1, 2, 3}), {})


def test_what_something_that_stays_needs_is_not_refused_alone():
    effects = [thing(1, "package", "lib"), thing(2, "package", "tool", needs=(1,))]
    assert without(effects, 1)[1] == "the package tool stays and needs the package lib"
    assert without(effects, 1, 2)[1] == ""
    assert without(effects, 2)[1] == ""


def test_a_refusal_that_is_impossible_makes_those_impossible_that_rest_on_it():
    effects = [thing(1, "package", "a"), thing(2, "package", "b", needs=(1,)), thing(3, "package", "c", needs=(2,))]
    separated, impossible = separate(
        {"a": frozenset({1}), "b": frozenset({2})}, {effect.id: effect for effect in effects}
    )
    assert separated.effects == frozenset()
    assert impossible == {
        "a": "the package b stays and needs the package a",
        "b": "the package c stays and needs the package b",
    }


def test_what_two_packages_share_stays_with_the_other_one():
    effects = [
        file(1, "/opt", state=DIRECTORY), file(2, "/opt/a"), file(3, "/opt/b"), thing(4, "package", "a", parts=(1, 2)),
        thing(5, "package", "b", parts=(1, 3)),
    ]  # fmt: skip
    assert without(effects, 4)[0].effects == {2, 4}
    assert without(effects, 4, 5)[0].effects == {1, 2, 3, 4, 5}


def test_new_directories_of_which_nothing_is_left_go_and_empty_ones_that_were_made_so_stay():
    paths = ("/o", "/o/a", "/o/a/deep", "/o/empty", "/p", "/p/q")
    effects = [
        *(file(n, path, state=DIRECTORY) for n, path in enumerate(paths)),
        file(10, "/o/a/deep/x"),
        file(11, "/p/q/x"),
    ]
    assert without(effects, 10)[0].effects == {10, 1, 2}, "/o holds an empty directory that the installer made"
    assert without(effects, 11)[0].effects == {11, 4, 5}


@given(st.data())
def test_nothing_that_stays_misses_what_it_needs(data):
    count = data.draw(st.integers(2, 6))
    files = [file(n, f"/f{n}", 3) for n in range(2)]
    things = []
    for n in range(2, 2 + count):
        needs = data.draw(st.sets(st.integers(2, 1 + count), max_size=2)) - {n}
        shares = data.draw(st.dictionaries(st.integers(0, 1), st.sampled_from([(), (0,), (1,), (1, 2)])))
        things.append(thing(n, "account", f"a{n}", needs=tuple(needs), shares=shares))
    effects = {effect.id: effect for effect in (*files, *things)}
    asked = data.draw(st.dictionaries(st.integers(), st.frozensets(st.sampled_from(sorted(effects)), max_size=3)))
    separated, impossible = separate(asked, effects)
    for effect in things:
        if effect.id in separated.effects:
            continue
        assert not any(need in separated.effects and effects[need].shares == () for need in effect.needs)
        for share in effect.shares:
            assert share.file not in separated.effects
            assert share.pieces or share.file not in separated.pieces
    for request, ids in asked.items():
        assert request in impossible or ids <= separated.effects

"""What becomes wrong with packages when others go, come back or become older."""

from __future__ import annotations

import subprocess

import pytest

from pratique.meaning.relations import Relations, broken


def status(*stanzas: str) -> Relations:
    """A status file of packages, each `name version` and its other fields on lines of their own."""
    text = ""
    for stanza in stanzas:
        head, _, fields = stanza.partition("\n")
        name, version = head.split()
        text += f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n{fields}\n\n"
    return Relations.read(text.encode())


def compare(version: str, relation: str, other: str) -> bool:
    return subprocess.run(["dpkg", "--compare-versions", version, relation, other]).returncode == 0


NEEDS_A = "b 1\nDepends: a"


@pytest.mark.parametrize(
    ("now", "later", "said"),
    [
        (("a 1", NEEDS_A), (NEEDS_A,), ["b needs a"]),
        (("a 1", "b 1\nPre-Depends: x | a (= 1)"), ("b 1\nPre-Depends: x | a (= 1)",), ["b needs x or a (= 1)"]),
        (("a 1", "c 1\nProvides: a", NEEDS_A), ("c 1\nProvides: a", NEEDS_A), []),
        (("a 2", "c 1\nProvides: a", "b 1\nDepends: a (>= 2)"), ("a 1", "c 1\nProvides: a", "b 1\nDepends: a (>= 2)"),
         ["b needs a (>= 2)"]),
        (("a 2", "b 1\nDepends: a (>= 1~)"), ("a 1", "b 1\nDepends: a (>= 1~)"), []),
        ((NEEDS_A,), (NEEDS_A,), []),  # wrong already
        ((), (NEEDS_A,), ["b needs a"]),  # what comes back lacks what others took away
        (("b 1\nConflicts: a",), ("b 1\nConflicts: a", "a 1"), ["b cannot be together with a"]),
        (("b 1\nBreaks: a (<< 2)", "a 2"), ("b 1\nBreaks: a (<< 2)", "a 1"), ["b cannot be together with a"]),
        (("b 1\nProvides: x\nConflicts: x",), ("b 1\nProvides: x\nConflicts: x", "a 1"), []),
    ],
)  # fmt: skip
def test_only_what_becomes_wrong_is_told(now, later, said):
    assert [" ".join(one) for one in broken(status(*now), status(*later), compare)] == said


DPKG, AMD, I386 = "dpkg 1\nArchitecture: amd64", "a 1\nArchitecture: amd64", "a 1\nArchitecture: i386"


@pytest.mark.parametrize(
    ("architecture", "a", "said"),
    [
        ("i386", AMD, ["b:i386 needs a"]),
        ("amd64", AMD, []),
        ("all", AMD, []),
        ("amd64", I386, ["b needs a"]),
        ("i386", f"{AMD}\nMulti-Arch: foreign", []),
    ],
)
def test_a_package_of_one_architecture_does_not_do_for_another(architecture, a, said):
    b = f"b 1\nArchitecture: {architecture}\nDepends: a"
    gone = broken(status(DPKG, AMD, I386, b), status(DPKG, a, b), compare)
    assert [" ".join(one) for one in gone] == said


def test_versions_are_compared_only_where_something_changed():
    def never(*words: str) -> bool:
        raise AssertionError(words)

    same = ("a 1", "b 1\nDepends: a (>= 1)\nBreaks: a (<< 1)")
    assert list(broken(status(*same, "c 1"), status(*same), never)) == []

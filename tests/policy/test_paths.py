"""Globs mean what the language says, against an oracle simple enough to be seen right."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.policy import paths
from pratique.policy.paths import GlobError, constant, constant_directory, expand, expand_home, folds, matches

HOME = "/home/ann"


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("~/.bashrc", "/home/ann/.bashrc", True),
        ("~/.bashrc", "/home/bob/.bashrc", False),
        ("~", "/home/ann", True),
        ("~bob/x", "/home/bob/x", False),
        ("/etc/*", "/etc/hosts", True),
        ("/etc/*", "/etc/apt/sources.list", False),
        ("/etc/*", "/etc/", True),
        ("/etc/**", "/etc/apt/sources.list", True),
        ("/etc/**", "/etc/hosts", True),
        ("/etc/**", "/etc", False),
        ("/etc/**", "/etc/", False),
        ("/a/**/b", "/a/b", True),
        ("/a/**/b", "/a/x/y/b", True),
        ("/a/**/b", "/a/xb", False),
        ("/a/**/b", "/ab", False),
        ("**/b", "/x/b", True),
        ("**/b", "/xb", False),
        ("/etc/skel/.*", "/etc/skel/.bashrc", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", False),
        ("/a[b-d]e", "/ace", True),
        ("/a[b-d]e", "/afe", False),
        ("/a[!b-d]e", "/afe", True),
        ("/a[!b]e", "/a/e", False),
        ("/a[.-0]e", "/a/e", False),
        ("/a[*]", "/a*", True),
        ("/a[*]", "/ab", False),
        ("/a[b", "/a[b", True),
        ("/{a,b{c,d}}/x", "/bd/x", True),
        ("/{a,b{c,d}}/x", "/b/x", False),
        ("/x{,.bak}", "/x", True),
        ("/x{,.bak}", "/x.bak", True),
        ("/{one}", "/{one}", True),
        ("/a/*\n", "/a/b\n", True),
        ("/a/*", "/a/b\nc", True),
        ("/a/**", "/a/b\n/c", True),
        ("/a/*.conf", "/a/\udc80.conf", True),
        ("/a/?", "/a/é", True),
    ],
)
def test_a_posix_glob(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path, HOME) is expected


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        (r"HKCU\Software\Run\**", r"hkcu\SOFTWARE\run\x", True),
        (r"HKCR\CLSID\{0002-1401}\*", r"HKCR\CLSID\{0002-1401}\InProc", True),
        (r"C:\Users\*\x", r"c:\users\Ann\X", True),
        (r"C:\Users\*\x", r"c:\users\ann\b\x", False),
        ("C:/Users/*", r"c:\users\Ann", True),
        (r"HKCR\MIME\*", r"HKCR\MIME\text/html", True),
    ],
)
def test_a_windows_glob_knows_no_case(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path, HOME, fold=True) is expected


def test_a_home_with_a_wildcard_in_its_name_is_only_itself() -> None:
    assert matches("~/x", "/home/a*/x", "/home/a*")
    assert not matches("~/x", "/home/ann/x", "/home/a*")
    assert matches("~/x", "/home/{a,b}/x", "/home/{a,b}")


def test_home_of_root_and_of_a_bare_system() -> None:
    assert expand("~/.bashrc", "/") == ("/.bashrc",)
    assert expand_home("~", "/") == "/"
    assert expand_home("~/a*", "/root/") == "/root/a*"


def test_alternatives_are_bounded() -> None:
    assert len(expand("/{a,b}{a,b}{a,b}", HOME)) == 8
    with pytest.raises(GlobError, match="more than 1000"):
        expand("/" + "{a,b}" * 40, HOME)


def test_two_stars_beside_other_characters_are_refused() -> None:
    with pytest.raises(GlobError, match="whole names"):
        matches("/a/x**", "/a/xy", HOME)


def test_constant_parts() -> None:
    assert constant("/etc/pass[*]") == "/etc/pass*"
    assert constant("/etc/pass*") is None
    assert constant_directory("/a/b*/c") == "/a"
    assert constant_directory("/*") == "/"
    assert constant_directory("**/a") == ""
    assert constant_directory(r"HKCU\Soft\*", fold=True) == r"hkcu\soft"


def test_which_texts_are_windows() -> None:
    assert folds(r"hkey_local_machine\System") and folds(r"\\server\share") and folds("D:/x")
    assert not folds("/c:/x") and not folds("~/x")


@pytest.mark.alone
def test_matching_takes_linear_time() -> None:
    glob = "/" + "*a" * 40
    started = time.process_time()
    assert not matches(glob, "/" + "a" * 20_000 + "b", HOME)
    assert time.process_time() - started < 2


def oracle(glob: str, path: str) -> bool:
    """Backtracking by hand, as the rules read."""
    if not glob:
        return not path
    if glob == "/**":
        return path.startswith("/") and len(path) > 1
    if glob.startswith("/**/"):
        rest = glob[3:]
        return path.startswith("/") and any(oracle(rest, path[at:]) for at in range(len(path)) if path[at] == "/")
    if glob[0] == "*":
        return any(oracle(glob[1:], path[at:]) for at in range(len(path) + 1) if "/" not in path[:at])
    if glob[0] == "?":
        return bool(path) and path[0] != "/" and oracle(glob[1:], path[1:])
    return bool(path) and path[0] == glob[0] and oracle(glob[1:], path[1:])


glob_names = st.one_of(st.just("**"), st.text("ab*?", max_size=4).filter(lambda name: "**" not in name))
globs = st.lists(glob_names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
subjects = st.text("/ab", max_size=9).map(lambda text: "/" + text)


@settings(max_examples=600, deadline=None)
@given(globs, subjects)
def test_agrees_with_the_oracle(glob: str, path: str) -> None:
    assert matches(glob, path, HOME) is oracle(glob, path)


@given(st.text(max_size=12))
def test_an_escaped_path_matches_itself(text: str) -> None:
    path = paths.readable("/" + text)
    assert matches(paths.escape(path), path, HOME)

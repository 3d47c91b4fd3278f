"""A changed file taken apart: any choice among its pieces is what would be there had only those been done."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.meaning import shared_files
from pratique.meaning.pieces import Change

PATHS = (
    "/root/.bashrc", "/etc/hosts", "/etc/passwd", "/etc/group", "/var/lib/dpkg/status", "/var/lib/dpkg/diversions",
    "/var/lib/dpkg/triggers/File", "/var/log/dpkg.log", "/etc/x.conf",
)  # fmt: skip


def change(path: str, before: str, after: str) -> Change:
    found = shared_files.change(path, before.encode(), after.encode())
    assert found is not None
    return found


def added(path: str, before: str, after: str) -> list[str]:
    """What each piece brings."""
    return [b"".join(token.text for token in piece.after).decode() for piece in change(path, before, after).pieces]


def without(path: str, before: str, after: str, *texts: str) -> str:
    """The content without the pieces that bring any of these texts."""
    found = change(path, before, after)
    refused = {
        number for number, piece in enumerate(found.pieces)
        if any(text.encode() in b"".join(token.text for token in piece.after) for text in texts)
    }  # fmt: skip
    assert refused
    return found.without(refused).decode()


# -- what holds for every change --------------------------------------------------------------------------------------

_LINES = st.sampled_from(
    ["a", "b", "", "# c", "  d", "if x; then", "fi", "x\\", "# >>> m >>>", "# <<< m <<<", "'", "{", "}", "a:1:2:",
     "a:1:2:u", "a:1:2:u,v", "b:x:3:u,,v", "a:", ":", "Package: a", "Package: b", "[s]", "a\r", "v,u"]
)  # fmt: skip
_TEXT = st.tuples(st.lists(_LINES, max_size=12), st.booleans()).map(lambda one: "\n".join(one[0]) + "\n" * one[1])


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(PATHS), _TEXT, _TEXT)
def test_all_pieces_refused_is_the_host_s_content_and_none_is_the_program_s(path, before, after):
    found = shared_files.change(path, before.encode(), after.encode())
    if found is not None:
        assert found.without(set()) == after.encode()
        assert found.without(set(range(len(found.pieces)))) == before.encode()


_DIFFERENT = st.lists(st.integers(0, 30), unique=True, max_size=12)


@settings(max_examples=300, deadline=None)
@given(_DIFFERENT, _DIFFERENT, st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_it_makes_no_difference_which_piece_is_refused_first(before, after, one, other):
    def text(numbers: list[int]) -> bytes:
        return "".join(f"{number} host{number}\n" for number in sorted(numbers)).encode()

    found = shared_files.change("/etc/hosts", text(before), text(after))
    if found is None:
        return
    for first, second in ((one, other), (other, one)):
        left = found.without(first)
        again = shared_files.change("/etc/hosts", text(before), left)
        changes = set() if again is None else {
            number for number, piece in enumerate(again.pieces)
            if any((piece.before, piece.after) == (found.pieces[n].before, found.pieces[n].after)
                   for n in second if n < len(found.pieces))
        }  # fmt: skip
        assert (left if again is None else again.without(changes)) == found.without(one | other)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), st.binary(max_size=60), st.binary(max_size=60))
def test_what_is_no_text_at_all_is_taken_apart_rightly_or_not_at_all(path, before, after):
    found = shared_files.change(path, before, after)
    if found is not None:
        assert found.without(set()) == after
        assert found.without(set(range(len(found.pieces)))) == before


@pytest.mark.parametrize("path", ["/root/.bashrc", "/etc/group", "/var/lib/dpkg/triggers/File"])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: ("".join(f"a:{i}\n\n" for i in range(n)), "".join(f"b:{i}\n\n" for i in range(n))),
        lambda n: ("a:\n" * n + "x\n", "y\n" + "a:\nb:\n" * n),
        lambda n: ("a:\nb:\n" * n, "b:\nc:\na:\n" * n),
        lambda n: ("a:1:1:" + "u," * n + "u\n", "a:1:1:" + "v,u," * n + "u\n"),
        lambda n: ("\n" * n, "'\n" * n),
    ],
    ids=["different", "longer", "woven", "members", "quotes"],
)
def test_no_content_makes_the_work_endless(path, make):
    before, after = make(8_000)
    begun = time.process_time()
    found = shared_files.change(path, before.encode(), after.encode())
    assert time.process_time() - begun < 10
    assert found is None or found.without(set(range(len(found.pieces)))) == before.encode()


def test_a_hundred_thousand_lines_are_taken_apart_in_seconds():
    added = "".join(f"option.{i} = some value\n" for i in range(100_000))
    begun = time.process_time()
    found = shared_files.change("/root/.bashrc", b"mine\n", b"mine\n" + added.encode())
    assert found is not None
    assert len(found.pieces) == 100_000
    assert time.process_time() - begun < 10


# -- settings and scripts ---------------------------------------------------------------------------------------------


def test_each_simple_line_of_a_start_up_file_is_a_piece():
    after = "# mine\nexport PATH=$PATH:/opt/x\n/opt/x/miner &\nalias x=y\n"
    assert added("/root/.bashrc", "# mine\n", after) == [
        "export PATH=$PATH:/opt/x\n",
        "/opt/x/miner &\n",
        "alias x=y\n",
    ]
    assert without("/root/.bashrc", "# mine\n", after, "miner") == "# mine\nexport PATH=$PATH:/opt/x\nalias x=y\n"


CONDA = """
# >>> conda initialize >>>
__conda_setup="$('/opt/conda/bin/conda' 'shell.bash' 'hook')"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
fi
unset __conda_setup
# <<< conda initialize <<<
"""


@pytest.mark.parametrize(
    "block",
    [
        CONDA,
        "# BEGIN player\na=1\n\nb=2\n# END player\n",
        "# the player's\n# own place\nexport X=1\n",
        "if true; then\n    x\nelse\n    y\nfi\n",
        "f() {\n  x\n}\n",
        "case $- in\n*i*) x ;;\nesac\n",
        "for i in a b; do\nx\ndone\n",
        "cat > ~/x <<EOF\nexport\nEOF\n",
        "x='a\nb'\n",
        "x \\\n  y \\\n  z\n",
        "export A=1\n    b\n    c\n",
    ],
    ids=lambda text: text.strip().splitlines()[0],
)
def test_what_belongs_together_is_one_piece(block):
    before, after = "first\n", f"first\nevil 1\n{block}"
    assert without("/root/.bashrc", before, after, "evil") == f"first\n{block}"
    assert [text.strip() for text in added("/root/.bashrc", before, after)] == ["evil 1", block.strip()]


def test_lines_added_within_a_construct_go_together():
    before = "if x; then\n    a\nfi\n"
    assert added("/root/.bashrc", before, "if x; then\n    a\n    b\n    c\nfi\n") == ["    b\n    c\n"]
    assert added("/root/.bashrc", before, "if x; then\n    a\nfi\nfi\ny\n") == ["fi\ny\n"], "who knows what that ends"


def test_a_section_is_one_piece():
    before, section = "[a]\nx=1\n", "[b]\ny=1\n\nz=2\n"
    assert added("/etc/x.conf", before, f"{before}\n{section}[c]\nw=1\n") == [f"\n{section}", "[c]\nw=1\n"]


def test_ends_of_lines_stay_as_they_were():
    assert without("/root/.bashrc", "a\r\nb\r\n", "a\r\nevil\r\nb\r\nc\r\n", "evil") == "a\r\nb\r\nc\r\n"
    assert without("/root/.bashrc", "a", "a\nb\nevil", "evil") == "a\nb\n"
    assert without("/root/.bashrc", "a", "a\nevil\nb", "evil") == "a\nb"
    assert without("/root/.bashrc", "a", "a\nevil\n", "evil") == "a", "as if nothing had been done"


def test_a_line_that_was_changed_gets_its_former_words_back_and_the_new_ones_stay():
    before = "export PATH=/bin\nb\n"
    after = "export PATH=/evil:/bin\nexport LANG=C\nb\n"
    assert without("/root/.bashrc", before, after, "evil") == "export PATH=/bin\nexport LANG=C\nb\n"


def test_a_line_taken_out_comes_back():
    found = change("/etc/hosts", "1 a\n2 b\n3 c\n", "1 a\n3 c\n4 d\n")
    assert [(len(piece.before), len(piece.after)) for piece in found.pieces] == [(1, 0), (0, 1)]
    assert found.without({0}) == b"1 a\n2 b\n3 c\n4 d\n"


def test_entries_of_a_table_are_pieces_whatever_they_contain():
    before = "# m h dom mon dow command\n"
    lines = ["* * * * * sh -c 'if x; then", "0 3 * * * /opt/x/update {", "# why\n@reboot x"]
    after = before + "".join(f"{line}\n" for line in lines)
    assert added("/var/spool/cron/crontabs/ann", before, after) == [f"{line}\n" for line in lines]


def test_neither_programs_nor_what_is_too_large_are_taken_apart():
    assert shared_files.change("/usr/bin/x", b"a\n", b"a\nb\n") is None
    assert shared_files.change("/root/.bashrc", b"a\n", b"a\n\0b\n") is None
    assert shared_files.change("/root/.bashrc", b"", b"a\n" * 3_000_000) is None


# -- accounts ---------------------------------------------------------------------------------------------------------

PASSWD = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"


def keys(path: str, before: str, after: str) -> list[str]:
    return [piece.key for piece in change(path, before, after).pieces]


def test_the_lines_of_each_account_are_its_own():
    after = PASSWD.replace("/home/ann:/bin/sh", "/home/ann:/bin/zsh") + "web:x:1:1::/:\nbob:x:2:2::/:\n"
    assert keys("/etc/passwd", PASSWD, after) == ["ann", "web", "bob"]
    assert without("/etc/passwd", PASSWD, after, "web") == after.replace("web:x:1:1::/:\n", "")
    assert without("/etc/passwd", PASSWD, after, "zsh") == PASSWD + "web:x:1:1::/:\nbob:x:2:2::/:\n"


@pytest.mark.parametrize(
    ("before", "after", "refused", "left"),
    [
        ("g:x:1:\n", "g:x:1:a,b\n", "g,b", "g:x:1:a\n"),
        ("g:x:1:\n", "g:x:1:a,b\n", "g,a", "g:x:1:b\n"),
        ("g:x:1:c\n", "g:x:1:c,a,b\n", "g,b", "g:x:1:c,a\n"),
        ("g:x:1:c,a\n", "g:x:1:b\n", "g,a", "g:x:1:a,b\n"),
        ("g:x:1:c\n", "g:!:1:c,b\n", "g", "g:x:1:c\n"),
        ("g:x:1:c\n", "g:x:1:c\nh:x:2:a\n", "h", "g:x:1:c\n"),
        ("g:x:1:c\n", "g:x:1:c\nh:x:2:a,b\n", "h,a", "g:x:1:c\nh:x:2:b\n"),
    ],
)
def test_a_membership_is_taken_by_itself(before, after, refused, left):
    found = change("/etc/group", before, after)
    chosen = {n for n, piece in enumerate(found.pieces) if piece.key == refused or piece.key.startswith(f"{refused},")}
    assert chosen
    assert found.without(chosen).decode() == left


def test_lines_that_are_no_group_are_kept_as_they_are():
    odd = "g:x:1:a,,b\n# note\ng:x\n+:::\n"
    assert without("/etc/group", odd, odd + "h:x:2:\n", "h:x") == odd


# -- packages ---------------------------------------------------------------------------------------------------------


def stanza(name: str, version: str = "1") -> str:
    return f"Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n"


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_package_is_taken_out_of_the_status_file_whole(order):
    before = stanza("m") + stanza("b", "0") + stanza("z")
    after = stanza("m") + "".join(map(stanza, order)) + stanza("z")
    found = change("/var/lib/dpkg/status", before, after)
    refused = {number for number, piece in enumerate(found.pieces) if piece.key == "a:all"}
    assert refused
    left = found.without(refused).decode()
    assert stanza("a") not in left
    assert sorted(left.split("\n\n")) == sorted((stanza("m") + stanza("b") + stanza("c") + stanza("z")).split("\n\n"))


def test_a_diversion_is_three_lines():
    before = "/bin/sh\n/bin/sh.distrib\ndash\n"
    after = before + "/bin/x\n/bin/x.a\na\n/bin/y\n/bin/y.b\nb\n"
    assert keys("/var/lib/dpkg/diversions", before, after) == ["a", "b"]
    assert without("/var/lib/dpkg/diversions", before, after, ".a\n") == before + "/bin/y\n/bin/y.b\nb\n"

"""Everything that goes with a package, and which packages are of no use without it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pratique.meaning import give_meaning
from pratique.recording import Effect, FileState
from pratique.subject import Subject

FILE = FileState(type="file", mode=0o644, uid=0, gid=0)
INFO, STATUS = "/var/lib/dpkg/info", "/var/lib/dpkg/status"


def link(target: str) -> FileState:
    return FileState(type="link", mode=0o777, uid=0, gid=0, target=target)


def stanza(name: str, *fields: str, status: str = "install ok installed", version: str = "1") -> bytes:
    lines = (f"Package: {name}", f"Status: {status}", "Architecture: all", f"Version: {version}", *fields)
    return ("\n".join(lines) + "\n\n").encode()


BASE = stanza("base")


class Told:
    """The packages of a session that left these files, by name."""

    def __init__(self, kind: str, after: Mapping[str, bytes | FileState | None], before: Mapping[str, bytes]) -> None:
        effects = []
        for number, (path, content) in enumerate(sorted(after.items())):
            op = "delete" if content is None else "modify" if path in before else "add"
            state = content if isinstance(content, FileState) else FILE
            effects.append(
                Effect(
                    id=number, type="file", op=op, path=path, before=FILE if path in before else None,
                    after=None if content is None else state,
                )
            )  # fmt: skip

        def read(path: str, _: int) -> bytes | None:
            content = after.get(path, before.get(path))
            return content if isinstance(content, bytes) else None

        found, _ = give_meaning(
            effects, Subject(path="/x", name="x", kind=kind), read, lambda path, _: before.get(path)
        )
        self._by_id = {effect.id: effect for effect in found}
        self.packages = {effect.details["package"]: effect for effect in found if effect.type == "package"}

    def parts(self, name: str) -> set[str]:
        return {self._by_id[part].path for part in self.packages[name].parts}

    def shares(self, name: str) -> dict[str, tuple[int, ...]]:
        return {self._by_id[share.file].path: share.pieces for share in self.packages[name].shares}

    def needs(self, name: str) -> set[str]:
        return {self._by_id[need].details["package"] for need in self.packages[name].needs}


def dpkg(status: bytes, more: Mapping[str, bytes | FileState | None] | None = None, before: bytes = BASE,
         was: Mapping[str, bytes] | None = None) -> Told:  # fmt: skip
    return Told("deb", {STATUS: status, **(more or {})}, {STATUS: before, **(was or {})})


def test_a_package_has_its_stanza_its_records_its_links_and_its_services():
    told = dpkg(
        BASE + stanza("a") + stanza("b"),
        {
            f"{INFO}/a.list": b"/.\n/opt\n/opt/a\n/etc/a.conf\n/lib/systemd/system/a.service\n",
            f"{INFO}/a.postinst": b"",
            f"{INFO}/b.list": b"/.\n/opt\n",
            f"{INFO}/ab.list": b"",
            "/opt/a": b"",
            "/etc/a.conf.dpkg-dist": b"",
            "/etc/alternatives/x": link("/opt/a"),
            "/usr/bin/x": link("/etc/alternatives/x"),
            "/var/lib/dpkg/alternatives/x": b"auto\n/usr/bin/x\n\n/opt/a\n5\n\n",
            "/usr/lib/systemd/system/a.service": b"",
            "/etc/systemd/system/multi-user.target.wants/a.service": link("/lib/systemd/system/a.service"),
            "/var/log/dpkg.log": b"".join(b"2026-01-01 00:00:00 install %c:all <none> 1\n" % name for name in b"ba"),
            "/var/lib/dpkg/diversions": b"/x\n/x.y\na\n",
        },
    )
    assert told.parts("a") == {
        f"{INFO}/a.list", f"{INFO}/a.postinst", "/opt/a", "/etc/a.conf.dpkg-dist", "/etc/alternatives/x", "/usr/bin/x",
        "/usr/lib/systemd/system/a.service", "/etc/systemd/system/multi-user.target.wants/a.service",
    }  # fmt: skip
    assert told.shares("a") == {
        STATUS: (0,), "/var/log/dpkg.log": (1,), "/var/lib/dpkg/diversions": (0,), "/var/lib/dpkg/alternatives/x": (),
    }  # fmt: skip
    assert told.shares("b") == {STATUS: (1,), "/var/log/dpkg.log": (0,)}


def test_alternatives_two_packages_offer_hold_them_together():
    told = dpkg(
        BASE + stanza("a") + stanza("b"),
        {
            f"{INFO}/a.list": b"/opt/a\n",
            f"{INFO}/b.list": b"/opt/b\n",
            "/var/lib/dpkg/alternatives/x": b"auto\n/usr/bin/x\n\n/opt/a\n5\n/opt/b\n6\n\n",
        },
    )
    assert told.shares("a")["/var/lib/dpkg/alternatives/x"] == told.shares("b")["/var/lib/dpkg/alternatives/x"] == ()


@pytest.mark.parametrize(
    ("relation", "needed"),
    [
        ("Depends: a", {"a"}),
        ("Depends: base, a:any (>= 1)", {"a"}),
        ("Pre-Depends: a | missing", {"a"}),
        ("Depends: a | base", set()),
        ("Depends: virtual", {"a"}),
        ("Depends: base,\n a (= 1)", {"a"}),
        ("Recommends: a", set()),
        ("Depends: aa", set()),
    ],
)
def test_a_package_needs_what_alone_provides_what_it_depends_on(relation, needed):
    told = dpkg(BASE + stanza("a", "Provides: virtual (= 1)") + stanza("b", relation))
    assert (told.needs("b"), told.needs("a")) == (needed, set())


def test_an_upgrade_is_needed_only_where_a_version_is_asked_for():
    before = BASE + stanza("a")
    now = BASE + stanza("a", version="2")
    assert dpkg(now + stanza("b", "Depends: a (>= 2)"), before=before).needs("b") == {"a"}
    assert dpkg(now + stanza("b", "Depends: a"), before=before).needs("b") == set()


def test_a_removal_is_needed_by_what_cannot_be_together_with_it():
    told = dpkg(BASE + stanza("b", "Conflicts: a"), before=BASE + stanza("a"))
    assert told.needs("b") == {"a"}


def test_a_removed_package_has_the_files_it_had():
    told = dpkg(
        BASE,
        {f"{INFO}/a.list": None, "/opt/a": None},
        before=BASE + stanza("a"),
        was={f"{INFO}/a.list": b"/opt/a\n", "/opt/a": b""},
    )
    assert told.parts("a") == {f"{INFO}/a.list", "/opt/a"}


def test_python_packages_have_their_directory_and_need_what_they_require():
    site = "/usr/lib/python3/site-packages"
    told = Told(
        "pip",
        {
            f"{site}/a_b-1.dist-info/RECORD": b"a_b.py,,\n",
            f"{site}/a_b-1.dist-info/direct_url.json": b"",
            f"{site}/a_b.py": b"",
            f"{site}/c-1.dist-info/RECORD": b"",
            f"{site}/c-1.dist-info/METADATA": b"Name: c\nRequires-Dist: A.B>=1\n"
            b"Requires-Dist: d; extra == 'x'\n\nRequires-Dist: d\n",
            f"{site}/d-1.dist-info/RECORD": b"",
        },
        {},
    )  # fmt: skip
    assert told.parts("a_b") == {
        f"{site}/a_b-1.dist-info/RECORD", f"{site}/a_b-1.dist-info/direct_url.json", f"{site}/a_b.py",
    }  # fmt: skip
    assert told.needs("c") == {"a_b"}


def test_npm_packages_have_what_is_nested_in_them_and_need_what_node_would_find():
    top = "/srv/app/node_modules"
    told = Told(
        "npm",
        {
            f"{top}/a/package.json": b'{"dependencies": {"b": "1", "c": "1", "gone": "1"}}',
            f"{top}/a/i.js": b"",
            f"{top}/a/node_modules/c/package.json": b"[]",
            f"{top}/b/package.json": b"{",
            f"{top}/b/cli.js": b"",
            f"{top}/.bin/b": link("../b/cli.js"),
        },
        {},
    )
    assert told.parts("a") == {f"{top}/a/package.json", f"{top}/a/i.js", f"{top}/a/node_modules/c/package.json"}
    assert told.parts("b") == {f"{top}/b/package.json", f"{top}/b/cli.js", f"{top}/.bin/b"}
    assert (told.needs("a"), told.needs("b")) == ({"b"}, set())
    assert "remains" not in told.packages["b"].details


def test_a_project_that_names_an_npm_package_is_told():
    top = "/srv/app"
    files = {f"{top}/package.json": b'{"devDependencies": {"b": "1"}}', f"{top}/node_modules/b/package.json": b"{}"}
    (package,) = Told("npm", files, {}).packages.values()
    assert package.details["remains"].startswith("/srv/app/package.json still names b")

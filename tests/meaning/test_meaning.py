"""Packages, accounts and services are read out of changed files."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from pratique.meaning import give_meaning
from pratique.meaning.packages import node_package
from pratique.recording import Effect, FileState
from pratique.subject import Subject

FILE = FileState(type="file", mode=0o644, uid=0, gid=0, size=1, sha256="a")
HELLO = b"Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.10-3\n"
BASE = b"Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12\n\n"


def link(target: str) -> FileState:
    return FileState(type="link", mode=0o777, uid=0, gid=0, target=target)


def meaning(
    after: Mapping[str, bytes | FileState], before: Mapping[str, bytes] | None = None, kind: str = "deb"
) -> tuple[dict[str, list[Effect]], list[str]]:
    """Effects by type, and the names of the components, for a program that left these files."""
    before = before or {}
    effects = [
        Effect(
            id=index,
            type="file",
            op="modify" if path in before else "add",
            path=path,
            before=FILE if path in before else None,
            after=content if isinstance(content, FileState) else FILE,
        )
        for index, (path, content) in enumerate(sorted(after.items()))
    ]

    def read(path: str, limit: int) -> bytes | None:
        content = after.get(path, before.get(path))
        return content[:limit] if isinstance(content, bytes) else None

    def read_before(path: str, limit: int) -> bytes | None:
        return before[path][:limit] if path in before else None

    found, components = give_meaning(effects, Subject(path="/tmp/x.deb", name="x", kind=kind), read, read_before)
    by_type: dict[str, list[Effect]] = {}
    for effect in found:
        by_type.setdefault(effect.type, []).append(effect)
    return by_type, [component.name for component in components]


def test_a_package_that_dpkg_recorded_owns_its_files_and_is_a_component():
    found, components = meaning(
        {
            "/var/lib/dpkg/status": BASE + HELLO,
            "/var/lib/dpkg/info/hello.list": b"/.\n/usr\n/usr/bin/hello\n/lib/hello.so\n",
            "/usr/bin/hello": b"ELF",
            "/usr/lib/hello.so": b"ELF",
            "/etc/profile.d/extra.sh": b"x",
        },
        {"/var/lib/dpkg/status": BASE},
    )
    (package,) = found["package"]
    assert (package.op, package.details["package"], package.details["version"]) == ("add", "hello", "2.10-3")
    owners = {effect.path: effect.component for effect in found["file"]}
    assert owners["/usr/bin/hello"] == "hello"
    assert owners["/usr/lib/hello.so"] == "hello", "the list says /lib, the merged system has it under /usr"
    assert owners["/etc/profile.d/extra.sh"] == "x", "a maintainer script's doing belongs to the program itself"
    assert components == ["x", "hello"]


def test_the_package_managers_own_records_are_its_own():
    found, _ = meaning({"/var/lib/dpkg/status": BASE + HELLO, "/home/a/.bashrc": b"x"}, {"/var/lib/dpkg/status": BASE})
    by_manager = {effect.path: effect.details.get("by_package_manager") for effect in found["file"]}
    assert by_manager == {"/var/lib/dpkg/status": "true", "/home/a/.bashrc": None}


def test_without_a_package_manager_its_directories_are_nobodys():
    found, _ = meaning({"/var/lib/dpkg/info/evil.list": b"/home/a/.bashrc\n"})
    assert found["file"][0].details == {}


def test_a_removed_package_is_an_effect():
    gone = HELLO.replace(b"install ok installed", b"deinstall ok config-files")
    found, _ = meaning({"/var/lib/dpkg/status": BASE + gone}, {"/var/lib/dpkg/status": BASE + HELLO})
    assert [(effect.op, effect.details["package"]) for effect in found["package"]] == [("delete", "hello")]


def test_pip_records_name_the_owner_also_outside_site_packages():
    site = "/home/a/.local/lib/python3.11/site-packages"
    found, components = meaning(
        {
            f"{site}/toy-1.0.dist-info/RECORD": b'toy.py,,\n../../../bin/toy,,\n"toy-1.0.dist-info/RECORD",,\n',
            f"{site}/toy.py": b"x",
            "/home/a/.local/bin/toy": b"x",
            "/home/a/.bashrc": b"x",
        }
    )
    owners = {effect.path: effect.component for effect in found["file"]}
    assert owners["/home/a/.local/bin/toy"] == "toy"
    assert owners["/home/a/.bashrc"] == "x"
    assert found["package"][0].details["manager"] == "pip"
    assert components == ["x", "toy"]


def test_a_record_cannot_claim_what_lies_outside_its_prefix():
    site = "/usr/local/lib/python3.11/site-packages"
    record = b"toy.py,,\n../../../bin/toy,,\n../../../../../etc/cron.d/toy,,\n/etc/profile.d/toy.sh,,\n"
    found, _ = meaning(
        {
            f"{site}/toy-1.0.dist-info/RECORD": record,
            f"{site}/toy.py": b"x",
            "/usr/local/bin/toy": b"x",
            "/etc/cron.d/toy": b"x",
            "/etc/profile.d/toy.sh": b"x",
        },
        kind="pip",
    )
    owned = {effect.path for effect in found["file"] if effect.details.get("by_package_manager")}
    assert owned == {f"{site}/toy.py", "/usr/local/bin/toy"}


@pytest.mark.parametrize("site", ["", "/etc", "/lib/python3/dist-packages", "/opt"])
def test_a_record_in_an_odd_place_claims_only_what_lies_beside_it(site):
    found, _ = meaning(
        {
            f"{site}/toy-1.0.dist-info/RECORD": b"/etc/../opt/x,,\n/opt/x,,\n/usr/bin/x,,\n",
            "/opt/x": b"x",
            "/usr/bin/x": b"x",
        },
        kind="pip",
    )
    owned = {effect.path for effect in found["file"] if effect.details.get("by_package_manager")}
    assert owned - {"/opt/x"} == set()
    assert ("/opt/x" in owned) == (site == "/opt")


def test_what_looks_like_pip_s_or_npm_s_is_theirs_only_where_they_were_started():
    left: dict[str, bytes | FileState] = {
        "/opt/node_modules/b/package.json": b"{}",
        "/opt/python/toy-1.0.dist-info/RECORD": b"toy.pth,,\n",
        "/opt/python/toy.pth": b"x",
    }
    found, components = meaning(left, kind="script")
    assert not any(effect.details.get("by_package_manager") for effect in found["file"])
    assert components == ["x", "b", "toy"], "whose the files are is told all the same"


@pytest.mark.parametrize("kind", ["npm", "pip"])
def test_neither_npm_nor_pip_leaves_a_privileged_program(kind):
    left = {
        "/opt/node_modules/b/package.json": b"{}",
        "/opt/node_modules/b/sh": msgspec.structs.replace(FILE, mode=0o4755),
    }
    found, _ = meaning(left, kind=kind)
    by_manager = {effect.path: effect.details.get("by_package_manager") for effect in found["file"]}
    assert by_manager == {"/opt/node_modules/b/package.json": "true", "/opt/node_modules/b/sh": None}


def test_npm_packages_are_the_innermost_directory():
    assert node_package("/a/node_modules/b/node_modules/@s/c/x.js") == "@s/c"
    assert node_package("/a/node_modules/.bin/b") is None
    found, components = meaning(
        {"/a/node_modules/b/package.json": b'{"version": "3"}', "/a/node_modules/b/i.js": b"x", "/a/package.json": b""}
    )
    assert found["package"][0].details | {"by_package_manager": ""} == {
        "package": "b", "version": "3", "manager": "npm", "by_package_manager": "",
    }  # fmt: skip
    assert components == ["x", "b"]


def test_a_garbled_package_json_is_a_package_without_a_version():
    found, _ = meaning({"/a/node_modules/b/package.json": b"[" * 100_000})
    assert found["package"][0].details["version"] == ""


def test_a_wants_link_made_for_a_packages_unit_is_that_packages():
    found, _ = meaning(
        {
            "/var/lib/dpkg/status": BASE + HELLO,
            "/var/lib/dpkg/info/hello.list": b"/lib/systemd/system/hello.service\n",
            "/usr/lib/systemd/system/hello.service": b"[Unit]",
            "/etc/systemd/system/multi-user.target.wants/hello.service": link("/lib/systemd/system/hello.service"),
            "/etc/systemd/system/multi-user.target.wants/own.service": link("/opt/own.service"),
        },
        {"/var/lib/dpkg/status": BASE},
    )
    told = {(e.details["name"], e.details["what"]): e.details.get("package") for e in found["service"]}
    assert told == {
        ("hello.service", "add"): "hello",
        ("hello.service", "enable"): "hello",
        ("own.service", "enable"): None,
    }


def test_a_python_package_registers_no_service_behind_the_person_s_back():
    left: dict[str, bytes | FileState] = {
        "/usr/lib/python3/dist-packages/toy-1.0.dist-info/RECORD": b"/usr/lib/systemd/system/toy.service,,\n",
        "/usr/lib/systemd/system/toy.service": b"[Unit]",
    }
    (service,) = meaning(left, kind="pip")[0]["service"]
    assert service.details == {"name": "toy.service", "unit": "service", "what": "add", "package": "toy"}


def test_an_init_script_and_its_link_are_a_service():
    found, _ = meaning({"/etc/init.d/x": b"#!", "/etc/rc2.d/S01x": link("../init.d/x"), "/etc/rc2.d/K01x": link("y")})
    assert [(e.details["name"], e.details["what"]) for e in found["service"]] == [("x", "add"), ("x", "enable")]


def test_accounts_are_told_by_what_changed():
    before = {
        "/etc/passwd": b"root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n",
        "/etc/group": b"sudo:x:27:\n",
        "/etc/shadow": b"ann:!:1::::::\n",
    }
    found, _ = meaning(
        {
            "/etc/passwd": before["/etc/passwd"] + b"web:x:998:998::/var/www:/usr/sbin/nologin\n",
            "/etc/group": b"sudo:x:27:ann\n",
            "/etc/shadow": b"ann:$6$x:1::::::\n",
        },
        before,
    )
    told = {e.details["name"]: (e.op, e.details["change"], e.details["can_log_in"]) for e in found["account"]}
    assert told == {"web": ("add", "added", "false"), "ann": ("modify", "joined sudo, password", "true")}
    files = {effect.id: effect.path.rpartition("/")[2] for effect in found["file"]}
    shares = {e.details["name"]: {files[share.file]: share.pieces for share in e.shares} for e in found["account"]}
    assert shares == {"web": {"passwd": (0,)}, "ann": {"group": (0,), "shadow": (0,)}}
    assert {files[e.id]: e.pieces for e in found["file"]} == {"passwd": 1, "group": 1, "shadow": 1}


def test_garbled_records_are_no_reason_to_stop():
    found, _ = meaning({"/etc/passwd": b"\xff\xfe:::\nno-colons\n", "/var/lib/dpkg/status": b"\0" * 1000})
    assert set(found) == {"file"}


def test_a_script_that_writes_itself_into_dpkgs_records_is_not_the_package_manager():
    left = {
        "/var/lib/dpkg/status": BASE + HELLO,
        "/var/lib/dpkg/info/hello.list": b"/etc/cron.d/evil\n",
        "/etc/cron.d/evil": b"* * * * * root x",
    }
    for kind, believed in (("script", False), ("deb", True)):
        found, components = meaning(left, {"/var/lib/dpkg/status": BASE}, kind=kind)
        (cron,) = [effect for effect in found["file"] if effect.path == "/etc/cron.d/evil"]
        assert (cron.details.get("by_package_manager") == "true") is believed
        assert "hello" in components


def test_a_unit_has_the_links_that_start_it_its_other_names_and_its_drop_ins():
    units = "/etc/systemd/system"
    paths = {
        f"{units}/a.service": b"",
        f"{units}/a.service.d": FileState(type="directory", mode=0o755, uid=0, gid=0),
        f"{units}/a.service.d/x.conf": b"",
        f"{units}/multi-user.target.wants/a.service": link("../a.service"),
        f"{units}/other-name.service": link("a.service"),
        f"{units}/b.service": b"",
    }
    found, _ = meaning(paths, kind="script")
    files = {effect.id: effect.path for effect in found["file"]}
    parts = {(e.details["name"], e.details["what"]): {files[part] for part in e.parts} for e in found["service"]}
    assert parts == {
        ("a.service", "add"): paths.keys() - {f"{units}/b.service"},
        ("a.service", "enable"): {f"{units}/multi-user.target.wants/a.service"},
        ("b.service", "add"): {f"{units}/b.service"},
    }


def test_lines_are_told_where_a_change_is_more_than_one_thing():
    before = {"/root/.bashrc": b"# mine\n", "/etc/x.conf": b"a=1\n"}
    after = {
        "/root/.bashrc": b"# mine\nexport A=1\nexport B=2\n",
        "/etc/x.conf": b"a=2\n",
        "/root/.profile": b"export A=1\nexport B=2\n",
        "/etc/cron.d/x": b"1 1 * * * a b\n2 2 * * * a c\n",
    }
    found, _ = meaning(after, before, kind="script")
    lines = {(effect.path, effect.details["added"]) for effect in found["lines"]}
    assert lines == {
        ("/root/.bashrc", "export A=1"), ("/root/.bashrc", "export B=2"),
        ("/etc/cron.d/x", "1 1 * * * a b"), ("/etc/cron.d/x", "2 2 * * * a c"),
    }  # fmt: skip

"""What a package's own scripts do is theirs; what dpkg does with what the package lists is the package manager's."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = [pytest.mark.root, pytest.mark.machine]

TOOL = "/usr/bin/pratique-nasty-tool"


@pytest.fixture
def package(tmp_path):
    """Make a package that brings one program, with this mode and this script."""

    def make(mode=0o755, **scripts):
        tree = tmp_path / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/bin").mkdir(parents=True)
        (tree / TOOL[1:]).write_text("#!/bin/sh\n")
        (tree / TOOL[1:]).chmod(mode)
        (tree / "DEBIAN/control").write_text(
            "Package: pratique-nasty\nVersion: 1\nArchitecture: all\nMaintainer: N <n@example.org>\nDescription: x\n"
        )
        for name, text in scripts.items():
            (tree / "DEBIAN" / name).write_text(f"#!/bin/sh\nset -e\n{text}\n")
            (tree / "DEBIAN" / name).chmod(0o755)
        file = tmp_path / "nasty.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, file], check=True, capture_output=True)
        return file

    return make


def found(ran):
    return [action["name"] for action in ran.json["actions"]]


OWN, OTHER = "package-privilege", "privileged-program"


@pytest.mark.parametrize(
    ("script", "actions"),
    [
        pytest.param(f"chmod u+s {TOOL}", {OWN}, id="chmod"),
        pytest.param(f"mv {TOOL} /usr/bin/other; chmod u+s /usr/bin/other; mv /usr/bin/other {TOOL}", {OWN, OTHER},
                     id="by another name"),
        pytest.param(f"ln {TOOL} /usr/bin/other; chmod u+s /usr/bin/other; rm /usr/bin/other", {OWN, OTHER},
                     id="by a second name"),
        pytest.param(f"dpkg-statoverride --update --add root root 4755 {TOOL}", {OWN}, id="dpkg-statoverride"),
        pytest.param(f"cp /bin/sh {TOOL}; chmod u+s {TOOL}", {OWN}, id="with other content"),
        pytest.param(f"setcap cap_setuid+ep {TOOL}", {OTHER}, id="setcap"),
    ],
)  # fmt: skip
def test_a_script_that_makes_its_package_s_own_program_setuid_is_seen(pratique, package, script, actions):
    ran = pratique("run", "--refuse", "--json", package(postinst=script))
    assert set(found(ran)) == actions, ran.err


@pytest.mark.parametrize("script", ["cp /bin/sh /usr/bin/other; chmod u+s /usr/bin/other", "chmod u+s /usr/bin/env"])
def test_another_program_that_a_script_makes_setuid_is_not_its_package_s(pratique, package, script):
    ran = pratique("run", "--refuse", "--json", package(postinst=script))
    assert found(ran) == ["privileged-program"], ran.err
    assert ran.json["verdict"]["class"] == "undesirable"


def test_a_mode_that_the_package_declares_is_dpkg_s_doing(pratique, package):
    ran = pratique("run", "--refuse", "--json", package(0o4755, postinst=f"test -u {TOOL}; chmod 755 /usr/share"))
    assert found(ran) == [], ran.err

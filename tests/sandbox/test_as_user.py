"""Everything that holds for root holds for an ordinary user: the same tests, run by a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import reachable
from overlaid import picture

_SAME = (
    "effects", "commit", "undo", "quarantine", "terminal", "abilities", "hidden", "escapes", "cgroups",
    "round_trip", "given", "later", pytest.param("inside", marks=pytest.mark.machine),
)  # fmt: skip


def as_user(user, *command: str, timeout: float = 280, **settings) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(user.home), "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ":".join(reachable.python_path()),
    }  # fmt: skip
    return subprocess.run(
        command, env=environment, cwd=reachable.checkout(), user=user.uid, group=user.gid, extra_groups=[],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **settings,
    )  # fmt: skip


@pytest.mark.root
@pytest.mark.parametrize("name", _SAME)
def test_it_all_holds_for_an_ordinary_user(ordinary_user, python_for_all, name):
    all_pass(ordinary_user, python_for_all, name, "not root and not proof")


@pytest.mark.root
@pytest.mark.proof
def test_random_trees_of_an_ordinary_user_for_long(ordinary_user, python_for_all):
    all_pass(ordinary_user, python_for_all, "round_trip", "proof", "--timeout=3600", timeout=3600)


def all_pass(ordinary_user, python_for_all, name: str, which: str, *options: str, **settings) -> None:
    tests = reachable.checkout() / "tests" / "sandbox" / f"test_{name}.py"
    done = as_user(
        ordinary_user, python_for_all, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", which,
        "--basetemp", f"{ordinary_user.home}/trial", *options, str(tests), **settings,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.root
def test_what_is_root_s_alone_stays_unreadable(ordinary_user, python_for_all):
    """The overlay's own layers are the user's, the directories below them are not."""
    program = f"""
import os
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
script = "cat /etc/shadow; ls /root; touch /usr/bin/new /home/new /new; chmod 777 /home; touch /home/x"
spec = Spec(id="u", place=Path({str(ordinary_user.home)!r}) / "place", home={str(ordinary_user.home)!r},
    command=("sh", "-c", script),
    environment={{"PATH": "/usr/bin:/bin"}}, uid=os.getuid(), gid=os.getgid())
with Quarantine(spec) as quarantine:
    ended = quarantine.run()
    print([(effect.path, effect.unfit) for effect in quarantine.effects()])
    print(quarantine.commit(quarantine.effects()).applied)
"""
    done = as_user(ordinary_user, python_for_all, "-c", program)
    assert done.stdout.splitlines() == [
        "[('/home/x', \"the directory on the host is not this user's to write to\")]", "()",
    ], done.stderr  # fmt: skip
    for path in ("/etc/shadow", "/root", "/usr/bin/new", "/home/new", "/new"):
        assert path in done.stderr
    assert not Path("/home/x").exists()


@pytest.mark.root
@pytest.mark.parametrize("mode", [0o711, 0o755])
def test_a_home_below_somebody_else_s_directories_that_nobody_may_list(ordinary_user, python_for_all, mode):
    above = Path(tempfile.mkdtemp(prefix="pratique-homes-", dir="/var/tmp"))
    try:
        home = above / "floor" / "home"
        home.mkdir(parents=True)
        (home / ".profile").write_text("one\n")
        for directory in (above, above / "floor"):
            directory.chmod(mode)
        ordinary_user.own(home)
        before = picture(home)
        program = f"""
import os
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
from pratique.sandbox.undo import undo
home = {str(home)!r}
script = "echo two >> ~/.profile; mkdir -p ~/new/er; echo > ~/new/er/file; rm -rf ~/nothing"
spec = Spec(id="u", place=Path({str(ordinary_user.home)!r}) / f"{{os.getpid()}}/place", home=home, directory=home,
    command=("sh", "-ec", script),
    environment={{"PATH": "/usr/bin:/bin", "HOME": home}}, uid=os.getuid(), gid=os.getgid())
with Quarantine(spec) as quarantine:
    assert quarantine.run().exit_status == 0
    effects = quarantine.effects()
    print([(effect.path.removeprefix(home), effect.op, effect.unfit) for effect in effects])
    print(quarantine.read_before(home + "/.profile", 100))
    print(quarantine.commit(effects).skipped, Path(home, ".profile").read_bytes())
    print(undo(spec.place, spec.id).left)
"""
        done = as_user(ordinary_user, python_for_all, "-c", program)
        assert done.stdout.splitlines() == [
            "[('/.profile', 'modify', ''), ('/new', 'add', ''), ('/new/er', 'add', ''), ('/new/er/file', 'add', '')]",
            "b'one\\n'", "() b'one\\ntwo\\n'", "()",
        ], done.stderr  # fmt: skip
        assert picture(home) == before
    finally:
        shutil.rmtree(above)


@pytest.mark.root
def test_a_container_s_root_is_treated_like_a_user(tmp_path):
    """Root of a user name space may not do what root may: the quarantine is made in one of its own."""
    program = tmp_path / "program.py"
    program.write_text(f"""
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
command = ("sh", "-c", "id -u; echo x > {tmp_path}/y")
spec = Spec(id="n", place=Path({str(tmp_path)!r}) / "place", command=command, environment={{"PATH": "/usr/bin:/bin"}})
with Quarantine(spec) as quarantine:
    quarantine.run()
    print([effect.path for effect in quarantine.effects()])
""")
    environment = {**os.environ, "PRATIQUE_STATE": str(tmp_path / "state")}
    for command in (["unshare", "-Ur"], ["setpriv", "--bounding-set", "-sys_admin"]):
        done = subprocess.run(
            [*command, sys.executable, program], env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout == f"0\n['{tmp_path}/y']\n", done.stderr


@pytest.mark.root
def test_a_home_with_a_file_system_mounted_in_it_is_told_to_be_shut(ordinary_user, python_for_all):
    mounted = ordinary_user.home / "deep" / "vault"
    mounted.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"uid={ordinary_user.uid}", "none", mounted], check=True)
    try:
        script = ordinary_user.home / "sets.sh"
        script.write_text("#!/bin/sh\necho x >> ~/.profile\n")
        script.chmod(0o755)
        ran = ordinary_user.pratique("run", "--refuse", "--json", script)
        assert (
            f"what lies directly in {ordinary_user.home} was read-only, for {mounted} is mounted there"
            in (ran.json["notes"])
        )
        assert "Read-only file system" in ran.err
    finally:
        subprocess.run(["umount", mounted], check=True)
        shutil.rmtree(mounted.parent)


@pytest.mark.root
def test_a_home_below_directories_of_others_can_be_written(ordinary_user, python_for_all):
    """Such as /home/staff/ann: copying up /home/staff is not the user's to do."""
    staff = Path(tempfile.mkdtemp(prefix="pratique-staff-", dir="/home"))
    try:
        staff.chmod(0o755)
        home = staff / "deep" / "ann"
        home.mkdir(parents=True)
        os.chown(home, ordinary_user.uid, 0)
        program = f"""
import os
from pathlib import Path
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
script = "mkdir ~/bin && echo x > ~/bin/tool; touch {staff}/no {staff}/deep/no"
spec = Spec(id="u", place=Path({str(ordinary_user.home)!r}) / "staff", home={str(home)!r}, command=("sh", "-c", script),
    environment={{"PATH": "/usr/bin:/bin", "HOME": {str(home)!r}}}, uid=os.getuid(), gid=os.getgid())
with Quarantine(spec) as quarantine:
    quarantine.run()
    print([effect.path for effect in quarantine.effects()])
    print(len(quarantine.commit(quarantine.effects()).applied))
"""
        done = as_user(ordinary_user, python_for_all, "-c", program)
        assert done.stdout.splitlines() == [f"['{home}/bin', '{home}/bin/tool']", "2"], done.stderr
        assert (home / "bin" / "tool").read_text() == "x\n"
        assert sorted(path.name for path in (*staff.iterdir(), *home.parent.iterdir())) == ["ann", "deep"]
    finally:
        shutil.rmtree(staff)

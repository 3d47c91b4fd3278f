"""`sudo`, `doas` and `pkexec`: in root's sessions they do what they are asked for, and nobody gains rights by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from own_root import OwnRoot

from pratique.sandbox import rights

_PRATIQUE = (sys.executable, "-m", "pratique.cli.main")


class Judged(NamedTuple):
    """`said`: lines of what the program, and Pratique, printed."""

    report: Any
    said: list[str]

    def commands(self, program: str) -> list[str]:
        return [one["command"] for one in self.report["processes"] if one["program"] == program]

    def effect(self, path: str) -> Any:
        return next(one for one in self.report["effects"] if one["path"] == path)


@pytest.fixture
def judged(state, tmp_path) -> Callable[..., Judged]:
    """`judged(SCRIPT)`: what became of a shell script; `container=True`: with the root of a container in charge."""

    def run(script: str, *, container: bool = False) -> Judged:
        installer = tmp_path / "setup.sh"
        installer.write_text(f"#!/bin/sh\n{script}\n")
        installer.chmod(0o755)
        before = ("setpriv", "--bounding-set", "-sys_admin") if container else ()
        done = subprocess.run(
            [*before, *_PRATIQUE, "run", "--refuse", "--json", installer],
            cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return Judged(json.loads(done.stdout), done.stderr.splitlines())

    return run


@pytest.fixture
def own_root(tmp_path, state) -> Iterator[OwnRoot]:
    """A root with a `pkexec`: only that there is one counts, for it is never run."""
    root = OwnRoot(tmp_path)
    root.run("cp", "/usr/bin/true", "/usr/bin/pkexec")
    yield root
    root.close()


#: Command lines, and what the program says and ends with; the same by the real one and by its stand-in.
SUDO = (
    ("sudo id -u", "0", 0),
    ("export OPTIND=3; sudo -n id -u", "0", 0),
    ("sudo -nEH -u root -- id -u", "0", 0),
    ("sudo --user root --group=root --set-home -n id -u", "0", 0),
    ("sudo -uroot sh -c 'echo \"$1\" $2; exit 7' sh 'a  b' '$(id)'", "a  b $(id)", 7),
    ("sudo ONE=1 TWO='2  3' sh -c 'echo \"$ONE $TWO\"'", "1 2  3", 0),
    ("mine=1 sudo sh -c 'echo \"<$mine> $SUDO_USER $SUDO_UID $HOME\"'", "<> root 0 /root", 0),
    ("mine=1 sudo -E sh -c 'echo \"<$mine>\"'", "<1>", 0),
    ("echo by tee | sudo tee /etc/by-tee", "by tee", 0),
    ("echo 'echo read; exit 4' | sudo -S sh", "read", 4),
    ("echo 'echo read; exit 5' | sudo -s", "read", 5),
    ("sudo -s echo 'a;b' 'c  d'", "a;b c  d", 0),
    ("sudo -D /etc pwd 2>/dev/null", "", 1),
    ("sudo -v", "", 0),
    ("sudo -k", "", 0),
    ("sudo cd /etc 2>/dev/null", "", 1),
    ("sudo -l true", "/usr/bin/true", 0),
    ("sudo '; touch /etc/hurt' 2>&1", "sudo: ; touch /etc/hurt: command not found", 1),
    ("sudo -- -x 2>&1", "sudo: -x: command not found", 1),
    ("sudo -u '*' id 2>/dev/null", "", 1),
    ("sudo -u 'root\nx' id 2>/dev/null", "", 1),
    ("sudo -Z id 2>/dev/null", "", 1),
    ("sudo -u 2>/dev/null", "", 1),
    ("sudo 2>/dev/null", "", 1),
)


@pytest.mark.root
@pytest.mark.parametrize("container", [False, True], ids=["root", "a container's root"])
def test_sudo_does_as_root_what_it_is_asked_for(judged, container):
    script = "".join(f'{command}\necho "= $?"\n' for command, _, _ in SUDO)
    done = judged(script, container=container)
    expected = [line for _, says, code in SUDO for line in ([says] if says else []) + [f"= {code}"]]
    assert done.said[:-1] == expected
    assert [one["path"] for one in done.report["effects"]] == ["/etc/by-tee"]
    assert not any("rights" in note for note in done.report["notes"])
    assert done.commands("/usr/bin/sudo")[0] == "sudo id -u"
    assert "tee /etc/by-tee" in done.commands("/usr/bin/tee")


@pytest.mark.root
def test_root_s_own_sudo_is_the_real_one_and_changes_users(judged):
    done = judged("sudo -u nobody id -un; head -c 4 /usr/bin/sudo | grep -c ELF")
    assert done.said[:2] == ["nobody", "1"]


@pytest.mark.root
def test_a_container_s_root_becomes_nobody_else(judged):
    done = judged("sudo -u nobody id 2>&1; echo $?; sudo sudo -n sudo id -u", container=True)
    assert done.said[:3] == ["sudo: cannot become nobody in this session", "1", "0"]


@pytest.mark.root
def test_what_is_done_by_sudo_counts_for_whoever_asked(judged):
    """A program that was dropped and run by `sudo` is a component; `sudo` itself never is."""
    done = judged(
        "printf '#!/bin/sh\\nsudo touch /etc/by-tool\\n' >tool; chmod +x tool; sudo ./tool; sudo touch /etc/by-setup",
        container=True,
    )
    assert done.effect("/etc/by-tool")["component"] == "tool"
    assert done.effect("/etc/by-setup")["component"] == "setup.sh"
    processes = {one["id"]: one for one in done.report["processes"]}
    above = [processes[done.effect("/etc/by-tool")["process"]]]
    while above[-1]["parent"] is not None:
        above.append(processes[above[-1]["parent"]])
    names = [one["program"].rpartition("/")[2] for one in above]
    assert [name for name in names if name in ("touch", "sudo")] == ["touch", "sudo", "sudo"]


@pytest.mark.root
def test_a_stand_in_of_sudo_never_takes_the_real_program_s_place(judged):
    done = judged("chmod 700 /usr/bin/sudo", container=True)
    assert "stand-in" in done.effect("/usr/bin/sudo")["note"]


@pytest.mark.root
def test_pkexec_needs_no_service_in_a_session(own_root):
    script = (
        "cd /etc; pkexec sh -c 'id -u; pwd; echo $PKEXEC_UID'; pkexec --user games --keep-cwd id -un; "
        "pkexec --keep-cwd ../usr/bin/pwd; pkexec --bad 2>&1; echo $?; pkexec nosuch 2>/dev/null; echo $?; "
        "setpriv --reuid games --clear-groups pkexec --keep-cwd id -u; "  # the real one, silent here
        "pkexec --user games grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"
    )
    said = own_root.run(*_PRATIQUE, "run", "--refuse", "--", "sh", "-c", script, code=11)
    assert said.stdout.splitlines()[:10] == [
        "0", "/root", "0", "games", "/etc", "pkexec: unrecognized option '--bad'", "127", "127",
        "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
    ], said.stderr  # fmt: skip


@pytest.mark.root
def test_an_ordinary_user_is_refused_and_told_what_was_asked_for(ordinary_user, pratique):
    said = "it asked for administrator's rights (sudo) and got none: root's session shows what for"
    own = ordinary_user.pratique("run", "--refuse", "--json", "--", "sudo", "-n", "touch", "/etc/by-user")
    assert own.json["installer_exit_status"] == 1
    assert said in own.json["notes"]
    assert own.json["effects"] == []
    assert "no new privileges" in own.err
    named = pratique(
        "run", "--refuse", "--json", "--as-user", ordinary_user.name, "--", "sudo", "-n", "id", cwd=ordinary_user.home
    )
    assert named.json["installer_exit_status"] == 1
    assert said in named.json["notes"]
    assert "uid=0" not in named.err


def test_nobody_but_root_gets_a_stand_in():
    assert rights.stand_ins(1000, mapped=True) == rights.stand_ins(1000, mapped=False) == {}
    assert sorted(rights.stand_ins(0, mapped=False)) == ["pkexec"]

"""What cannot be run, asked wrongly or told wrongly: one clear line, the right exit code, nothing touched."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

ELF = Path("/bin/true")
#: e_machine, linux/elf-em.h; at offset 18 of the header.
_ARM64, _S390 = 183, 22


def elf(place: Path, *, machine: int | None = None, length: int | None = None) -> Path:
    """A real program, its architecture or length changed."""
    content = bytearray(ELF.read_bytes()[:length])
    if machine is not None:
        content[18:20] = struct.pack("<H", machine)
    place.write_bytes(content)
    place.chmod(0o755)
    return place


def _directory(place: Path) -> None:
    place.mkdir()
    (place / "install.sh").write_text("#!/bin/sh\n")


def _loop(place: Path) -> None:
    place.symlink_to(place.name)


def _dangling(place: Path) -> None:
    place.symlink_to("nowhere")


def _not_executable(place: Path) -> None:
    shutil.copy(ELF, place)
    place.chmod(0o644)


def _nothing(place: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (_nothing, 2, "no such file: ./thing"),
        (_directory, 2, ("is a directory", "such as thing/install.sh")),
        (os.mkfifo, 2, "is a named pipe"),
        (lambda place: place.touch(), 2, "is empty (0 bytes)"),
        (_loop, 2, "Too many levels of symbolic links"),
        (_dangling, 2, "is a link to nowhere, which does not exist"),
        (lambda place: place.write_bytes(bytes(range(256)) * 16), 2, "is not a program Pratique knows"),
        (lambda place: place.write_bytes(bytes(range(128, 256)) * 32), 2, "is not a program Pratique knows"),
        (lambda place: place.write_text("just some words\n"), 2, "is text without a #! line"),
        (lambda place: place.write_text("<!DOCTYPE html><html>404</html>"), 2, "is a web page"),
        (_not_executable, 2, ("not executable", "chmod +x ./thing")),
        (lambda place: elf(place, machine=_ARM64), 4, "aarch64"),
        (lambda place: elf(place, machine=_S390), 4, "s390"),
        (lambda place: elf(place, length=40), 2, "it begins with 7f 45 4c 46"),
        (lambda place: elf(place, length=200), 2, "is cut off"),
        (lambda place: elf(place, length=20000), 2, "is cut off"),
        (lambda place: place.write_text("#!/no/such/interpreter\n"), 4, "needs the program /no/such/interpreter"),
        (lambda place: place.write_bytes(b"!<arch>\ndebian-binary   "), 2, "this Debian package is damaged"),
        (lambda place: place.symlink_to("/dev/zero"), 2, "is a device"),
        (lambda place: place.write_bytes(b"MZ" + bytes(200)), 2, "thing"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_installer_is_said_to_be_none(scene, refused, make, code, said):
    make(scene.downloads / "thing")
    scene.start()
    ran = refused(code, "--json", "./thing", said=said)
    assert ran.out == ""


@pytest.mark.parametrize(
    "name",
    [
        "line\nbreak.sh", "\x1b[2J\x1b[31mred.sh", os.fsdecode(b"caf\xe9.sh"), "-dash.sh", "a b'\"$(x).sh",
        "x" * 250 + ".sh",
    ],
)  # fmt: skip
def test_an_installer_of_any_name_is_judged_and_the_terminal_is_not_steered(scene, name):
    scene.script("echo hello >&2", name=name)
    ran = scene.run("--refuse", f"./{name}")
    assert ran.code == 11, ran.err
    assert "\x1b" not in ran.out + ran.err
    assert "Traceback" not in ran.err
    assert scene.left() == []
    report = scene.run("--refuse", "--json", f"./{name}").json
    assert report["subject"]["path"].startswith(str(scene.downloads))


def test_a_name_that_begins_with_a_dash_needs_a_path(refused, scene):
    scene.script(name="--install")
    refused(2, "--install", said="INSTALLER")
    refused(2, "--nonsense", "./--install", said="unrecognized arguments")


def test_nothing_to_run(refused):
    refused(2, said="INSTALLER")
    refused(2, "", said="nothing to run")
    refused(2, "--", said="INSTALLER")
    refused(2, "--", "no-such-program-anywhere", said="no program called 'no-such-program-anywhere'")


def test_an_unreadable_installer(ordinary_user):
    secret = ordinary_user.home / "secret.sh"
    secret.write_text("#!/bin/sh\n")
    secret.chmod(0o600)
    ran = ordinary_user.pratique("run", secret)
    assert ran.code == 2
    assert "cannot be read: Permission denied" in ran.err
    behind = ordinary_user.home / "closed"
    behind.mkdir(mode=0o700)
    (behind / "setup.sh").write_text("#!/bin/sh\n")
    ran = ordinary_user.pratique("run", behind / "setup.sh")
    assert ran.code == 2
    assert "Permission denied" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--timeout", "never"], 2, "expected a time such as 30, 30s, 5m or 1h; found 'never'"),
        (["--timeout", "0"], 2, "above zero"),
        (["--timeout", "nan"], 2, "above zero"),
        (["--install", "--refuse"], 2, "not allowed with"),
        (["--network", "some"], 2, "invalid choice"),
        (["--give", "ssh-agnet"], 2, ("'ssh-agnet' is no socket that can be given", 'did you mean "ssh-agent"?')),
        (["--give", "wallet"], 2, "or a path with a slash: ./wallet"),
        (["--as-user", "nobody-of-this-name"], 2, "there is no user 'nobody-of-this-name'"),
        (["--from", "notaurl"], 2, "expected an address such as https://example.org/setup.run; found 'notaurl'"),
        (["--from", "https://"], 2, "expected an address"),
        (["--policy", "missing.policy"], 2, "missing.policy"),
        (["--policy", "/dev/null"], 3, ""),
        (["--policy", "."], 2, "no *.policy files"),
        (["--host", "missing.yaml"], 3, "missing.yaml: cannot be read: No such file"),
        (["--disable", "revrt"], 2, "did you mean revert?"),
        (["--record", "/no/such/directory/x.rec"], 2, "--record: cannot write /no/such/directory/x.rec"),
        (["--record", "."], 2, "--record: cannot write ."),
        (["--record", "/proc/x.rec"], 2, "--record: cannot write /proc/x.rec"),
        (["--json=/no/such/directory/x.json"], 2, ("cannot write /no/such/directory/x.json", "--json alone writes to")),
        (["--json=."], 2, "--json: cannot write ."),
        (["--record", "/etc/hostname"], 2, "--record: /etc/hostname is there already, and is no recording"),
        (["--record", "/dev/null"], 2, "--record: cannot write /dev/null"),
        (["--json="], 2, "--json: cannot write to a file without a name"),
    ],
)
def test_what_is_asked_wrongly_is_said_before_anything_runs(scene, refused, words, code, said):
    ran = refused(code, *words, scene.script("echo it ran"), said=said)
    assert "it ran" not in ran.out + ran.err


def test_an_address_is_to_be_downloaded_first(refused):
    refused(
        2, "https://example.org/get/x.sh?v=1",
        said=("is an address, and no file", "pratique run --from 'https://example.org/get/x.sh?v=1' ./x.sh"),
    )  # fmt: skip


def test_only_root_runs_as_somebody_else(ordinary_user):
    ordinary_user.own(_put(ordinary_user.home / "setup.sh", "#!/bin/sh\necho it ran\n"))
    ran = ordinary_user.pratique("run", "--as-user", "root", "setup.sh")
    assert ran.code == 4
    assert "only root can run a program as somebody else" in ran.err
    assert ran.err.endswith(" run --as-user root setup.sh\n"), "what was typed, to be typed again"
    assert "  sudo " in ran.err and "..." not in ran.err
    assert "it ran" not in ran.out


def test_a_number_without_an_account_is_said_to_be_one(ordinary_user):
    """As in a container that is run as some number."""
    _put(ordinary_user.home / "setup.sh", "#!/bin/sh\necho it ran\n")
    ordinary_user.home.chmod(0o755)
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, 54321, 54321)
        nobody = ordinary_user._replace(uid=54321, gid=54321, home=Path(place))
        ran = nobody.pratique("run", f"{ordinary_user.home}/setup.sh")
    assert ran.code == 4
    assert "knows no account with the number 54321" in ran.err
    assert "it ran" not in ran.out


def _put(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_a_working_directory_that_is_gone(scene, tmp_path):
    script = scene.script("echo it ran")
    done = subprocess.run(
        ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh", sys.executable, "-m", "pratique.cli.main",
         "run", "--refuse", script],
        env={**os.environ, **scene.environment}, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert scene.left() == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"schema": "other/9"}', b"[]"])
def test_a_damaged_store_of_decisions_is_said_and_nothing_runs(scene, refused, state, content):
    """What was blocked by hand is in it: to go on as if there were no marks would not be safe."""
    (state / "decisions.json").write_bytes(content)
    (state / "decisions.json").chmod(0o600)
    ran = refused(1, scene.script("echo it ran"), said=("are damaged", "kept aside"))
    assert "it ran" not in ran.out


def test_a_state_directory_that_cannot_be(scene, refused, tmp_path):
    (tmp_path / "file").write_text("")
    impossible = {"PRATIQUE_STATE": str(tmp_path / "file" / "below")}
    refused(4, scene.script("echo it ran"), env=impossible, said=("nothing can be kept in", "PRATIQUE_STATE"))


def test_an_installer_where_the_quarantine_has_its_own_is_said_to_be_copied(scene):
    place = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        script = place / "setup.sh"
        script.write_text("#!/bin/sh\ntouch ~/ran\n")
        ran = scene.run("--install", script)
        assert ran.code == 4
        assert f"cp {script} /tmp/ && pratique run /tmp/setup.sh" in ran.err
        assert not (scene.home / "ran").exists()
    finally:
        shutil.rmtree(place)

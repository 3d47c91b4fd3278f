"""Decided later, taken back later: run --keep, commit, discard, undo, and what the history says of each."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from plugin_folders import install

from pratique import places
from pratique.sandbox import linux

INSTALLER = ("echo new >> ~/.settings", "mkdir -p ~/app", "echo prog > ~/app/run", "chmod 755 ~/app/run")


@pytest.fixture
def command(pratique, scene):
    """The command in the scene's own home."""
    return lambda *words: pratique(*words, env=scene.environment, cwd=scene.downloads)


@pytest.fixture(autouse=True)
def settings(scene):
    (scene.home / ".settings").write_text("old\n")


@pytest.fixture
def kept(scene):
    """The id of a session that was kept."""
    ran = scene.run("--keep", "--json", scene.script(*INSTALLER))
    assert ran.code == 0, ran.err
    session: str = ran.json["id"]
    assert f"pratique commit {session}" in ran.err
    return session


def test_what_is_kept_is_not_installed_and_is_by_commit(scene, command, kept):
    assert (scene.home / ".settings").read_text() == "old\n"
    assert "kept" in command("history").out
    assert command("discard", "--list").out.startswith(kept)
    done = command("commit", kept[:4])
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith(f"`pratique undo {kept}` takes it back")
    assert (scene.home / "app/run").stat().st_mode & 0o777 == 0o755
    assert (scene.home / ".settings").read_text() == "old\nnew\n"
    assert command("commit", kept).code == 2
    assert scene.sessions() == []


def test_what_is_discarded_is_gone(scene, command, kept):
    done = command("discard", kept, "--json")
    assert (done.code, done.json) == (0, {"discarded": [kept]})
    assert command("discard", kept).code == 2
    assert command("discard", "--all").out == command("discard", "--list").out == "no session is kept\n"
    assert "discarded   setup.sh" in command("history").out
    assert command("show", kept).out.endswith("\n\nkept, and discarded since: nothing is installed\n")
    assert scene.left() == []


def test_a_kept_session_stays_when_the_machine_changed(scene, command, kept):
    (scene.home / ".settings").write_text("changed\n")
    done = command("commit", "--install", kept)
    assert (done.code, str(scene.home / ".settings") in done.err) == (5, True)
    assert not (scene.home / "app").exists()
    assert "kept" in command("history").out


def test_a_kept_session_that_is_refused_is_gone(scene, command, kept):
    assert command("commit", "--refuse", kept).code == 11
    assert command("show", kept).out.endswith("\n\nrefused: nothing is installed\n")
    assert scene.left() == []


def test_what_is_undesirable_is_told_and_kept(scene, command):
    ran = scene.run("--keep", "--json", scene.script("echo x > ~/.ssh/authorized_keys", "echo evil >> ~/.bashrc"))
    assert ran.code == 10, ran.out
    session = ran.json["id"]
    undecided = command("commit", session)
    assert undecided.code == 10
    assert undecided.err.endswith(
        f"  it stays kept: `pratique commit --install {session}` or `--without {session}` installs it, "
        f"`pratique discard {session}` removes it\n"
    )
    assert "kept" in command("history").out


def test_what_was_installed_without_everything_it_did_is_not_called_an_installation(scene, command):
    ran = scene.run("--keep", "--json", scene.script("echo evil >> ~/.bashrc"))
    assert command("commit", "--without", ran.json["id"]).code == 0
    assert "nothing     setup.sh" in command("history").out
    assert (scene.home / ".bashrc").read_text() == "# mine\n"


def test_a_decision_leaves_nothing_to_be_said_of_what_was_kept(command, kept):
    assert "it stays kept" not in command("commit", kept).err


def test_keep_goes_with_no_decision(scene):
    assert scene.run("--keep", "--install", scene.script("true")).code == 2


def test_an_installation_is_undone_by_its_first_letters(scene, command):
    ran = scene.run("--install", "--json", scene.script(*INSTALLER))
    session = ran.json["id"]
    assert session in command("undo", "--list").out
    done = command("undo", session[:4], "--json")
    assert done.code == 0, done.err
    assert done.json["left"] == []
    assert set(done.json["restored"]) == {str(scene.home / name) for name in (".settings", "app", "app/run")}
    assert (scene.home / ".settings").read_text() == "old\n"
    assert not (scene.home / "app").exists()
    again = command("undo", session)
    assert (again.code, "was undone on" in again.err) == (2, True)
    assert "undone" in command("history").out
    assert "undone on" in command("show", session).out
    assert command("undo", "--list").out == "nothing is installed that could be undone\n"


def test_what_changed_since_is_named_and_left_with_anyway(scene, command):
    ran = scene.run("--install", "--json", scene.script(*INSTALLER))
    (scene.home / "app/data").write_text("mine")
    with (scene.home / ".settings").open("a") as file:
        file.write("# later\n")
    done = command("undo", ran.json["id"])
    assert (done.code, "'data' is in it now" in done.err, "--anyway" in done.err) == (5, True, True)
    assert (scene.home / "app/run").exists()
    done = command("undo", "--anyway", ran.json["id"])
    assert done.code == 0
    assert f"its lines taken out of {scene.home}/.settings" in done.out
    assert (scene.home / ".settings").read_text() == "old\n# later\n"
    assert [path.name for path in (scene.home / "app").iterdir()] == ["data"]


def test_equal_lines_of_two_installations_go_one_after_the_other(scene, command):
    settings = scene.home / ".settings"
    settings.write_text("a\n")
    script = scene.script("echo same >> ~/.settings")
    older, newer = (scene.run("--install", "--json", script).json["id"] for _ in range(2))
    with settings.open("a") as file:
        file.write("mine\n")
    for session, left in ((older, "a\nsame\nmine\n"), (newer, "a\nmine\n")):
        done = command("undo", session)
        assert (done.code, done.out) == (0, f"undone  setup.sh: 1 change\n  its lines taken out of {settings}\n")
        assert settings.read_text() == left


def test_what_the_person_removed_meanwhile_is_said_to_be_gone_already(scene, command):
    settings = scene.home / ".settings"
    settings.write_text("old\n")
    session = scene.run("--install", "--json", scene.script(*INSTALLER)).json["id"]
    shutil.rmtree(scene.home / "app")
    settings.write_text("mine\nold\n")
    done = command("undo", session)
    gone = f"  gone already: {scene.home}/app\n  gone already: its lines in {settings}\n"
    assert (done.code, done.out) == (0, f"undone  setup.sh: 0 changes\n{gone}")
    assert settings.read_text() == "mine\nold\n"


def test_an_installation_whose_report_is_damaged_is_named_and_undone(scene, command, state):
    session = scene.run("--install", "--json", scene.script(*INSTALLER)).json["id"]
    report = state / "history" / f"{session}.json"
    report.write_bytes(report.read_bytes()[:100])
    for words in (("history",), ("undo", "--list")):
        ran = command(*words)
        assert (ran.code, f"`pratique undo {session}` takes back what it installed" in ran.err) == (0, True)
    assert ran.out == "nothing else is installed that could be undone\n"
    done = command("undo", session[:4])
    assert (done.code, done.out.splitlines()[0]) == (0, f"undone  {session}: 3 changes")
    assert (scene.home / ".settings").read_text() == "old\n"
    assert command("undo", "--list").out == "nothing is installed that could be undone\n"


def test_the_history_says_what_cannot_be_undone_any_more(scene, command, state):
    config = Path(os.environ["PRATIQUE_CONFIG"])
    config.mkdir(exist_ok=True)
    host = scene.downloads / "host.yaml"
    host.write_text("undo:\n  days: 0\n")
    first = scene.run("--install", "--json", "--host", host, scene.script(*INSTALLER)).json["id"]
    ran = scene.run("--install", "--json", "--host", host, scene.script("echo x > ~/second"))
    second = ran.json["id"]
    assert f"cannot be undone any more, by undo.room and undo.days of the role file: {first}" in ran.json["notes"]
    rows = {row["id"]: row for row in json.loads(command("history", "--json").out)}
    assert (rows[first]["state"], rows[first]["can_be_undone"]) == ("installed", False)
    assert rows[second]["can_be_undone"] is True
    assert "cannot be undone any more" in command("history").out
    assert command("undo", first).code == 2


def test_an_installation_that_was_cut_short_is_taken_back_by_the_next_command(scene, command, kept, monkeypatch):
    """The process is killed by the kernel when the first new thing is put in place."""
    before = (scene.home / ".settings").stat()
    child = os.fork()
    if child == 0:
        from pratique.run import keeping
        from pratique.run.claimed import one_at_a_time

        monkeypatch.setattr(linux, "rename_new", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        with keeping.opened(kept) as (_, quarantine), one_at_a_time():
            quarantine.commit(quarantine.effects())
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert (places.sessions() / kept / "journal/unfinished").exists()
    told = command("history")
    assert f"the installation of {kept} had been cut short; it was taken back" in told.err
    after = (scene.home / ".settings").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "cut short" not in command("history").err
    assert command("commit", kept).code == 0
    assert (scene.home / ".settings").read_text() == "old\nnew\n"


@pytest.mark.root
def test_a_full_disk_under_the_journal_is_exit_8_and_everything_as_before(scene, command, small):
    """The originals have to be copied there, for it is another file system."""
    big = scene.home / "big"
    big.write_bytes(os.urandom(8 * 1024 * 1024))
    ran = scene.run("--keep", "--json", scene.script("echo x >> ~/big; echo y > ~/new"),
                    env={"PRATIQUE_STATE": str(small)})  # fmt: skip
    assert ran.code == 0, ran.err
    room = os.statvfs(small)
    (small / "other").write_bytes(bytes(room.f_bavail * room.f_frsize - 4 * 1024 * 1024))
    before = big.stat()
    done = scene._pratique("commit", ran.json["id"], env={**scene.environment, "PRATIQUE_STATE": str(small)})
    assert (done.code, "no room" in done.err) == (8, True), done.err
    assert (big.stat().st_ino, big.stat().st_size) == (before.st_ino, before.st_size)
    assert not (scene.home / "new").exists()
    (small / "other").unlink()
    done = scene._pratique("commit", ran.json["id"], env={**scene.environment, "PRATIQUE_STATE": str(small)})
    assert done.code == 0, done.err
    assert (scene.home / "new").exists()


@pytest.mark.root
def test_an_ordinary_user_undoes_what_they_installed(ordinary_user, tmp_path):
    installer = ordinary_user.home / "setup.sh"
    installer.write_text("#!/bin/sh\necho new >> ~/.profile-test; mkdir ~/app; echo x > ~/app/x\n")
    installer.chmod(0o755)
    (ordinary_user.home / ".profile-test").write_text("old\n")
    ordinary_user.own(ordinary_user.home)
    ran = ordinary_user.pratique("run", "--install", "--json", installer)
    assert ran.code == 0, ran.err
    assert (ordinary_user.home / ".profile-test").read_text() == "old\nnew\n"
    done = ordinary_user.pratique("undo", ran.json["id"])
    assert done.code == 0, done.err
    assert (ordinary_user.home / ".profile-test").read_text() == "old\n"
    assert not (ordinary_user.home / "app").exists()


def test_one_that_is_killed_when_all_is_in_place_leaves_what_can_be_undone(scene, command, tmp_path):
    """The history is written last of all: what was installed must not be unknown to it."""
    source = (
        "import os\nfrom pratique import hookimpl\n\n@hookimpl\ndef after_commit(paths):\n    os.kill(os.getpid(), 9)\n"
    )
    install(tmp_path / "plugins", "killing", {"killing.py": source}, {"killing": "killing"})
    ran = scene.run("--install", scene.script(*INSTALLER), env={"PYTHONPATH": str(tmp_path / "plugins")})
    assert ran.code == -signal.SIGKILL
    assert (scene.home / ".settings").read_text() == "old\nnew\n"
    (row,) = json.loads(command("history", "--json").out)
    assert row["state"] == "installed"
    assert command("undo", row["id"]).code == 0
    assert (scene.home / ".settings").read_text() == "old\n"


def test_one_that_is_killed_before_anything_is_in_place_is_not_in_the_history(scene, command, tmp_path):
    from pratique import history
    from pratique.policy.model import Policy
    from pratique.recording import Recording
    from pratique.report import make
    from pratique.subject import Subject

    history.foretell(make(Recording(id="aa11", subject=Subject(path="/x"), home="/root"), Policy(name="p"), None))
    assert json.loads(command("history", "--json").out) == []
    assert list(places.history().iterdir()) == []


def test_a_kept_session_whose_files_were_lost_is_said_to_be(scene, command, kept):
    shutil.rmtree(places.sessions() / kept / "upper")
    (places.sessions() / kept / "upper").mkdir()
    done = command("commit", kept, "--install")
    assert done.code == 1
    assert f"what was kept of {kept} cannot be read" in done.err
    assert f"pratique discard {kept}" in done.err
    assert command("discard", kept).code == 0

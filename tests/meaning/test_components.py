"""Each process and each change counts for one component: the program itself, what it dropped and ran, each package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pratique.events import Event
from pratique.meaning.components import MOST_COMPONENTS, Attribution, attribute
from pratique.recording import Effect, FileState, Process
from pratique.subject import Subject

PLAYER = Subject(path="/tmp/player.sh", name="player", kind="script", sha256="p" * 64)


def ran(
    number: int, parent: int | None, command: str, *, program: str = "", at: str = "/w", time: float = 0
) -> Process:
    words = tuple(command.split(" "))
    programs = {"sh": "/usr/bin/dash", "python3": "/usr/bin/python3.11", "node": "/usr/bin/node", "tar": "/usr/bin/tar"}
    program = program or programs.get(words[0]) or (words[0] if "/" in words[0] else f"/usr/bin/{words[0]}")
    return Process(
        id=number, parent=parent, program=program, arguments=words, directory=at, started=time or float(number)
    )


def file(
    path: str, by: int = 0, *, sha: str = "", op: Any = "add", number: int | None = None, **details: str
) -> Effect:
    state = FileState(type="file", mode=0o755, uid=0, gid=0, size=1, sha256=sha or f"sha of {path}")
    return Effect(
        id=hash(path) if number is None else number, type="file", op=op, path=path, process=by, after=state,
        before=state if op == "modify" else None, details=details,
    )  # fmt: skip


def package(name: str, manager: str, *parts: int) -> Effect:
    return Effect(
        id=hash(name), type="package", op="add", path="/x", parts=parts, details={"package": name, "manager": manager}
    )


def told(
    processes: Sequence[Process], effects: Sequence[Effect] = (), events: Sequence[Event] = (),
    subject: Subject = PLAYER,
) -> Attribution:  # fmt: skip
    return attribute(subject, processes, effects, events, ended=1000)


def names(found: Attribution) -> list[str]:
    return [component.name for component in found.components]


def of_process(found: Attribution) -> dict[int, str]:
    return {process.id: process.component for process in found.processes}


def of_path(found: Attribution) -> Mapping[str, str]:
    return {effect.path: effect.component for effect in found.effects}


START = ran(0, None, "sh /tmp/player.sh")


# -- what was started, and what it brought along ----------------------------------------------------------------------


def test_programs_of_the_host_act_for_whoever_called_them():
    found = told(
        [START, ran(1, 0, "sh -c cp"), ran(2, 1, "cp a /opt/x"), ran(3, 0, "env X=1 tar"), ran(4, 3, "tar xf a")],
        [file("/opt/x", 2), file("/opt/y", 4)],
    )
    assert set(of_process(found).values()) == {"player"}
    assert set(of_path(found).values()) == {"player"}
    assert names(found) == ["player"]


@pytest.mark.parametrize("command", ["/w/helper.sh -f", "sh helper.sh", "sh -e ./helper.sh", "/w/ld.so /w/helper.sh"])
def test_a_program_that_was_dropped_and_run_is_a_component_with_all_that_it_calls(command):
    program = "/lib64/ld-linux-x86-64.so.2" if "ld.so" in command else ""
    found = told(
        [START, ran(1, 0, command, program=program), ran(2, 1, "sh -c cp"), ran(3, 2, "cp a /opt/x")],
        [file("/w/helper.sh", 0, sha="h"), file("/opt/x", 3), file("/opt/y", 0)],
    )
    assert of_process(found) == {0: "player", 1: "helper", 2: "helper", 3: "helper"}
    assert of_path(found) == {"/w/helper.sh": "helper", "/opt/x": "helper", "/opt/y": "player"}
    (player, helper) = found.components
    assert (player.kind, player.sha256) == ("program", "p" * 64)
    assert (helper.kind, helper.sha256, helper.path) == ("dropped", "h", "/w/helper.sh")


def test_what_was_dropped_run_and_removed_again_is_known_by_the_log():
    seen = [Event("file.create", time=0.5, process=0, path="/tmp/.x"), Event("file.delete", time=3, path="/tmp/.x")]
    processes = [START, ran(1, 0, "/tmp/.x"), ran(2, 1, "cp a /opt/x")]
    found = told(processes, [file("/opt/x", 2)], seen)
    assert of_path(found) == {"/opt/x": ".x"}
    assert found.components[1].sha256 == ""
    assert of_process(told(processes, [file("/opt/x", 2)])) == {0: "player", 1: "player", 2: "player"}


@pytest.mark.parametrize(
    ("written", "component"),
    [(0.5, "tool"), (5.0, "player"), (None, "tool")],
    ids=["before", "afterwards", "nobody saw"],
)
def test_a_program_of_the_host_that_was_replaced_counts_by_what_was_run(written, component):
    events = [] if written is None else [Event("file.write", time=written, process=0, path="/usr/bin/tool")]
    events.append(Event("file.write", time=2000, effect=1, path="/usr/bin/tool"))  # read when all was over
    found = told([START, ran(1, 0, "tool")], [file("/usr/bin/tool", 0, op="modify")], events)
    assert of_process(found)[1] == component


def test_a_directory_moved_into_place_brings_its_programs():
    events = [Event("file.rename", time=0.5, process=0, path="/opt/.new", to="/opt/tool")]
    assert of_process(told([START, ran(1, 0, "/opt/tool/bin/go")], (), events))[1] == "go"
    assert of_process(told([START, ran(1, 0, "/opt/tools/bin/go")], (), events))[1] == "player"


def test_who_has_become_a_daemon_keeps_its_component():
    processes = [START, ran(1, 0, "/w/daemon"), ran(2, 1, "sh -c sleep"), ran(3, 2, "sh -c cp"), ran(4, 3, "cp a /b")]
    found = told(processes, [file("/w/daemon", 0), file("/b", 4)])
    assert of_path(found)["/b"] == "daemon"


def test_a_program_that_runs_itself_again_is_itself_also_under_another_name():
    found = told(
        [START, ran(1, 0, "sh /tmp/player.sh --again"), ran(2, 0, "/tmp/copy")], [file("/tmp/copy", 0, sha="p" * 64)]
    )
    assert names(found) == ["player"]


def test_copies_of_one_program_are_one_component():
    found = told(
        [START, ran(1, 0, "/w/a"), ran(2, 1, "/usr/local/bin/a")],
        [file("/w/a", 0, sha="a"), file("/usr/local/bin/a", 1, sha="a"), file("/opt/a", 0, sha="a")],
    )
    assert names(found) == ["player", "a"]
    assert set(of_path(found).values()) == {"a"}


def test_two_programs_of_one_name_are_told_apart():
    found = told(
        [START, ran(1, 0, "/a/setup.sh"), ran(2, 0, "/b/setup"), ran(3, 0, "/c/setup"), ran(4, 0, "/d/player")],
        [file("/a/setup.sh", sha="11223344"), file("/b/setup", sha="55667788"), file("/d/player", sha="99")],
        [Event("file.create", time=0.5, process=0, path="/c/setup")],
    )
    assert names(found) == ["player", "setup", "setup-556677", "setup-2", "player-99"]


def test_a_bundled_interpreter_counts_where_its_script_is_nobodys():
    found = told(
        [START, ran(1, 0, "/opt/p/python3 -c pass"), ran(2, 0, "/opt/p/python3 /opt/p/go.py")],
        [file("/opt/p/python3"), file("/opt/p/go.py")],
    )
    assert of_process(found) == {0: "player", 1: "python3", 2: "go"}


def test_usr_merged_paths_are_one_path():
    assert of_process(told([START, ran(1, 0, "sh /bin/tool")], [file("/usr/bin/tool")]))[1] == "tool"


def test_a_process_nobody_saw_and_one_without_parents_count_for_the_program_itself():
    found = told([START, ran(7, 5, "cp a /x"), ran(8, None, "cp a /y")], [file("/x", 7), file("/y", 8), file("/z", 99)])
    assert set(of_path(found).values()) == {"player"}


def test_more_components_than_there_is_room_for_count_for_their_carrier():
    count = MOST_COMPONENTS + 50
    found = told([START, *(ran(n, 0, f"/w/{n}") for n in range(1, count))], [file(f"/w/{n}") for n in range(1, count)])
    assert len(found.components) == MOST_COMPONENTS
    assert of_process(found)[count - 1] == "player"


def test_a_service_and_an_account_count_for_whoever_wrote_their_files():
    effects = [
        file("/w/helper", number=1), file("/etc/passwd", 2, op="modify", number=2), file("/etc/x", 2, number=3),
        Effect(id=4, type="account", op="add", path="/etc/passwd", parts=(2,)),
        Effect(id=5, type="service", op="add", path="/etc/x", process=2, parts=(3,)),
    ]  # fmt: skip
    found = told([START, ran(1, 0, "/w/helper"), ran(2, 1, "useradd x")], effects)
    assert {effect.type: effect.component for effect in found.effects if effect.id > 3} == {
        "account": "helper", "service": "helper",
    }  # fmt: skip


# -- archives that start themselves -----------------------------------------------------------------------------------

ARCHIVE = Subject(path="/tmp/p.run", name="player", kind="makeself", facts={"runs": "./setup.sh --all"})


def test_the_start_up_script_of_an_archive_is_the_archive_and_what_that_runs_is_not():
    at = "/tmp/selfgz1"
    found = told(
        [
            ran(0, None, "sh /tmp/p.run"), ran(1, 0, "tar xf -"), ran(2, 0, "sh ./setup.sh --all", at=at),
            ran(3, 2, "sh ./toolbar-helper.sh", at=at), ran(4, 2, "./extra", program=f"{at}/extra", at=at),
        ],
        [file("/opt/player", 2), file("/opt/bar", 3), file("/opt/extra", 4)],
        [Event("file.create", time=0.5, process=1, path=f"{at}/{name}")
         for name in ("setup.sh", "toolbar-helper.sh", "extra")],
        ARCHIVE,
    )  # fmt: skip
    assert of_path(found) == {"/opt/player": "player", "/opt/bar": "toolbar-helper", "/opt/extra": "extra"}


# -- packages ---------------------------------------------------------------------------------------------------------

APT = Subject(path="/usr/bin/apt-get", name="apt-get", kind="command")
INFO = "/var/lib/dpkg/info"


def test_maintainer_scripts_act_for_their_package():
    found = told(
        [
            ran(0, None, "apt-get install"), ran(1, 0, "dpkg -i"),
            ran(2, 1, "sh /var/lib/dpkg/tmp.ci/preinst install", time=2),
            ran(3, 1, "sh /var/lib/dpkg/tmp.ci/preinst install", time=4),
            ran(4, 1, f"sh {INFO}/alpha.postinst configure"),
            ran(5, 4, f"/usr/bin/perl -w /usr/share/debconf/frontend {INFO}/alpha.postinst"),
            ran(6, 1, f"sh {INFO}/beta:amd64.postinst configure"), ran(7, 6, "useradd beta"),
            ran(8, 1, f"sh {INFO}/man-db.postinst triggered"),
            ran(9, 0, "sh /var/cache/debconf/tmp.ci/beta.config.aB3456"),
        ],
        [
            package("alpha", "dpkg"), package("beta", "dpkg"), file("/usr/bin/alpha", 1, package="alpha"),
            file("/opt/beta", 7), file("/opt/man", 8), file("/var/lib/dpkg/status", 6, by_package_manager="true"),
        ],
        [
            Event("file.rename", time=3, path="/var/lib/dpkg/tmp.ci/preinst", to=f"{INFO}/alpha.preinst"),
            Event("file.rename", time=5, path="/var/lib/dpkg/tmp.ci/preinst", to=f"{INFO}/beta.preinst"),
        ],
        APT,
    )  # fmt: skip
    assert of_process(found) == {
        0: "apt-get", 1: "apt-get", 2: "alpha", 3: "beta", 4: "alpha", 5: "alpha", 6: "beta", 7: "beta", 8: "apt-get",
        9: "beta",
    }  # fmt: skip
    assert of_path(found)["/usr/bin/alpha"] == "alpha"
    assert of_path(found)["/opt/beta"] == "beta"
    assert of_path(found)["/opt/man"] == "apt-get"
    assert of_path(found)["/var/lib/dpkg/status"] == "apt-get"


def test_npm_runs_a_packages_scripts_in_its_directory():
    top = "/w/node_modules"
    found = told(
        [
            ran(0, None, "node /usr/bin/npm install"), ran(1, 0, "sh -c node post.js", at=f"{top}/@a/one"),
            ran(2, 1, "node post.js", at=f"{top}/@a/one"), ran(3, 2, "sh -c x", at=f"{top}/two"),
            ran(4, 0, "sh -c x", at="/w"), ran(5, 0, "sh -c x", at=f"{top}/three"),
        ],
        [package("@a/one", "npm"), package("two", "npm"), file(f"{top}/two/i.js", 0, package="two"),
         file(f"{top}/two/more.js", 2, package="two")],
        (), Subject(path="", name="npm", kind="npm"),
    )  # fmt: skip
    assert of_process(found) == {0: "npm", 1: "@a/one", 2: "@a/one", 3: "@a/one", 4: "npm", 5: "npm"}
    assert of_path(found)[f"{top}/two/i.js"] == "two"
    assert of_path(found)[f"{top}/two/more.js"] == "@a/one", "what another package puts there is that one's doing"


def test_pip_builds_packages_in_directories_of_their_own():
    fetched, given = f"/tmp/pip-install-q1/my-one_{'0' * 32}", "/tmp/pip-req-build-x7"
    found = told(
        [
            ran(0, None, "python3 -m pip install"), ran(1, 0, "python3 /p/_in_process.py", at=fetched),
            ran(2, 0, "python3 /p/_in_process.py", at=given), ran(3, 2, "sh -c x", at=given),
            ran(4, 0, "python3 /p/_in_process.py", at="/tmp/pip-req-build-y8"),
        ],
        [package("my_one", "pip"), package("two", "pip"), file("/opt/two", 3)],
        [Event("file.create", time=0.5, process=0, path=f"{given}/two.egg-info/PKG-INFO")],
        Subject(path="", name="pip", kind="pip"),
    )  # fmt: skip
    assert of_process(found) == {0: "pip", 1: "my_one", 2: "two", 3: "two", 4: "pip"}
    assert of_path(found)["/opt/two"] == "two"


def test_a_command_is_called_by_its_first_word_and_run_again_by_a_package_it_is_the_packages():
    words = ("/usr/bin/python3.11", "-m", "pip", "install", "x")
    pip = Subject(path="/usr/bin/python3.11", command=words, name=" ".join(words), kind="pip")
    found = told(
        [ran(0, None, "python3 -m pip"), ran(1, 0, "python3 -u -c x", at="/tmp/pip-req-build-x7")],
        [package("one", "pip")], (), pip,
    )  # fmt: skip
    assert of_process(found) == {0: "pip", 1: "one"}
    apt = Subject(path="/usr/bin/apt-get", command=("apt-get", "install"), name="apt-get install", kind="command")
    assert names(told([START], (), (), apt)) == ["apt-get"]


def test_gems_are_packages_by_their_records():
    top = "/var/lib/gems/3.1.0"
    found = told(
        [ran(0, None, "ruby /usr/bin/gem install"), ran(1, 0, "ruby extconf.rb", at=f"{top}/gems/fast-1.2/ext"),
         ran(2, 0, "ruby extconf.rb", at=f"{top}/gems/other-1.2/ext")],
        [file(f"{top}/specifications/fast-1.2.gemspec"), file(f"{top}/gems/fast-1.2/lib/fast.rb"), file("/opt/x", 1)],
        (), Subject(path="", name="gem", kind="command"),
    )  # fmt: skip
    assert of_process(found) == {0: "gem", 1: "fast", 2: "gem"}
    assert of_path(found)[f"{top}/gems/fast-1.2/lib/fast.rb"] == "fast"
    assert of_path(found)["/opt/x"] == "fast"
    assert ("fast", "package") in [(component.name, component.kind) for component in found.components]


def test_packages_that_a_dropped_program_has_installed_are_packages():
    found = told(
        [START, ran(1, 0, "/w/helper"), ran(2, 1, "dpkg -i x.deb"), ran(3, 2, f"sh {INFO}/x.postinst configure")],
        [file("/w/helper"), package("x", "dpkg"), file("/usr/bin/x", 2, package="x"),
         file(f"{INFO}/x.postinst", 2, package="x"), file("/opt/x", 3), file("/usr/bin/y", 1, package="x")],
    )  # fmt: skip
    assert of_process(found) == {0: "player", 1: "helper", 2: "helper", 3: "x"}
    assert of_path(found)["/usr/bin/x"] == "x"
    assert of_path(found)["/opt/x"] == "x"
    assert of_path(found)["/usr/bin/y"] == "helper", "dpkg did not put it there, whatever its records say"


def test_a_program_cannot_make_itself_a_package_by_where_it_stands():
    found = told(
        [START, ran(1, 0, "sh -c x", at="/w/node_modules/left-pad"), ran(2, 0, f"sh {INFO}/x.postinst")],
        [file(f"{INFO}/x.postinst")],
    )
    assert of_process(found) == {0: "player", 1: "player", 2: "x.postinst"}


def test_a_package_and_the_file_it_came_in_are_one_component():
    deb = Subject(path="/tmp/hello.deb", name="hello", kind="deb")
    found = told(
        [ran(0, None, "apt-get install"), ran(1, 0, f"sh {INFO}/hello.postinst")], [package("hello", "dpkg")], (), deb
    )
    assert names(found) == ["hello"]


def test_a_hundred_thousand_processes_are_attributed_in_their_order():
    chain = [START, ran(1, 0, "/w/deep"), *(ran(n, n - 1, "sh -c x") for n in range(2, 100_000))]
    found = told(chain, [file("/w/deep")])
    assert found.processes[-1].component == "deep"

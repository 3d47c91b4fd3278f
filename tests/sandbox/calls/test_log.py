"""Every file and program that programs are known to make is in the log: once, in order, by the right process."""

from __future__ import annotations

import collections
import os
import threading

import pytest

ACTS = [
    ("file.create", "d"),
    ("file.create", "d/a"),
    ("file.write", "d/a"),
    ("file.mode", "d/a"),
    ("file.write", "d/a"),
    ("file.rename", "d/a"),
    ("file.create", "d/c"),
    ("file.write", "d/c"),
    ("file.create", "d/l"),
    ("file.write", "d/b"),
    ("file.mode", "d/b"),
    ("file.write", "d/b"),
    ("file.delete", "d/c"),
    ("file.create", "d/p"),
    ("file.owner", "d/l"),
    ("file.create", "o"),
    ("file.write", "o"),
    ("file.create", "last"),
    ("file.write", "last"),
]


@pytest.mark.parametrize("name", ["acts", "acts-static", "acts-musl"])
def test_whatever_it_is_linked_with(logged, build, name):
    program = build(name)
    log = logged(program)
    assert log.ended.exit_status == 0, log.said
    assert log.of() == ACTS
    assert log.of("process.exec") == [("process.exec", program)] * 2
    assert [(one.id, one.parent, one.arguments) for one in log.ended.processes] == [
        (0, None, (program,)),
        (1, 0, (program, "again")),
    ]
    assert [event.process for event in log.events if event.kind != "process.exec"] == [0] * 17 + [1] * 2
    times = [event.time for event in log.events]
    assert times == sorted(times)


def test_fields_say_what_happened(logged, build):
    by_kind = collections.defaultdict(list)
    for event in logged(build("acts")).events:
        by_kind[event.kind].append(event.fields)
    assert [fields["type"] for fields in by_kind["file.create"]] == [
        "directory", "file", "file", "link", "fifo", "file", "file",
    ]  # fmt: skip
    assert by_kind["file.create"][3]["target"] == "b"
    assert by_kind["file.rename"][0]["to"].endswith("/d/b")
    assert by_kind["file.mode"][1] | {"path": ""} == {
        "path": "", "mode": 0o4755, "setuid": True, "setgid": False, "world_writable": False,
    }  # fmt: skip
    assert by_kind["file.owner"][0]["group"] == ""


def test_an_access_list_with_nobody_in_it_is_a_mode(logged, host):
    """What `cp -p` sets; one that names somebody is an attribute."""
    (host / "file").write_text("x")
    log = logged("sh", "-ec", "cp -p file copy; setfacl -m u:$(id -u):rw file")
    assert log.ended.exit_status == 0, log.said
    kinds = {(kind, path) for kind, path in log.of("file.mode", "file.attribute")}
    assert ("file.attribute", "file") in kinds
    assert ("file.attribute", "copy") not in kinds


def test_a_program_without_a_c_library_and_its_thread(logged, build):
    log = logged(build("raw"))
    assert log.ended.exit_status == 0
    assert log.of() == [
        ("file.create", "thread"), ("file.create", "thread/file"), ("file.write", "thread/file"),
        ("file.create", "main"), ("file.write", "main"),
    ]  # fmt: skip
    assert {event.process for event in log.events} == {0}
    assert len(log.ended.processes) == 1


def test_a_32_bit_program_has_a_table_of_its_own(logged, build):
    log = logged(build("i386"))
    assert log.ended.exit_status == 0
    assert log.of() == [
        ("file.create", "old"), ("file.create", "old/file"), ("file.write", "old/file"), ("net.connect", ""),
    ]  # fmt: skip
    assert (log.events[-1].fields["address"], log.events[-1].fields["port"]) == ("127.0.0.1", 8080)


def test_a_32_bit_program_that_nobody_announced_is_ended_and_told(logged, build):
    log = logged("sh", "-c", f"{build('i386')}; echo $?; echo x > after")
    assert "137" in log.said.splitlines()
    assert [event.fields for event in log.events if event.kind == "process.foreign"] == [
        {"machine": "i386", "number": 39}
    ]
    assert log.of()[1:] == [("file.create", "after"), ("file.write", "after")]
    assert not (log.quarantine.effects()[0].path).endswith("/old")


@pytest.mark.parametrize("number", [64, 200])
def test_many_children_at_once(logged, build, number):
    log = logged(build("crowd"), "forks", str(number))
    assert log.ended.exit_status == 0
    made = [(event, log.program(event)) for event in log.events if event.kind == "file.create"]
    assert sorted(event.fields["path"] for event, _ in made) == sorted(f"{log.directory}/f{i}" for i in range(number))
    assert {words[1:] for _, words in made} == {("forks", str(number))}
    assert len({event.process for event, _ in made}) == number  # each by a process of its own
    executed = [event for event in log.events if event.fields.get("path", "").endswith("/true")]
    assert len(executed) == number
    parents = {one.id: one.parent for one in log.ended.processes}
    assert sorted(parents[event.process] for event in executed) == sorted(event.process for event, _ in made)
    assert len(log.ended.processes) == 1 + 2 * number


def test_a_queue_filled_by_64_threads_loses_nothing(logged, build):
    log = logged(build("crowd"), "threads", "64")
    assert log.ended.exit_status == 0
    made = collections.Counter(path for _, path in log.of("file.create"))
    assert made == collections.Counter(f"t{thread}-{i}" for thread in range(64) for i in range(20))
    assert {event.process for event in log.events} == {0}


def test_a_daemon_is_the_child_of_who_forked_it(logged, build):
    log = logged("sh", "-c", f"{build('crowd')} daemon")
    made = [event for event in log.events if event.kind == "file.create"]
    assert [event.fields["path"] for event in made] == [f"{log.directory}/daemon"]
    by_id = {one.id: one for one in log.ended.processes}
    daemon = by_id[made[0].process]
    assert daemon.arguments[-1] == "daemon"
    assert by_id[daemon.parent].arguments[-1] == "daemon"


def test_a_script_is_its_interpreter_with_the_script(logged, host):
    script = host / "setup"
    script.write_text("#!/bin/sh -e\necho x > made\n")
    script.chmod(0o755)
    log = logged(str(script), "word")
    assert log.ended.processes[0].arguments == ("/bin/sh", "-e", str(script), "word")
    assert log.ended.processes[0].program.startswith("/usr/bin/")
    assert log.ended.processes[0].directory == str(host)
    assert log.of("process.exec") == [("process.exec", "setup")]


def test_paths_are_named_as_the_overlay_names_them(logged, host):
    (host / "kept").mkdir()
    (host / "there").symlink_to("kept")
    log = logged(
        "sh", "-ec",
        "echo > there/g; mkdir real; ln -s real way; echo > way/a; cd way; echo > ../way/b; ln -s c d; echo > d; "
        "exec 3>e; echo > /proc/self/fd/3; cd ..; "
        'mv real moved; ln -sfn moved way; echo > way/f; python3 -c "import os; os.chmod(os.open(\'way\', 0), 0o700)"',
    )  # fmt: skip
    assert log.ended.exit_status == 0, log.said
    assert [path for _, path in log.of("file.write")] == [
        "kept/g", "real/a", "real/b", "real/c", "real/e", "real/e", "moved/f",
    ]  # fmt: skip
    assert log.of("file.mode") == [("file.mode", "moved")]


@pytest.mark.root
def test_a_changed_root_directory_is_seen_through(logged, host):
    program = """
import os
os.makedirs("jail/in")
os.symlink("/in", "jail/link")
os.chroot("jail"); os.chdir("/")
open("/link/a", "w"); open("link/b", "w"); open("in/../../../c", "w")
"""
    log = logged("python3", "-c", program)
    assert [path for kind, path in log.of("file.create")][3:] == ["jail/in/a", "jail/in/b", "jail/c"]


def test_what_the_system_refuses_is_no_act(logged, host):
    """On a read-only file system to everybody; in what is somebody else's to an ordinary user."""
    script = "echo > $1/new; mkdir $1/dir; rm $1/$2; mv $1/$2 $1/other; ln -s x $1/link; : >> $1/$2"
    refused = [("/sys/kernel", "mm")] if os.geteuid() == 0 else [("/sys/kernel", "mm"), ("/etc/pam.d", "common-auth")]
    for place, name in refused:
        log = logged("sh", "-c", f"({script}) 2>/dev/null; echo > mine", "sh", place, name)
        assert log.ended.exit_status == 0, log.said
        assert log.of() == [("file.create", "mine"), ("file.write", "mine")]


def test_what_its_owner_has_only_locked_is_told(logged, host):
    """A moment later it may be open."""
    log = logged("sh", "-c", "mkdir d; chmod 500 d; (echo > d/f); chmod 700 d; echo > d/f; true")
    assert log.of("file.create")[:2] == [("file.create", "d"), ("file.create", "d/f")]


def test_names_that_are_no_utf_8(logged, host):
    log = logged("sh", "-ec", 'name=$(printf \'a\\377\\nb\'); echo > "$name"; mkdir d; echo > "d/$name"')
    assert log.of("file.write") == [("file.write", "a\udcff\nb"), ("file.write", "d/a\udcff\nb")]


def test_connections_and_listeners(logged):
    program = """
import socket
listener = socket.create_server(("127.0.0.1", 8081))
socket.create_connection(("127.0.0.1", 8081))
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sender.sendto(b"x", ("::1", 53))
sender.sendmsg([b"x"], [], 0, ("::1", 54))
socket.socket(socket.AF_UNIX).bind("here")
"""
    log = logged("python3", "-c", program)
    told = [event for event in log.events if event.kind.startswith("net.") or event.fields.get("type") == "socket"]
    assert [(event.kind, event.fields.get("address"), event.fields.get("port")) for event in told] == [
        ("net.listen", "127.0.0.1", 8081), ("net.connect", "127.0.0.1", 8081), ("net.connect", "::1", 53),
        ("net.connect", "::1", 54), ("file.create", None, None),
    ]  # fmt: skip
    assert [event.fields["protocol"] for event in told if event.kind == "net.connect"] == ["tcp", "udp", "udp"]


def test_what_cannot_be_done_in_a_session_is_refused_and_told(logged):
    program = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def tried(*call):
    print(errno.errorcode.get(ctypes.get_errno()) if libc.syscall(*call) < 0 else "done")
tried(165, b"none", b"/mnt", b"tmpfs", 0, 0)
tried(175, b"x", 1, b"")
tried(425, 8, 0)
tried(56, 0x10000000, 0, 0, 0, 0)
tried(321, 0, 0, 0)
tried(999)
tried(101, 16, os.getppid(), 0, 0)
"""
    log = logged("sh", "-c", f"python3 -c '{program}'; true")
    assert log.said.split() == ["EPERM", "EPERM", "ENOSYS", "EPERM", "EPERM", "ENOSYS", "EPERM"]
    told = [(event.kind, event.fields["outcome"]) for event in log.events if "outcome" in event.fields]
    assert told == [("mount.call", "denied"), ("kernel.module", "denied"), ("process.trace", "denied")]


def test_the_log_can_be_read_while_it_grows(quarantine):
    """What the program has done is told while it waits for something that never comes."""
    one = quarantine("sh", "-c", "echo > first; sleep 60; echo > last")
    running = threading.Thread(target=one.run, kwargs={"on_output": lambda *_: None})
    running.start()
    seen = []
    for event in one.calls():
        seen.append(str(event.fields["path"]).rpartition("/")[2])
        if event.kind == "process.exec" and seen[-1] == "sleep":
            one.interrupt()
    running.join()
    assert seen[1:] == ["first", "first", "sleep"]


@pytest.mark.root
def test_whose_opening_of_a_hidden_file_it_was(logged, host):
    (host / "secret").mkdir()
    (host / "secret/key").write_text("PRIVATE")
    log = logged(
        "sh", "-c", "cat secret/key; (cat secret/key & ); sleep 0.1; ls secret > found", hide=(f"{host}/secret/**",)
    )
    assert log.said == ""
    read = [event for event in log.events if event.kind == "file.read"]
    assert [(log.program(event)[0], event.fields["path"].removeprefix(f"{host}/")) for event in read] == [
        ("cat", "secret/key"), ("cat", "secret/key"), ("ls", "secret"),
    ]  # fmt: skip
    assert all(event.fields["hidden"] for event in read)
    assert len({event.process for event in read}) == 3


def test_reading_is_told_of_files_the_policy_names(logged, host):
    (host / "named").write_text("x")
    (host / "other").write_text("x")
    log = logged("sh", "-c", "cat named other; cat named", reads=("/**/named",))
    read = [event for event in log.events if event.kind == "file.read"]
    assert [(log.program(event)[0], event.fields["hidden"]) for event in read] == [("cat", False)] * 2
    assert {event.fields["path"] for event in read} == {f"{host}/named"}

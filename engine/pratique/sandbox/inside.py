"""What happens between the fork and the program: four processes, each with one duty.

keeper: makes the name spaces, then waits. When the controller goes away, however it went, the keeper ends the session
and gives the person's terminal its settings back.
supervisor: answers the program's calls (see `calls`). When it ends, the keeper ends the session.
first: process 1 of the session. Puts the new root together, steps into it, starts the program, reaps, and reports.
When it ends, the kernel ends everything else.
program: becomes the user it is to run as and is executed.

They report on one socket: JSON messages, some with descriptors. Nothing is imported after the new root is in place.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import socket
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from pratique.sandbox import cgroups, companions, furnish, hidden, linux, pretending, privileges
from pratique.sandbox.calls import supervisor
from pratique.sandbox.calls.opens import mark
from pratique.sandbox.companions import Seat
from pratique.sandbox.descriptors import close_all_but
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.layers import Layer, Step, overlay_options, view_options
from pratique.sandbox.network import uplink, wiring
from pratique.sandbox.pretending import StandIn
from pratique.sandbox.spec import Spec

#: After the program has ended, what it left running gets this long to end by itself, s.
GRACE = 0.3


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that the child needs to know, decided before the fork."""

    spec: Spec
    steps: tuple[Step, ...]
    layers: tuple[Layer, ...]
    stand_ins: tuple[Hidden, ...]  # within overlays
    covered: tuple[Hidden, ...]  # hidden paths no single overlay can hide
    mapped: bool  # in a user name space of its own
    largest_file: int  # bytes
    output: tuple[int, int] | None  # descriptors for stdout and stderr; None: a terminal
    terminal: tuple[int, list[Any]] | None = None  # the person's, and its settings
    held: int  # a descriptor that is open as long as anything of the session runs (see `leftovers`)
    groups: tuple[str, ...] = ()  # directories of control groups to join
    memory: int | None  # bytes a single process may have, where no group bounds them together
    processes: int | None  # at a time, where no group bounds them
    pretended: tuple[StandIn, ...] = ()  # programs with a stand-in, within overlays
    watching: supervisor.Watching | None = None  # None: nobody answers calls here, and nothing is logged
    seats: tuple[Seat, ...] = ()  # of the companions
    controller: int = msgspec.field(default_factory=os.getpid)


class _Reporter:
    """Messages to the controller; knows the step under way, so that a failure says where."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.step = "start"

    def send(self, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        with contextlib.suppress(OSError):  # nobody is listening: the keeper is about to end this
            socket.send_fds(self.channel, [json.dumps(message).encode()], list(descriptors))

    @contextlib.contextmanager
    def or_fail(self) -> Iterator[None]:
        """The border of a child process: whatever goes wrong is reported, and the process ends."""
        try:
            yield
        except OSError as error:
            self.send({"failed": self.step, "errno": error.errno or 0, "text": f"{error.strerror}: {error.filename}"})
            os._exit(125)
        except BaseException as error:
            self.send({"failed": self.step, "errno": 0, "text": repr(error)})
            os._exit(125)


def keep(job: Job, channel: socket.socket) -> NoReturn:
    """The keeper's whole life, right after the fork."""
    report = _Reporter(channel)
    with report.or_fail():
        os.setsid()
        privileges.default_signals()
        terminal = (job.terminal[0],) if job.terminal else ()
        watched = supervisor.descriptors(job.watching)
        beside = companions.descriptors(job.seats)
        close_all_but(channel.fileno(), *(job.output or ()), *terminal, job.held, *watched, *beside)
        controller, keeper = os.pidfd_open(job.controller), os.pidfd_open(os.getpid())
        if os.getppid() != job.controller:
            os._exit(0)  # it was killed before it could be watched
        groups = cgroups.at_hand(job.groups)
        report.step = "network"
        link = uplink.start(job.spec)  # before the name spaces: it stays in the host's network
        report.step = "namespaces"
        _make_namespaces(job)
        if link is not None:
            report.step = "network"
            link.join()
        report.step = "calls"
        observer = _Observer(job, report)
        linux.unshare(linux.CLONE_NEWPID)  # last: the next process forked is process 1, and none may come before
        first = os.fork()
        if first == 0:
            os.close(controller)
            _first(job, report, keeper, observer.link)
        for descriptor in (*(job.output or ()), *beside):
            os.close(descriptor)
        over = _wait_for_either(channel, controller, first, observer.ended)
        observer.end(report)
        if over == "controller":
            cgroups.remove_at_hand(groups)
        if link is not None:
            link.end()
        if job.terminal:
            _give_back(job.terminal, channel, controller, report)
    os._exit(0)


def _make_namespaces(job: Job) -> None:
    flags = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    if job.spec.network != "host":
        flags |= linux.CLONE_NEWNET
    if not job.mapped:
        linux.unshare(flags)
        return
    uid, gid = os.geteuid(), os.getegid()
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or its own entries in /proc would be root's
    linux.unshare(flags | linux.CLONE_NEWUSER)
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{uid} {uid} 1")
    (own / "gid_map").write_text(f"{gid} {gid} 1")


class _Observer:
    """The supervisor of calls, as the keeper has it. `link`: for the program and process 1; `ended`: its pidfd."""

    def __init__(self, job: Job, report: _Reporter) -> None:
        self.link: socket.socket | None = None
        self.ended = -1  # what poll passes over
        if job.watching is None:
            return
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        ours, self.link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        over, self._running = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            report.step = "calls ended"
            with report.or_fail():
                kept = (report.channel.fileno(), job.held, proc, ours.fileno(), over)
                close_all_but(*kept, *supervisor.descriptors(job.watching))
                supervisor.supervise(job.watching, proc, ours, over)
        self.ended = os.pidfd_open(self._pid)
        for descriptor in (proc, over):
            os.close(descriptor)
        ours.close()

    def end(self, report: _Reporter) -> None:
        """The session is over: let it write down the rest. If it was killed before, that is the session's failure."""
        if self.link is None:
            return
        os.close(self._running)
        self.link.close()
        _, status = os.waitpid(self._pid, 0)
        if os.WIFSIGNALED(status):
            report.send({"failed": "calls ended", "errno": 0, "text": f"killed by signal {os.WTERMSIG(status)}"})


def _wait_for_either(
    channel: socket.socket, controller: int, first: int, observer: int
) -> Literal["session", "controller"]:
    """Until the session, its controller or the supervisor of calls ends; the session does with the other two.

    Which it was: the controller, or not.
    """
    ended = os.pidfd_open(first)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(controller, select.POLLIN)  # its end of the channel may be open still, in a process it forked
    poll.register(channel, 0)  # hang-up only: the messages are for the controller
    if observer >= 0:
        poll.register(observer, select.POLLIN)
    over = dict(poll.poll()).keys()
    alone = not over.isdisjoint((controller, channel.fileno()))
    if ended not in over:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
    os.waitpid(first, 0)
    return "controller" if alone else "session"


def _give_back(terminal: tuple[int, list[Any]], channel: socket.socket, controller: int, report: _Reporter) -> None:
    """The person's terminal gets its settings back, once the controller has shown all there is, or is gone.

    Whichever ended first: a controller that is killed takes the program's terminal and so the program with it, well
    before its own end of the channel is closed.
    """
    report.send({"over": True})
    poll = select.poll()
    poll.register(controller, select.POLLIN)
    poll.register(channel, 0)  # hang-up only
    poll.poll()
    with contextlib.suppress(termios.error):
        termios.tcsetattr(terminal[0], termios.TCSADRAIN, terminal[1])


# -- process 1 --------------------------------------------------------------------------------------------------------


def _first(job: Job, report: _Reporter, keeper: int, link: socket.socket | None) -> NoReturn:
    with report.or_fail():
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if select.select([keeper], [], [], 0)[0]:
            os._exit(125)  # it was killed before its death could be heard of
        os.close(keeper)
        os.setsid()
        report.step = "control groups"
        cgroups.join(job.groups)
        linux.unshare(linux.CLONE_NEWCGROUP)  # now, so that the session's group is the topmost it sees
        privileges.spare_from_memory_killer()
        report.step = "companions"
        beside = companions.start(job.seats, mapped=job.mapped)
        notes = _build_root(job, report)
        report.step = "pivot"
        os.chdir(job.spec.place / "root")
        linux.pivot_root_here()
        if job.spec.network == "none":
            report.step = "loopback"
            linux.raise_loopback()
        report.step = "terminal"
        processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        opens, numbers = hidden.watch((*job.stand_ins, *job.covered))
        descriptors = [processes, opens]
        slave = None
        if job.output is None:
            controlling, number = linux.open_terminal("/dev/ptmx")
            slave = os.open(f"/dev/pts/{number}", os.O_RDWR | os.O_NOCTTY)
            if not job.mapped:
                os.fchown(slave, job.spec.uid, -1)
            descriptors.append(controlling)
        report.send({"ready": numbers, "notes": notes}, tuple(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        report.channel.recv(16)  # until the controller has looked at all that: not a moment of the program is missed
        linux.prctl(linux.PR_SET_DUMPABLE, 0)  # its memory is the controller's: not for the program to read
        report.step = "program"
        watched = () if job.mapped else (*job.stand_ins, *job.covered)
        seen = None if job.mapped or link is None else mark((one.path for one in watched), mounted=("/proc",))
        program = os.fork()
        if program == 0:
            _program(job, slave, report, link)
        if link is not None:
            supervisor.introduce(program, link, seen)
            link.close()
        for descriptor in (*(job.output or ()), *(() if slave is None else (slave,))):
            os.close(descriptor)
        privileges.keep_only(frozenset())
        _reap(program, beside, report)
    os._exit(0)


def _build_root(job: Job, report: _Reporter) -> list[str]:
    """Mount everything below PLACE/root; in words, what could not be as planned."""
    report.step = "private mounts"
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    os.chdir(job.spec.place)
    root = job.spec.place / "root"
    used: frozenset[int] = frozenset()
    if job.stand_ins or job.covered or job.pretended:
        report.step = "stand-ins"
        furnish.tmpfs(Path("stand-ins"), 0o700, "64m")
        programs = tuple(Hidden(one.path, False) for one in job.pretended)
        used = hidden.build(Path("stand-ins"), (*job.stand_ins, *programs), job.layers, mapped=job.mapped)
        pretending.fill(Path("stand-ins"), job.pretended, job.layers)
    if job.mapped:
        report.step = "skeleton"
        furnish.tmpfs(root, 0o755, "16m")
    notes = []
    for step in job.steps:
        report.step = f"overlay {step.at}" if step.kind == "overlay" else f"{step.kind} {step.at}"
        notes += _put(step, root / step.at[1:], job, step.number in used)
    report.step = "hidden files"
    hidden.cover(root, Path("stand-ins"), job.covered)
    furnished: tuple[tuple[str, Callable[[], None]], ...] = (
        ("dev", lambda: furnish.dev(root, mapped=job.mapped)),
        ("proc", lambda: furnish.proc(root, job.processes)),
        ("sys", lambda: furnish.sys(root, own_network=job.spec.network != "host", mapped=job.mapped)),
        ("run", lambda: furnish.run(root, job.spec)),
    )
    for name, put in furnished:
        report.step = name
        (root / name).mkdir(exist_ok=True)
        put()
    report.step = "stand-ins"
    pretending.keep_real(root, job.pretended)
    if job.spec.network == "observed":
        report.step = "name server"
        wiring.write_name_server(root)
    if job.mapped:
        report.step = "skeleton"
        linux.make_read_only(str(root))
    return notes


def _put(step: Step, target: Path, job: Job, stand_ins: bool) -> list[str]:
    try:
        _put_as_planned(step, target, job, stand_ins)
        return []
    except OSError as error:
        if step.kind in ("cover", "link", "directory") or step.at == "/" or stand_ins:
            raise  # without it, the session would not be safe or not be whole
        reason = (error.strerror or "").lower()
    with contextlib.suppress(OSError):
        _put_as_planned(Step(kind="show", at=step.at), target, job, False)
        return [f"{step.at} is read-only in the quarantine ({reason})"]
    _put_as_planned(Step(kind="cover", at=step.at), target, job, False)
    return [f"{step.at} is not in the quarantine ({reason})"]


def _put_as_planned(step: Step, target: Path, job: Job, stand_ins: bool) -> None:
    match step.kind:
        case "directory":
            target.mkdir(exist_ok=True)
        case "link":
            target.symlink_to(step.target)
        case "overlay":
            target.mkdir(exist_ok=True)
            options = overlay_options(step, stand_ins=stand_ins, mapped=job.mapped)
            linux.mount("pratique", str(target), "overlay", linux.MS_NODEV, options)
        case "show" if Path(step.at).is_dir() and _show_as_overlay(step, target, job):
            pass
        case "show":
            if job.mapped and not os.path.lexists(target):
                target.mkdir() if Path(step.at).is_dir() else target.touch()
            linux.bind(step.at, str(target), read_only=True, recursive=True, devices=False)
        case "cover" if os.path.lexists(target):
            furnish.cover(target, "/dev/null")


def _show_as_overlay(step: Step, target: Path, job: Job) -> bool:
    """Read-only, and with pipes and sockets of its own: in a plain view those of the host could be written to."""
    target.mkdir(exist_ok=True)
    nothing = Path("work/nothing")
    nothing.mkdir(exist_ok=True)
    try:
        linux.mount("pratique", str(target), "overlay", linux.MS_NODEV, view_options(step, str(nothing), job.mapped))
    except OSError:
        return False  # no file system that can be a layer
    return True


def _reap(program: int, beside: dict[int, str], report: _Reporter) -> None:
    """Until the program has ended, and what it left running has had its time. `beside`: the companions, by pid."""
    lost = []
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == program:
            break
        if pid in beside:
            lost.append(beside.pop(pid))
    report.send({"ended": os.waitstatus_to_exitcode(status)})
    deadline = time.monotonic() + GRACE
    left = 0
    with contextlib.suppress(ChildProcessError):  # none left
        while time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid in beside:
                lost.append(beside.pop(pid))
            elif pid == 0:
                if beside and _running() == len(beside):
                    break  # nothing but them
                time.sleep(0.005)
        left = _running() - len(beside)
    companions.end(beside)
    report.send({"left": left, "tasks": 0 if beside or lost else _tasks(), "lost": lost})


def _tasks() -> int:
    """How many processes and threads there have been besides this one: pids of a new namespace are given out in order.

    The last one given out stands at the end of /proc/loadavg (proc_loadavg(5)), counted in the reader's own namespace.
    """
    try:
        return int(Path("/proc/loadavg").read_bytes().split()[-1]) - 1
    except (OSError, ValueError, IndexError):
        return 0  # the program may have put something else there


def _running() -> int:
    """How many processes there are besides this one; those that ended and wait to be reaped do not count."""
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != "1":
            with contextlib.suppress(OSError):
                count += (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return count


# -- the program ------------------------------------------------------------------------------------------------------


def _program(job: Job, slave: int | None, report: _Reporter, link: socket.socket | None) -> NoReturn:
    with report.or_fail():
        spec = job.spec
        os.setsid()
        if slave is not None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            streams = (slave, slave, slave)
        else:
            assert job.output is not None
            streams = (os.open("/dev/null", os.O_RDONLY), *job.output)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        report.step = f"directory {spec.directory}"
        privileges.bound(spec, job.largest_file, job.memory)
        privileges.become(spec, mapped=job.mapped)
        os.chdir(spec.directory)
        privileges.default_signals()
        if job.watching is not None and link is not None:
            report.step = "calls"
            linux.prctl(linux.PR_SET_DUMPABLE, 1)  # the supervisor reads what it executes out of its memory
            supervisor.put_on(job.watching, link)
        report.step = f"execute {spec.command[0]}"
        _execute(spec)
    os._exit(125)


def _execute(spec: Spec) -> None:
    """Like a shell: look on the PATH, and hand a script without an interpreter line to sh. Raises `OSError`."""
    name = spec.command[0]
    places = spec.environment.get("PATH", os.defpath).split(":") if "/" not in name else [""]
    failure = OSError(errno.ENOENT, "not found", name)
    for place in places:
        path = f"{place}/{name}" if place else name
        try:
            os.execve(path, spec.command, spec.environment)  # noqa: S606
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                os.execve("/bin/sh", ("sh", path, *spec.command[1:]), spec.environment)  # noqa: S606
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                failure = error
    raise failure

"""The keeper: makes the name spaces, starts the others, and ends the session with whoever it cannot be without."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import termios
from pathlib import Path
from typing import Any, Literal, NoReturn

from pratique.sandbox import cgroups, companions, linux, privileges
from pratique.sandbox.calls import supervisor
from pratique.sandbox.descriptors import close_all_but
from pratique.sandbox.inside.first import be_process_1
from pratique.sandbox.inside.job import Job, Reporter
from pratique.sandbox.network import uplink


def keep(job: Job, channel: socket.socket) -> NoReturn:
    """The keeper's whole life, right after the fork."""
    # What the controller left to be collected is not collected here: its open files are closed by their numbers,
    # which are other files' before long.
    gc.freeze()
    report = Reporter(channel)
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
            be_process_1(job, report, keeper, observer.link)
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

    def __init__(self, job: Job, report: Reporter) -> None:
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

    def end(self, report: Reporter) -> None:
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


def _give_back(terminal: tuple[int, list[Any]], channel: socket.socket, controller: int, report: Reporter) -> None:
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

"""Process 1 of a session: its root, its program, and whatever the program leaves to it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections import Counter
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from pratique.sandbox import cgroups, companions, given, hidden, linux, privileges
from pratique.sandbox.calls import supervisor
from pratique.sandbox.calls.opens import mark
from pratique.sandbox.given import Given
from pratique.sandbox.inside.job import STARTED, Job, Reporter
from pratique.sandbox.inside.program import become_program
from pratique.sandbox.inside.root import build_root

#: After the program has ended, what it left running gets this long to end by itself, s.
GRACE: Final = 0.3
#: Names of those that did not, told one by one.
_MOST_NAMED: Final = 20


def be_process_1(job: Job, report: Reporter, keeper: int, link: socket.socket | None) -> NoReturn:
    """Its whole life. `keeper`: a pidfd of the keeper; `link`: to the supervisor of calls."""
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
        built = build_root(job, report)
        job = _leading_to(built.given, job)
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
        told = {"notes": built.notes, "given": [one.described for one in built.given]}
        report.send({"ready": numbers, **told}, tuple(descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        report.channel.recv(16)  # until the controller has looked at all that: not a moment of the program is missed
        linux.prctl(linux.PR_SET_DUMPABLE, 0)  # its memory is the controller's: not for the program to read
        report.step = "program"
        watched = () if job.mapped else (*job.stand_ins, *job.covered)
        seen = None if job.mapped or link is None else mark((one.path for one in watched), mounted=("/proc",))
        executing, closed_by_exec = os.pipe()
        program = os.fork()
        if program == 0:
            become_program(job, slave, report, link)
        if link is not None:
            supervisor.introduce(program, link, seen)
            link.close()
        for descriptor in (*(job.output or ()), *(() if slave is None else (slave,))):
            os.close(descriptor)
        privileges.keep_only(frozenset())
        report.step = STARTED
        os.close(closed_by_exec)
        os.read(executing, 1)  # until the program has taken the place of our own code, or failed to
        os.close(executing)
        report.send({"executing": True})
        _reap(program, beside, report)
    os._exit(0)


def _leading_to(mounted: Iterable[Given], job: Job) -> Job:
    """The program is told where to find what it was given, and not where that could not be."""
    environment = {**job.spec.environment, **given.variables(mounted)}
    return msgspec.structs.replace(job, spec=msgspec.structs.replace(job.spec, environment=environment))


def _reap(program: int, beside: dict[int, str], report: Reporter) -> None:
    """Until the program has ended, and what it left running has had its time. `beside`: the companions, by pid."""
    lost = []
    while True:
        pid, status = os.waitpid(-1, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            companions.end({pid: beside[pid]} if pid in beside else {})  # those it looks into would wait for ever
        elif pid == program:
            break
        elif pid in beside:
            lost.append(beside.pop(pid))
    report.send({"ended": os.waitstatus_to_exitcode(status)})
    deadline = time.monotonic() + GRACE
    left: Counter[str] = Counter()
    with contextlib.suppress(ChildProcessError):  # none left
        while time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid in beside:
                lost.append(beside.pop(pid))
            elif pid == 0:
                if beside and not _running(beside):
                    break  # nothing but them
                time.sleep(0.005)
        left = _running(beside)
    companions.end(beside)
    named = Counter(dict(left.most_common(_MOST_NAMED)))
    named[""] += left.total() - named.total()  # a process may have no name, too
    report.send(
        {
            "left": +named,
            "tasks": 0 if beside or lost else _tasks(),
            "lost": lost,
        }
    )


def _tasks() -> int:
    """How many processes and threads there have been besides this one: pids of a new namespace are given out in order.

    The last one given out stands at the end of /proc/loadavg (proc_loadavg(5)), counted in the reader's own namespace.
    """
    try:
        return int(Path("/proc/loadavg").read_bytes().split()[-1]) - 1
    except (OSError, ValueError, IndexError):
        return 0  # the program may have put something else there


def _running(beside: Container[int]) -> Counter[str]:
    """The processes there are but this one and those `beside`, by name (which they choose themselves); those that ended
    and wait to be reaped do not count.
    """
    found: Counter[str] = Counter()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != "1" and int(entry.name) not in beside:
            with contextlib.suppress(OSError):
                head, _, tail = (entry / "stat").read_bytes().rpartition(b")")
                if tail.split()[0] not in (b"Z", b"X"):
                    found[head.partition(b"(")[2].decode("utf-8", "replace")] += 1
    return found

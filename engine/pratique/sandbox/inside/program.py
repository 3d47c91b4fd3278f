"""The program: becomes the user it is to run as, and is executed."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import termios
from typing import NoReturn

from pratique.sandbox import linux, privileges
from pratique.sandbox.calls import supervisor
from pratique.sandbox.inside.job import Job, Reporter
from pratique.sandbox.spec import Spec


def become_program(job: Job, slave: int | None, report: Reporter, link: socket.socket | None) -> NoReturn:
    """From the fork to the program. `slave`: its terminal, where it has one; `link`: to the supervisor of calls."""
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

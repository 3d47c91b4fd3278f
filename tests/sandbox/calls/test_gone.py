"""Nothing is told of who has gone: what was read by its number may have been another's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pratique.sandbox.calls import listener, numbers
from pratique.sandbox.calls.answers import Answers
from pratique.sandbox.calls.context import Context, Gone
from pratique.sandbox.calls.images import Images
from pratique.sandbox.calls.log import Writer, follow
from pratique.sandbox.calls.memory import Memory
from pratique.sandbox.calls.naming import Names

#: Makes one call that is asked about, and waits for the answer.
_CALLER = """
import os, socket, sys
from pratique.sandbox import linux
from pratique.sandbox.calls import listener, supervisor
link = socket.socket(fileno=int(sys.argv[1]))
linux.prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
descriptor = listener.install(supervisor.filter_for(supervisor.Watching(log=0)))
link.send(b"%d" % descriptor)
link.recv(1)
os.mkdir(sys.argv[2])
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_call_whose_maker_is_killed_after_it_was_read_is_not_told(tmp_path: Path, killed: bool):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = tmp_path / "made"
    caller = subprocess.Popen(
        [sys.executable, "-c", _CALLER, str(theirs.fileno()), str(path)], pass_fds=[theirs.fileno()]
    )
    proc = os.open("/proc", os.O_PATH)
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    pidfd = os.pidfd_open(caller.pid)
    try:
        listening = listener.take_descriptor(pidfd, int(ours.recv(16)))
        ours.send(b"x")
        call = listener.receive(listening, listener.room())
        assert call is not None
        ctx = _context(proc, listening, log)
        ctx.images.begin(call.thread)  # its end is not known yet: the process is in the table
        ctx.begin(call)
        name = ctx.memory.text(call.thread, call.a)
        assert name == os.fsencode(path)
        if killed:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            caller.wait(10)
            for tell in (ctx.tell, ctx.ask, ctx.refuse):
                with pytest.raises(Gone):
                    tell(call, "file.create", path=str(path), type="directory", mode=0o755)
        else:
            ctx.tell(call, "file.create", path=str(path), type="directory", mode=0o755)
        ctx.log.flush()
        assert [event.kind for event in follow(tmp_path / "log", lambda: True)] == ([] if killed else ["file.create"])
        listener.go_on(listening, call.id)
        os.close(listening)
    finally:
        caller.kill()
        caller.wait(10)
        for descriptor in (proc, log, pidfd):
            os.close(descriptor)
        ours.close()
        theirs.close()
    assert not (killed and path.exists())


def _context(proc: int, listening: int, log: int) -> Context:
    native = numbers.native()
    assert native is not None
    writer = Writer(log)
    return Context(
        proc=proc, listener=listening, names=Names(proc), memory=Memory(proc),
        images=Images(proc, writer.process, time.monotonic, lambda *_: None), log=writer,
        answers=Answers((), (), "/root"), now=time.monotonic, reads=lambda _: False, stand_ins=frozenset(),
            given=frozenset(),
        machine=native,
    )  # fmt: skip

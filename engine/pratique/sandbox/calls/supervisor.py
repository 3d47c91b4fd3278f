"""The process that answers a session's calls, outside of the session's pid name space: nobody there can reach it.

It is single on purpose: calls are put down in the order they are answered, and what is put down has not happened yet.
When it ends, however it ends, the kernel fails every call it would have been asked about, and the keeper ends the
session.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from pratique.policy.match import predicate
from pratique.policy.model import Globs, Step
from pratique.sandbox import linux, probes
from pratique.sandbox.calls import bpf, files, listener, machine, memory, network, numbers, opens, programs, treatment
from pratique.sandbox.calls.answers import Answers
from pratique.sandbox.calls.context import EPERM, Answer, Answered, Context, Decode, Gone
from pratique.sandbox.calls.holding import Holding
from pratique.sandbox.calls.images import Images
from pratique.sandbox.calls.listener import Notification
from pratique.sandbox.calls.log import UNREAD, Writer
from pratique.sandbox.calls.naming import Names
from pratique.sandbox.calls.numbers import I386, LAST_KNOWN, Machine
from pratique.sandbox.calls.reaching import CALLS as REACHING

#: Longest that an event waits to be written down when nothing else happens, s.
_IDLE: Final = 0.02
_CALLS: Final[dict[str, Decode]] = {**files.CALLS, **programs.CALLS, **REACHING, **network.CALLS, **machine.CALLS}
#: What is refused when it cannot even be read.
_NEVER_MADE: Final = frozenset({*machine.CALLS, "ptrace", "process_vm_writev"})


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor needs to know, decided before it starts."""

    log: int  # descriptor of the call log
    deny: tuple[Step, ...] = ()
    emulate: tuple[Step, ...] = ()
    home: str = "/root"
    reads: tuple[str, ...] = ()  # globs of files whose being read is told; hidden ones are known without
    stand_ins: frozenset[str] = frozenset()  # paths of programs that have a stand-in (see `pretending`)
    given: frozenset[str] = frozenset()  # paths of sockets of the host's
    hold: tuple[str, ...] = ()  # globs of programs
    holds: int | None = None  # descriptor of the channel about them
    i386: bool = False  # the program is a 32-bit one; else such calls end whoever makes them


def descriptors(watching: Watching | None) -> tuple[int, ...]:
    """Those the supervisor must have kept open for it."""
    if watching is None:
        return ()
    return (watching.log, *(() if watching.holds is None else (watching.holds,)))


def filter_for(watching: Watching) -> bytes:
    """The filter the program gets."""
    native = numbers.native()
    assert native is not None, "asked after before: listener.available()"
    table = treatment.table(reads=bool(watching.reads), holds=bool(watching.hold))
    machines = (native, I386) if watching.i386 and native is numbers.X86_64 else (native,)
    return bpf.assemble([(machine, table) for machine in machines], treatment.COMMONEST)


def put_on(watching: Watching, link: socket.socket) -> None:
    """In the program, last of all before it is executed: take the filter on, and wait until somebody serves it.

    Nothing here makes a call that the filter asks about. Raises `OSError`.
    """
    # Whoever looks into a held process stops it first.
    descriptor = listener.install(filter_for(watching))
    link.send(b"%d" % descriptor)
    if link.recv(16) != b"go":
        raise ConnectionResetError(104, "the call log's supervisor has ended", "seccomp")
    os.close(descriptor)


def introduce(program: int, link: socket.socket, hidden: int | None) -> None:
    """In process 1: tell the supervisor who the program is, and where openings of hidden files are told (`opens`)."""
    pidfd = os.pidfd_open(program)
    handed = [pidfd] if hidden is None else [pidfd, hidden]
    socket.send_fds(link, [b"program"], handed)
    for descriptor in handed:
        os.close(descriptor)


def supervise(watching: Watching, proc: int, link: socket.socket, over: int) -> NoReturn:
    """The supervisor's whole life, right after the fork.

    `proc`: descriptor of a /proc of this process's own pid name space. `link`: to the program and process 1.
    `over`: ends when the session is over.
    """
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    served = _meet(link)
    # From here on this process's root is the session's: nothing there must ever be taken for a module of ours.
    sys.meta_path.clear()
    if served is None:
        os._exit(0)  # the session ended before the program was started
    supervisor = _Supervisor(watching, proc, *served, over)
    link.send(b"go")
    link.close()
    supervisor.serve()
    os._exit(0)


def _meet(link: socket.socket) -> tuple[int, int, int | None] | None:
    """(listener, pidfd of the program, openings of hidden files), once told; None when the program never began."""
    pidfd = number = hidden = None
    while pidfd is None or number is None:
        data, descriptors, _, _ = socket.recv_fds(link, 64, 2, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return None
        if descriptors:
            pidfd, hidden = descriptors[0], next(iter(descriptors[1:]), None)
        else:
            number = int(data)
    try:
        return listener.take_descriptor(pidfd, number), pidfd, hidden
    except ProcessLookupError:  # it was killed a moment ago
        return None


class _Supervisor:
    def __init__(
        self, watching: Watching, proc: int, listening: int, program: int, hidden: int | None, over: int
    ) -> None:
        self._listener = listening
        self._hidden = hidden
        self._over = over
        self._epoll = select.epoll()
        self._pidfds: dict[int, int] = {}  # pidfd -> process
        self._probed: set[tuple[int, str]] = set()  # told of a program once: some look again and again
        self._started = time.monotonic()
        self._log = Writer(watching.log)
        self._holding = Holding(
            watching.hold, watching.home, socket.socket(fileno=watching.holds) if watching.holds is not None else None
        )
        native = numbers.native()
        assert native is not None
        self._native = native
        images = Images(proc, self._log.process, self._now, self._watch)
        self._ctx = Context(
            proc=proc,
            listener=listening,
            names=Names(proc),
            memory=memory.Memory(proc),
            images=images,
            log=self._log,
            answers=Answers(watching.deny, watching.emulate, watching.home),
            now=self._now,
            reads=_among(watching.reads, watching.home),
            stand_ins=watching.stand_ins,
            given=watching.given,
            machine=native,
        )
        self._decoders = {native.audit: self._table(native)}
        if watching.i386:
            self._decoders[I386.audit] = self._table(I386)
        self._machines = {one.audit: one for one in numbers.MACHINES}
        listener.answer_on_our_processor(listening)
        self._ctx.images.begin(_number_of(program, proc))
        self._epoll.register(listening, select.EPOLLIN)
        self._epoll.register(over, select.EPOLLIN)
        if hidden is not None:
            self._epoll.register(hidden, select.EPOLLIN)
        if self._holding.channel is not None:
            self._epoll.register(self._holding.channel, select.EPOLLIN)

    def _table(self, machine: Machine) -> list[Decode | None]:
        table: list[Decode | None] = [None] * (LAST_KNOWN + 1)
        for call, decode in (*_CALLS.items(), ("prlimit64", self._limits)):
            number = numbers.number(call, machine)
            if number is not None:
                table[number] = decode
        return table

    def _limits(self, ctx: Context, call: Notification) -> Answered:
        """Its own: the call at the end of start-up. Somebody else's: one that takes them away."""
        return (REACHING["prlimit64"] if call.a & 0xFFFFFFFF else self._holding.ask)(ctx, call)

    def _now(self) -> float:
        return time.monotonic() - self._started

    def _watch(self, pidfd: int, process: int) -> None:
        self._pidfds[pidfd] = process
        self._epoll.register(pidfd, select.EPOLLIN)

    def serve(self) -> None:
        """Until the session is over."""
        room = listener.room()
        held = self._holding
        channel = held.channel  # kept: it has to be open when it is taken off the list
        holds = channel.fileno() if channel is not None else -1
        while True:
            timeout = _IDLE if self._log.waiting else held.wait()
            ready = self._epoll.poll(timeout)
            if not ready:
                self._log.flush()
                for call in held.late():
                    listener.go_on(self._listener, call)
                continue
            calls = ended = False
            if self._hidden is not None:
                self._tell_hidden(self._hidden)
            # Then ends: a number that is given out again must not be taken for its former owner's.
            for descriptor, what in ready:
                if descriptor == self._listener:
                    calls = bool(what & select.EPOLLIN)
                    if not calls:  # nobody is left who could make one
                        self._epoll.unregister(self._listener)
                elif descriptor == self._over:
                    ended = True
                elif descriptor == self._hidden:
                    continue
                elif descriptor == holds:
                    for call in held.heard():
                        listener.go_on(self._listener, call)
                    if held.channel is None:
                        self._epoll.unregister(holds)
                        holds = -1
                else:
                    process = self._pidfds.pop(descriptor)
                    self._ctx.images.ended(process)
                    self._ctx.release(process)
            if calls:
                notification = listener.receive(self._listener, room)
                if notification is not None:
                    self._answer(notification)
            elif ended:
                break
        self._ctx.release()
        for name, number in ((UNREAD, self._ctx.unreadable), ("overdue", held.overdue)):
            if number:
                self._log.count(name, number)
        self._log.flush()

    def _tell_hidden(self, hidden: int) -> None:
        """Told before anything else: nobody who opened one has ended since without our knowing."""
        for opened in opens.read(hidden):
            if opened.process == os.getpid():
                continue
            path = self._ctx.names.opened(opened.descriptor)
            sign = ""
            if path.startswith("/proc/"):
                sign = probes.sign(path, self._ctx.images.program(opened.process))
                if not sign:
                    continue
            image = self._ctx.images.of(opened.process)
            if image is None:
                continue
            if not sign:
                self._log.event("file.read", self._now(), image.id, {"path": path, "hidden": True})
            elif (image.id, sign) not in self._probed:
                self._probed.add((image.id, sign))
                self._log.event(probes.KIND, self._now(), image.id, {"sign": sign})

    def _answer(self, call: Notification) -> None:
        table = self._decoders.get(call.machine)
        if table is None or call.number > LAST_KNOWN:
            self._foreign(call)
            return
        if call.machine != self._ctx.machine.audit:
            self._ctx.machine = self._machines[call.machine]
        self._ctx.begin(call)
        if self._ctx.names.unsettled:
            self._ctx.names.settle(call.thread)
        decode = table[call.number]
        try:
            answer = decode(self._ctx, call) if decode is not None else None
        except Gone:
            answer = None  # nobody waits for it
        except memory.Unreadable:
            # Of one that is being killed nothing may be read, and its call is never made.
            self._ctx.unreadable += listener.valid(self._listener, call.id)
            answer = EPERM if numbers.name(call.number, self._ctx.machine) in _NEVER_MADE else None
        if answer is None:
            answered = listener.go_on(self._listener, call.id)
        elif isinstance(answer, Answer):
            answered = self._refuse(call, answer)
        else:
            return  # held
        if not answered:
            self._ctx.interrupted(call)

    def _refuse(self, call: Notification, answer: Answer) -> bool:
        if answer.descriptor is None:
            return listener.answer(self._listener, call.id, value=answer.value, error=answer.error)
        try:
            return listener.answer_with(self._listener, call.id, answer.descriptor, close_on_exec=answer.close_on_exec)
        finally:
            os.close(answer.descriptor)

    def _foreign(self, call: Notification) -> None:
        """A call made in the way of another machine, which we could not read: the process ends here."""
        machine = self._machines.get(call.machine)
        name = machine.name if machine is not None and machine is not self._native else "x32"
        with contextlib.suppress(Gone):
            self._ctx.tell(call, "process.foreign", machine=name, number=call.number & ~numbers.X32_BIT)
        process = self._ctx.images.process_of(call.thread)
        if process is not None:
            with contextlib.suppress(OSError):
                pidfd = os.pidfd_open(process)
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
        listener.answer(self._listener, call.id, error=38)


def _among(globs: tuple[str, ...], home: str) -> Callable[[str], bool]:
    test = predicate(Globs("path", globs), home)
    return lambda path: test({"path": path})


def _number_of(pidfd: int, proc: int) -> int:
    """The process a pidfd is of, in our own pid name space."""
    info = os.open(f"self/fdinfo/{pidfd}", os.O_RDONLY, dir_fd=proc)
    try:
        content = os.read(info, 4096)
    finally:
        os.close(info)
    at = content.index(b"\nPid:") + 5
    return int(content[at : content.index(b"\n", at)])

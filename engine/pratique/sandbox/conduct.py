"""One session from fork to end: starting the child, passing output and keys, watching time and room, ending it all."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from pratique.errors import CannotError, PratiqueError, UsageError
from pratique.sandbox import hidden
from pratique.sandbox.companions import Company
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.inside.job import STARTED, Job
from pratique.sandbox.inside.keeper import keep
from pratique.sandbox.mending import mend
from pratique.sandbox.processes import Sampler
from pratique.sandbox.space import Watch
from pratique.sandbox.spec import TAIL_KEPT, Ended, Progress
from pratique.sandbox.terminal import INTERRUPT, Feed, Keyboard, Terminal

OnStart = Callable[[], object]
OnTick = Callable[[Progress], object]
OnOutput = Callable[[bytes, int], object]  # bytes, and 1 for stdout (or the terminal), 2 for stderr

_INTERVAL = 0.05  # s between looks at processes and room
_TICK = 0.2  # s between calls of `on_tick`
_SETUP = 60.0  # s the child may take to put its root together


class Conductor:
    """Runs one `Job`. Made, run, and done with; `run` leaves nothing behind, whatever happens in it."""

    def __init__(
        self,
        job: Job,
        *,
        room: Watch,
        on_start: OnStart | None,
        on_tick: OnTick | None,
        on_output: OnOutput,
        on_open: Callable[[str], None],
        on_end: Callable[[], None],
        terminal: Terminal | None,
        company: Company,
    ) -> None:
        self._job = job
        self._room = room
        self._on_start = on_start
        self._on_tick = on_tick
        self._on_output = on_output
        self._on_open = on_open
        self._on_end = on_end  # just before what still runs is ended
        self._terminal = terminal
        self._company = company
        self.lost: tuple[str, ...] = ()  # companions that ended before the program
        self._tail = b""
        self._status: int | None = None
        self._left: dict[str, int] = {}
        self._tasks = 0
        self._timed_out = self._interrupted = self._stopping = self._over = False
        self._executing = False  # the program itself, no more our own code that becomes it
        self._failure: dict[str, Any] | None = None
        self._keys = Keyboard()
        self.notes: list[str] = []
        self.given: tuple[str, ...] = ()  # in words, what of the person's the program can connect to
        self._selector = selectors.DefaultSelector()
        self._owned: list[int] = []
        self._watched: dict[int, Hidden] = {}

    def interrupt(self) -> None:
        """End the session soon; for signal handlers and other threads."""
        self._interrupted = True

    def run(self, outputs: tuple[int, int] | None) -> Ended:
        """`outputs`: our reading ends of the program's stdout and stderr; None when it has a terminal.

        Raises `CannotError`, `UsageError` (the program cannot be executed), `NoRoomError`.
        """
        started = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keeper = os.fork()
        if keeper == 0:
            keep(self._job, theirs)
        theirs.close()
        ended = os.pidfd_open(keeper)
        try:
            for descriptor in self._job.output or ():
                os.close(descriptor)
            self._company.started()
            if self._on_start is not None:
                self._on_start()
            proc, opens, *controlling = self._await_ready(ours)
            self._company.await_ready()
            sampler = Sampler(proc, started)
            sources = dict.fromkeys(controlling, 1) if outputs is None else {outputs[0]: 1, outputs[1]: 2}
            with self._signals(controlling):
                ours.send(b"go")
                self._pass(ours, ended, sources, opens, sampler, started)
        finally:
            self._on_end()
            ours.close()  # the keeper's sign to end everything
            os.waitpid(keeper, 0)  # after it, nothing of the session runs
            for descriptor in (ended, *self._owned, *(outputs or ())):
                os.close(descriptor)
            self._selector.close()
        if self._failure is not None:
            self._bear(self._failure)
        if not self._interrupted:
            self._room.look(thorough=self._room.limit is not None)
        return Ended(
            exit_status=self._status,
            duration=time.monotonic() - started,
            timed_out=self._timed_out,
            interrupted=self._interrupted,
            stopping=self._stopping,
            left=self._left,
            tasks=self._tasks,
            processes=sampler.seen(),
            output_tail=self._tail,
        )

    @contextlib.contextmanager
    def _signals(self, controlling: list[int]) -> Iterator[None]:
        """While a session runs, what would end us ends the session first. Only the main thread can arrange that."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            self.interrupt()

        def resize(*_: object) -> None:
            if self._terminal is not None:
                self._terminal.copy_size_to(controlling[0])

        def resume(*_: object) -> None:
            if self._terminal is not None:
                self._terminal.lend()

        actions = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: stop}
        if self._terminal is not None:
            actions |= {signal.SIGWINCH: resize, signal.SIGCONT: resume}
            resize()
        before = {number: signal.signal(number, action) for number, action in actions.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _await_ready(self, channel: socket.socket) -> list[int]:
        channel.settimeout(_SETUP)
        try:
            message, descriptors = _receive(channel)
        except TimeoutError:
            raise CannotError(f"the quarantine was not ready within {_SETUP:.0f} s", hint="pratique doctor") from None
        self._owned += descriptors
        if "ready" not in message:
            raise _failed(message or {"failed": "start", "errno": 0, "text": "it ended without a word"}, self._job)
        self.notes = message["notes"]
        self.given = tuple(message["given"])
        pairs = zip(message["ready"], (*self._job.stand_ins, *self._job.covered), strict=True)
        self._watched = {number: one for number, one in pairs if number >= 0}
        if missed := message["ready"].count(-1):
            self.notes.append(f"opens of {missed} hidden files are not seen (fs.inotify.max_user_watches)")
        return descriptors

    def _pass(
        self, channel: socket.socket, ended: int, sources: dict[int, int], opens: int, sampler: Sampler, started: float
    ) -> None:
        """Everything that goes back and forth, until the session has ended or is to be."""
        wanted = self._selector
        channel.settimeout(0)
        for descriptor in (channel.fileno(), ended, opens, *sources):
            os.set_blocking(descriptor, False)
            wanted.register(descriptor, selectors.EVENT_READ)
        feed = None
        if self._terminal is not None:
            feed = Feed(next(iter(sources)))
            wanted.register(self._terminal.descriptor, selectors.EVENT_READ)
        look_at = tick_at = room_at = 0.0
        deadline = started + self._job.spec.timeout if self._job.spec.timeout is not None else float("inf")
        while True:
            ready = {key.fd for key, _ in wanted.select(self._room.pause(_INTERVAL))}
            now = time.monotonic()
            for descriptor in sources.keys() & ready:
                if not self._drain(descriptor, sources[descriptor]):
                    wanted.unregister(descriptor)
                    del sources[descriptor]
            if opens in ready:
                hidden.read_opens(opens, self._watched, self._on_open)
            if channel.fileno() in ready and not self._hear(channel):
                wanted.unregister(channel.fileno())
            if ended in ready or self._over:
                while self._hear(channel):
                    pass
                hidden.read_opens(opens, self._watched, self._on_open)
                for descriptor, stream in sources.items():
                    self._drain(descriptor, stream)
                return
            if feed is not None:
                self._type(ready, feed)
            if now >= look_at:
                look_at = now + _INTERVAL
                sampler.look()
            if now >= room_at:
                self._room.look()
                room_at = time.monotonic() + self._room.pause(_INTERVAL)
            if now >= tick_at and self._on_tick is not None:
                tick_at = now + _TICK
                self._on_tick(Progress(elapsed=now - started, processes=sampler.count, files=self._room.files))
            self._timed_out = now > deadline and self._status is None
            if self._interrupted or self._timed_out:
                sampler.look()
                self._left = sampler.running()
                return

    def _hear(self, channel: socket.socket) -> bool:
        """Take one message. False when there is none, or will never be one."""
        try:
            message, descriptors = _receive(channel)
        except BlockingIOError:
            return False
        self._owned += descriptors
        if "failed" in message:
            self._failure = message
        self._executing = message.get("executing", self._executing)
        self._status = message.get("ended", self._status)
        self._left = message.get("left", self._left)
        self._tasks = message.get("tasks", self._tasks)
        self._over = message.get("over", self._over)
        self.lost = tuple(message.get("lost", self.lost))
        return bool(message)

    def _bear(self, failure: dict[str, Any]) -> None:
        """What the program did before its session failed is judged all the same. Raises what came before it ran."""
        if failure["failed"] != STARTED:
            raise _failed(failure, self._job)
        self.notes.append(f"the session ended early ({failure['text']}): how the program ended is not known")
        self._status = None
        self.lost = self._company.names

    def _drain(self, descriptor: int, stream: int) -> bool:
        """Pass on what is there. False when there will never be more."""
        for _ in range(64):  # then let others have a turn
            try:
                data = os.read(descriptor, 64 * 1024)
            except BlockingIOError:
                return True
            except OSError:
                return False  # a terminal whose last user has gone
            if not data:
                return False
            self._tail = (self._tail + data)[-TAIL_KEPT:]
            self._on_output(data, stream)
        return True

    def _type(self, ready: set[int], feed: Feed) -> None:
        assert self._terminal is not None
        keys = b""
        if self._terminal.descriptor in ready:
            with contextlib.suppress(OSError):
                keys = os.read(self._terminal.descriptor, 4096)
            if not keys:
                self.interrupt()  # hung up
        if self._keys.asked_to_stop(keys) or (INTERRUPT in keys and not self._executing):
            self.interrupt()
        feed.push(keys, hold=not self._executing)
        self._stopping = feed.interrupting


def _receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, descriptors, _, _ = socket.recv_fds(channel, 1024 * 1024, 8, socket.MSG_CMSG_CLOEXEC)
    return (json.loads(data) if data else {}), list(descriptors)


def _failed(message: dict[str, Any], job: Job) -> PratiqueError:
    step, number, text = str(message["failed"]), int(message["errno"]), str(message["text"])
    reason = os.strerror(number) if number else text
    if step.startswith("execute "):
        return UsageError(
            f"cannot {step} in the quarantine: {reason.lower()}",
            hint="name a program that is on the PATH, or a file that is executable: chmod +x FILE",
        )
    if step.startswith("directory "):
        return UsageError(
            f"cannot start in the {step}: {reason.lower()}",
            hint="start from a directory on disk that the program's user may enter",
        )
    if step == "calls ended":
        return PratiqueError(
            f"who watches the program's calls ended ({text}), and the session with it; nothing was installed",
            hint="run it again; if it happens again, `pratique doctor` says what this machine lacks",
        )
    return CannotError(f"the quarantine could not be set up ({step}: {text})", hint=mend(step, number, job.mapped))

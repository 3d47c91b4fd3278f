"""Which program each act is counted for: an exact table of the session's processes, one entry a program image.

A process that is forked goes on being its parent's program; it gets an entry of its own with the first thing it does
that is seen, or with the program it executes. Executing again makes a further entry, whose parent is the one before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import msgspec

from pratique.recording import Process

_MOST_ABOVE: Final = 64  # ancestors looked up at once


class _Living:
    """One living process. `image` None: it has done nothing yet that was seen; its acts would be its forker's copy."""

    __slots__ = ("forker", "image", "inside", "pidfd", "uid")

    def __init__(self, forker: Process | None, pidfd: int, inside: int, uid: int | None) -> None:
        self.forker = forker
        self.uid = uid  # as found a moment ago; None: it may have changed since
        self.inside = inside
        self.image: Process | None = None
        self.pidfd = pidfd


class Executed(msgspec.Struct, frozen=True):
    """A program about to be executed."""

    program: str
    arguments: tuple[str, ...]
    directory: str


class Images:
    """`entered` is called with each new entry and the uid it runs with; `watch` with the pidfd of each new process."""

    def __init__(
        self,
        proc: int,
        entered: Callable[[Process, int], None],
        now: Callable[[], float],
        watch: Callable[[int, int], None],
    ) -> None:
        self._proc = proc
        self._entered = entered
        self._now = now
        self._watch = watch
        self._living: dict[int, _Living] = {}  # by the process's own number
        self._threads: dict[int, int] = {}  # a further thread -> its process
        self._left_behind: dict[int, Process | None] = {}  # a child whose parent is about to end -> who forked it
        self._next = 0
        self._top = 0  # process 1 of the session, whose children are those that nobody else is the parent of

    def begin(self, program: int) -> None:
        """The process that is going to execute the program."""
        self._top = _number(self._read(f"{program}/status"), b"\nPPid:")
        self._look_up(program, 0)

    @property
    def count(self) -> int:
        return len(self._living)

    def of(self, thread: int) -> Process | None:
        """The entry that the thread's acts are counted for; made when there is none yet. None: it has gone."""
        process = self._process(thread)
        if process is None:
            return None
        living = self._living.get(process)
        if living is None:
            return None
        if living.image is None:
            copied = living.forker
            living.image = self._enter(
                process,
                copied,
                Executed(copied.program, copied.arguments, copied.directory) if copied else Executed("", (), ""),
            )
        return living.image

    def execute(self, thread: int, executed: Executed) -> Process | None:
        """The process of that thread becomes another program. None: it has gone."""
        process = self._process(thread)
        living = self._living.get(process) if process is not None else None
        if process is None or living is None:
            return None
        living.image = self._enter(process, living.image or living.forker, executed)
        return living.image

    def before_end(self, thread: int) -> None:
        """The process is about to end: its children will seem to be somebody else's."""
        children = [child for child in self._children(thread) if child not in self._living]
        process = self._process(thread) if children else None
        living = self._living.get(process) if process is not None else None
        if living is not None:
            self._left_behind.update(dict.fromkeys(children, living.image or living.forker))

    def ended(self, process: int) -> None:
        living = self._living.pop(process, None)
        if living is not None:
            os.close(living.pidfd)
        self._left_behind.pop(process, None)

    def process_of(self, thread: int) -> int | None:
        """The number of the process the thread belongs to."""
        return self._process(thread)

    def current(self, thread: int) -> Process | None:
        """The thread's own entry, if it has one; none is made."""
        process = self._process(thread)
        living = self._living.get(process) if process is not None else None
        return living.image if living is not None else None

    def program(self, thread: int) -> str:
        """The program the thread runs, whether that has an entry of its own or not; "" when it has gone."""
        process = self._process(thread)
        living = self._living.get(process) if process is not None else None
        runs = (living.image or living.forker) if living is not None else None
        return runs.program if runs is not None else ""

    def inside(self, thread: int) -> int:
        """The number the thread's process has in the session; 0 when it has gone."""
        process = self._process(thread)
        living = self._living.get(process) if process is not None else None
        return living.inside if living is not None else 0

    def _enter(self, process: int, parent: Process | None, executed: Executed) -> Process:
        entry = Process(
            id=self._next,
            parent=parent.id if parent is not None else (0 if self._next else None),
            program=executed.program,
            arguments=executed.arguments,
            directory=executed.directory,
            started=round(self._now(), 6),
        )
        self._next += 1
        self._entered(entry, self._uid(process))
        return entry

    def _uid(self, process: int) -> int:
        living = self._living[process]
        uid, living.uid = living.uid, None
        if uid is not None:
            return uid
        try:
            return _uid(self._read(f"{process}/status"))
        except (OSError, ValueError):
            return 0

    def _process(self, thread: int) -> int | None:
        if thread in self._living:
            return thread
        process = self._threads.get(thread)
        if process is not None and process in self._living and self._has_thread(process, thread):
            return process
        return self._look_up(thread, _MOST_ABOVE)

    def _has_thread(self, process: int, thread: int) -> bool:
        """Thread numbers are given out again: ask rather than remember."""
        try:
            os.stat(f"{process}/task/{thread}", dir_fd=self._proc)
        except OSError:
            return False
        return True

    def _look_up(self, thread: int, most: int) -> int | None:
        """Make the acquaintance of a thread, and of its process when it is new."""
        try:
            status = self._read(f"{thread}/status")
        except OSError:
            return None
        process, parent = _number(status, b"\nTgid:"), _number(status, b"\nPPid:")
        if process != thread:
            if len(self._threads) > 10_000:
                self._threads.clear()
            self._threads[thread] = process
        if process not in self._living:
            try:
                pidfd = os.pidfd_open(process)
            except OSError:
                return None
            uid = _uid(status) if most == _MOST_ABOVE else None
            self._living[process] = _Living(self._forker(process, parent, most), pidfd, _inside(status), uid)
            self._watch(pidfd, process)
        return process

    def _forker(self, process: int, parent: int, most: int) -> Process | None:
        if process in self._left_behind:
            return self._left_behind.pop(process)
        if parent == self._top:
            return None
        if parent not in self._living and most > 0:
            self._look_up(parent, most - 1)
        living = self._living.get(parent)
        return (living.image or living.forker) if living is not None else None

    def _children(self, thread: int) -> list[int]:
        """Processes that any thread of the thread's process has forked, and that still live."""
        found: list[int] = []
        try:
            single = os.stat(f"{thread}/task", dir_fd=self._proc).st_nlink == 3  # a thread is a directory in it
            for task in [str(thread)] if single else self._tasks(thread):
                found += map(int, self._read(f"{thread}/task/{task}/children").split())
        except (OSError, ValueError):
            pass  # it was killed meanwhile
        return found

    def _tasks(self, thread: int) -> list[str]:
        descriptor = os.open(f"{thread}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        try:
            return os.listdir(descriptor)  # noqa: PTH208  # a Path has no descriptor
        finally:
            os.close(descriptor)

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, 16 * 1024)
        finally:
            os.close(descriptor)


def _number(status: bytes, name: bytes) -> int:
    at = status.index(name) + len(name)
    return int(status[at : at + 32].split(None, 1)[0])


def _uid(status: bytes) -> int:
    """The effective one."""
    at = status.index(b"\nUid:") + 5
    return int(status[at : at + 64].split(None, 2)[1])


def _inside(status: bytes) -> int:
    """The process's number in its own pid name space: the last of those it has."""
    at = status.find(b"\nNStgid:")
    return int(status[at + 8 : status.index(b"\n", at + 1)].split()[-1]) if at >= 0 else 0

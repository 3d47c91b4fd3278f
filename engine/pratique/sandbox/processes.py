"""The session's processes, sampled from outside through a descriptor of the session's own /proc."""

from __future__ import annotations

import os
import pwd
import time
from collections import Counter

from pratique.recording import Process

#: Longest argument list kept of one process, bytes.
_LONGEST = 32 * 1024


class Sampler:
    """Looks at the process table now and then. A process shorter than the interval is missed, and nobody can tell."""

    def __init__(self, proc: int, started: float) -> None:
        self._proc = proc
        self._started = started
        self._now: dict[int, tuple[int, int]] = {}  # pid inside -> (id, looks so far)
        self._seen: dict[int, Process] = {}
        self._users: dict[int, str] = {}

    @property
    def count(self) -> int:
        return len(self._now)

    def running(self) -> dict[str, int]:
        """Those there were at the last look: how many of each program's name."""
        return dict(Counter(self._seen[number].program.rpartition("/")[2] for number, _ in self._now.values()))

    def seen(self) -> tuple[Process, ...]:
        return tuple(self._seen[number] for number in sorted(self._seen))

    def look(self) -> None:
        try:
            pids = [int(name) for name in os.listdir(self._proc) if name.isdigit() and name != "1"]  # noqa: PTH208
        except OSError:
            pids = []  # the session has ended
        before, self._now = self._now, {}
        for pid in sorted(pids):
            number, looks = before.get(pid, (len(self._seen), 0))
            if looks < 3:  # a process starts as a copy of its parent and becomes its program a moment later
                process = self._read(pid, number)
                if process is not None:
                    self._seen[number] = process
                elif number not in self._seen:
                    continue
            self._now[pid] = (number, looks + 1)

    def _read(self, pid: int, number: int) -> Process | None:
        try:
            program = os.readlink(f"{pid}/exe", dir_fd=self._proc)
            arguments = self._content(f"{pid}/cmdline").rstrip(b"\0").split(b"\0")
            parent = int(self._content(f"{pid}/stat").rpartition(b")")[2].split()[1])
            uid = os.stat(str(pid), dir_fd=self._proc).st_uid
        except (OSError, IndexError, ValueError):
            return None  # ended, or ending
        known = self._seen.get(number)
        return Process(
            id=number,
            parent=self._now[parent][0] if parent in self._now else (0 if number else None),
            program=program.removesuffix(" (deleted)"),
            arguments=tuple(os.fsdecode(argument) for argument in arguments),
            user=self._user(uid),
            started=known.started if known else round(time.monotonic() - self._started, 3),
        )

    def _content(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, _LONGEST)
        finally:
            os.close(descriptor)

    def _user(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

"""What a session leaves to be judged by: subject, processes, effects, screens, and how the observers fared."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

import msgspec

from pratique.events import Event
from pratique.subject import Subject


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One program run in the session. `id` is unique in the session (a pid may come twice); 0 is the program itself."""

    id: int
    parent: int | None = None
    program: str = ""  # path of the executable, as the session sees it
    arguments: tuple[str, ...] = ()
    user: str = ""
    component: str = ""
    started: float = 0.0  # s since session start
    directory: str = ""  # where it was started; "" when nobody saw


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """The program that was started, a program it dropped and ran, or a package of a package manager's batch."""

    name: str
    sha256: str = ""
    kind: str = "program"  # program | package | dropped
    path: str = ""  # of one that was dropped: the file that was run


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """What a path was at one moment: enough to see a change, not the content."""

    type: Literal["file", "directory", "link", "fifo", "socket", "device"]
    mode: int  # permission bits, setuid, setgid and sticky included
    uid: int
    gid: int
    size: int = 0  # bytes; files only
    sha256: str = ""  # files only
    target: str = ""  # links only
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    device: int = 0  # st_rdev; devices only


class Share(msgspec.Struct, frozen=True):
    """The pieces of a file's change that belong to one thing: the lines of one account in passwd, say.

    No pieces: it has a part in the file that cannot be told apart from what others have there.
    """

    file: int  # id of the file's effect
    pieces: tuple[int, ...]  # numbered as `pratique.meaning.pieces` tells them, from 0


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One lasting change. `before` is its pre-image's state; `after` what would be put in place."""

    id: int
    type: str  # file | account | service | package | registry | ...
    op: Literal["add", "modify", "delete"]
    path: str
    process: int = 0
    component: str = ""
    before: FileState | None = None
    after: FileState | None = None
    details: dict[str, str] = {}  # e.g. {"package": "nginx", "unit": "nginx.service"}
    #: For a change read out of files (an account, a service, a package): the ids of the file effects it consists of.
    parts: tuple[int, ...] = ()
    #: ... and its share of the files it has in common with others.
    shares: tuple[Share, ...] = ()
    #: Ids of what it is of no use without: the package a package depends on, the account that owns a group.
    needs: tuple[int, ...] = ()
    #: Of a file: how many pieces its change can be taken apart into; 0: it goes or stays as a whole.
    pieces: int = 0
    #: Why this effect cannot be put on the host (a hidden file was changed, say); "" when it can.
    unfit: str = ""


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """What the person was shown at one moment, as text, and what they answered."""

    time: float
    text: str
    answer: str = ""
    by: str = ""  # person | policy | pipe


class ObserverRun(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    state: Literal["ok", "failed", "overran", "off"] = "ok"
    events: int = 0
    error: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what ran was watched from inside."""

    executed: int = 0
    instrumented: int = 0
    not_instrumented: tuple[str, ...] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided when the session was live, and by whom; a replay takes the same side."""

    choice: Literal["install", "without", "refuse"]
    source: Literal["flag", "remembered", "policy", "person"]
    components: tuple[str, ...] = ()  # refused by themselves
    hindered: tuple[int, str] | None = None  # it could not be carried out: the exit code, and why


class Recording(msgspec.Struct, kw_only=True, frozen=True):
    """Everything a verdict is made from. `ended` is "completed", "deadline" or "interrupted"."""

    id: str
    subject: Subject
    home: str
    started: float = 0.0  # Unix time
    duration: float = 0.0  # s
    exit_status: int | None = None
    processes: tuple[Process, ...] = ()
    components: tuple[Component, ...] = ()
    events: Sequence[Event] = ()  # in the order of time and number
    effects: tuple[Effect, ...] = ()
    screens: tuple[Screen, ...] = ()
    observers: tuple[ObserverRun, ...] = ()
    coverage: Coverage = Coverage()
    open: tuple[str, ...] = ()  # what the plan let through, in words
    ended: Literal["completed", "blocked", "deadline", "interrupted"] = "completed"
    stopping: bool = False  # the person pressed Ctrl-C, whatever the program made of that
    anyway: bool = False  # the installer's own failure was to be passed over
    decided: Decided | None = None
    notes: tuple[str, ...] = ()
    unobserved: tuple[str, ...] = ()  # event kinds the policy listened to and nothing on that machine observes
    #: kinds it listened to that only an observer would have told which the program outlived, or calls nobody could read
    lost: tuple[str, ...] = ()
    unaltered: tuple[str, ...] = ()  # paths that were touched, that nobody used, and that are what they were before
    reads: tuple[str, ...] | None = None  # globs of the files whose reading was watched; None: it does not say
    left_out: tuple[str, ...] = ()  # globs of the files whose contents are not in it; only of one that was read

    def event(self, seq: int) -> Event | None:
        """The event of that number; events stand in the order of their numbers."""
        if 0 < seq <= len(self.events) and self.events[seq - 1].seq == seq:  # as every session numbers them
            return self.events[seq - 1]
        at = bisect_left(self.events, seq, key=lambda event: event.seq)
        return self.events[at] if at < len(self.events) and self.events[at].seq == seq else None

"""One act, one event: the logs of all observers made into one, by rule and not by luck (docs/recording.md).

Two events are the same act when their kind is the same, `IDENTITY` finds the same values in both, *different* observers
tell of them, and either

- one was read at the session's end from a lasting change (`effect`), and the other is the last of its kind that was
  seen of that path; or
- both were seen as they happened, at most `WINDOW` seconds apart, by processes that are the same as far as both know.

An event joins at most one of each other observer: there are never fewer events of anything than one observer saw.

Whoever wrote a file that was renamed is its maker. The log of calls is therefore read backwards, from what every path
is in the end to who made it so.
"""

from __future__ import annotations

import heapq
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from pratique.eventlog import EventLog, kept, ordered, when
from pratique.events import IDENTITY, Event
from pratique.recording import Effect

#: Seconds between what two observers say of one act: inotify is read late, a hook sends in batches.
WINDOW: Final = 2.0
#: Events that are held back for what others may say of them; the oldest is let go when there are more.
MOST_WAITING: Final = 4096
#: Paths looked at because a directory above them was renamed, all together: a program can rename one without an end.
_MOST_MOVED: Final = 300_000
#: Whose fields are believed first; observers that are not here come after these, by name.
PRECEDENCE: Final = ("effects", "syscalls", "network", "hidden")

_CONTENT: Final = frozenset({"file.create", "file.write"})
_TOUCHING: Final = _CONTENT | {"file.mode", "file.owner", "file.attribute", "file.delete"}
#: Kinds with the fields `by_package_manager` and `package`.
_OF_PACKAGES: Final = frozenset({"file.create", "file.write", "file.mode", "file.delete"})
_OF_FILES: Final = _TOUCHING | {"file.rename"}
#: Events looked at for one that may be the same act: a program can do the same thing thousands of times a second.
_MOST_ASKED: Final = 8

#: Kind, and the values that make it the same act as another.
Identity: TypeAlias = "tuple[object, ...]"
#: What is told of an effect: its number, the kind, and the attribute's name where there may be several.
_Told: TypeAlias = "tuple[int, str, str]"


class Merged(msgspec.Struct, frozen=True):
    """Everything that was seen, in the order of time and numbered from 1; effects with the process that made them."""

    events: EventLog
    effects: tuple[Effect, ...]


class Act(msgspec.Struct):
    """Who made a lasting change, and when what is there came to be there.

    `there`: this is known, and not only that its mode, owner or attributes were set; `sure`: and so is who made it, not
    only who moved it.
    """

    process: int
    time: float
    seq: int  # of the call, among those of its observer
    there: bool
    sure: bool


def merge(
    logs: Sequence[EventLog], effects: Iterable[Effect] = (), place: Path | None = None,
    scripted: Collection[int] = frozenset(),
) -> Merged:  # fmt: skip
    """Make one log of those of all observers. `place` is a directory for it, and for what is sorted on the way.

    `scripted`: the processes of scripts that packages bring, whose doing is not the package manager's.
    Raises `OSError` when there is no room.
    """
    effects = tuple(effects)
    makers = Makers(effects)
    of_files = [log for log in logs if not _OF_FILES.isdisjoint(log.kinds)]
    in_time = {id(log): ordered(log, place) for log in logs}
    if effects:
        for log in logs:
            for event in log if log.of_effects else ():
                makers.read_at_the_end(event)
        for event in heapq.merge(*(in_time[id(log)].backwards() for log in of_files), key=when, reverse=True):
            makers.seen(event)
    acts = makers.settled(effects)
    packaged = Packaged(effects, scripted)
    streams = [_told(in_time[id(log)], makers, acts, packaged, place) for log in logs]
    stream = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=when)
    shared = frozenset(kind for kind in IDENTITY if sum(kind in log.kinds for log in logs) > 1)
    out = EventLog(place)
    for number, event in enumerate(joined(stream, shared) if shared else stream, 1):
        event.seq = number
        out.append(event)
    out.close()
    return Merged(
        out,
        tuple(
            msgspec.structs.replace(effect, process=acts[effect.id].process) if effect.id in acts else effect
            for effect in effects
        ),
    )


def identity(event: Event) -> Identity | None:
    """What the event has in common with others of the same act; None when nothing can be the same."""
    names = IDENTITY.get(event.kind)
    if names is None:
        return None
    values = tuple(event.fields.get(name) for name in names)
    return None if None in values or "" in values else (event.kind, *values)


# -- who made what is left --------------------------------------------------------------------------------------------


class Makers:
    """Who made each lasting change of a file. Told of what was seen from the last event to the first.

    In memory: what is waited for, which are the paths of effects or, before they were renamed, the paths they had.
    """

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.acts: dict[int, Act] = {}
        #: The last call of a kind on the path of an effect, where that was read at the end, too: they are one act.
        self.last: dict[_Told, Event] = {}
        self.joined: set[int] = set()  # numbers (`seq`) of these calls
        #: The last call that set the mode of what is at the path of an effect, by whatever name it was known then.
        self.modes: dict[int, Event] = {}
        self._told: set[_Told] = set()  # what was read at the end
        self._paths: dict[int, str] = {}
        self._gone: set[int] = set()  # effects that are deletions
        self._waiting: dict[str, list[int]] = {}
        self._above: dict[str, int] = {}  # directory -> paths waited for in it, at any depth
        self._moved = 0
        for effect in effects:
            if effect.type == "file":
                self._paths[effect.id] = effect.path
                self._wait(effect.path, [effect.id])
                if effect.op == "delete":
                    self._gone.add(effect.id)

    def read_at_the_end(self, event: Event) -> None:
        """To be told of before all calls: which kinds of events there are of an effect."""
        if event.effect is not None:
            self._told.add(_told_of(event.effect, event))

    def seen(self, event: Event) -> None:
        """An event of what happened to a path, later ones having been told of before."""
        if event.effect is not None:
            return
        path = event.fields.get("path")
        if not isinstance(path, str):
            return
        if event.kind == "file.rename":
            self._renamed(event, path, str(event.fields.get("to") or ""))
        elif event.kind in _TOUCHING and path in self._waiting:
            self._touched(event, path)

    def settled(self, effects: Iterable[Effect]) -> dict[int, Act]:
        """The acts of all effects; what consists of several files was done by whoever touched them last.

        A service is its unit's maker's doing, whoever enabled it later.
        """
        acts = dict(self.acts)
        for effect in effects:
            if effect.type == "service" and effect.parts and effect.parts[0] in acts:
                acts.setdefault(effect.id, acts[effect.parts[0]])
            files = {*effect.parts, *(share.file for share in effect.shares)}
            parts = [acts[part] for part in sorted(files) if part in acts]
            if parts and effect.id not in acts:
                acts[effect.id] = max(parts, key=lambda act: act.time)
        return acts

    def _touched(self, event: Event, path: str) -> None:
        ended = event.kind == "file.delete"
        for effect in self._waiting[path]:
            if ended == (effect in self._gone):  # what is there now is not what was deleted before it
                told = _told_of(effect, event)
                if self._paths[effect] == path and told in self._told and told not in self.last:
                    self.last[told] = event
                    self.joined.add(event.seq)
                if event.kind == "file.mode":
                    self.modes.setdefault(effect, event)
                self._made(effect, event, sure=event.kind in _CONTENT or ended)
        if ended:
            self._forget(path)

    def _renamed(self, event: Event, path: str, to: str) -> None:
        for left in (path, *self._beneath(path)):
            for effect in self._waiting.get(left, ()):
                if effect in self._gone:
                    self._made(effect, event, sure=True)
        here = [effect for effect in self._waiting.get(to, ()) if effect not in self._gone]
        for effect in here:
            self._made(effect, event, sure=False)
        if to in self._waiting:
            self._forget(to)
            self._wait(path, here)
        for old in self._beneath(to):
            moved = self._waiting[old]
            self._forget(old)
            self._wait(path + old[len(to) :], [effect for effect in moved if effect not in self._gone])

    def _made(self, effect: int, event: Event, *, sure: bool) -> None:
        act = self.acts.get(effect)
        there = sure or event.kind == "file.rename"
        if act is None or (there and not act.there):
            self.acts[effect] = Act(event.process, event.time, event.seq, there, sure)
        elif sure and not act.sure:
            act.process, act.sure = event.process, True

    def _beneath(self, directory: str) -> list[str]:
        if directory not in self._above or self._moved > _MOST_MOVED:
            return []
        self._moved += len(self._waiting)
        return [path for path in self._waiting if path.startswith(directory + "/")]

    def _wait(self, path: str, effects: list[int]) -> None:
        if not effects:
            return
        if path not in self._waiting:
            for parent in _directories(path):
                self._above[parent] = self._above.get(parent, 0) + 1
        self._waiting.setdefault(path, []).extend(effects)

    def _forget(self, path: str) -> None:
        del self._waiting[path]
        for parent in _directories(path):
            left = self._above[parent] - 1
            if left:
                self._above[parent] = left
            else:
                del self._above[parent]


def _told_of(effect: int, event: Event) -> _Told:
    return effect, sys.intern(event.kind), str(event.fields.get("name") or "")


def _directories(path: str) -> Iterator[str]:
    """Those a path lies in, the nearest first; without the root, which nobody renames."""
    while (end := path.rfind("/")) > 0:
        path = path[:end]
        yield path


# -- in the order of time ---------------------------------------------------------------------------------------------


def _told(
    log: EventLog, makers: Makers, acts: Mapping[int, Act], packaged: Packaged, place: Path | None
) -> Iterator[Event]:
    """What one observer saw, in order, without the calls that moved to what was read at the end."""
    if log.of_effects and acts:
        return iter(ordered(kept(_placed(log, makers, acts, packaged), place), place))
    if makers.joined or packaged:
        return (packaged.call(event) for event in log if event.seq not in makers.joined)
    return iter(log)


class Packaged:
    """Whose doing an act on a file of a package is: the package manager's, or that of a script of the package."""

    def __init__(self, effects: Iterable[Effect], scripted: Collection[int]) -> None:
        by_manager = [effect for effect in effects if effect.details.get("by_package_manager") == "true"]
        self._by_path = {effect.path: effect for effect in by_manager}
        #: What a package lists. The package manager's own records are its doing, whoever made it keep them.
        self._listed = {effect.id for effect in by_manager if effect.type == "file" and "package" in effect.details}
        self._scripted = scripted

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def call(self, event: Event) -> Event:
        """A call on a file the package manager put there, also under the name dpkg unpacks it by, says whose it is.

        It is the package manager's doing, but for what a script of a package did.
        """
        if event.kind in _OF_PACKAGES:
            path = str(event.fields.get("path", ""))
            effect = self._by_path.get(path.removesuffix(".dpkg-new").removesuffix(".dpkg-tmp"))
            if effect is not None:
                scripts = effect.id in self._listed and event.process in self._scripted
                event.fields = {
                    **event.fields, "by_package_manager": not scripts, "package": effect.details.get("package", "")
                }  # fmt: skip
        return event

    def lasting(self, event: Event, mode: Event | None) -> None:
        """Take from the package manager what it did not do. `mode`: the call that set the mode last.

        A mode that the package manager did not give is a script's, by whatever way it came there: another name, say.
        """
        if event.kind not in _OF_PACKAGES or event.effect not in self._listed:
            return
        by_script = event.process in self._scripted
        if event.kind == "file.mode":
            call = event if mode is None else mode
            by_script = (
                call.process in self._scripted
                or call.fields.get("mode") != event.fields.get("mode")
                or bool(event.fields.get("capabilities"))  # an archive of dpkg's has none
            )
        if by_script:
            event.fields = {**event.fields, "by_package_manager": False}


def _placed(log: EventLog, makers: Makers, acts: Mapping[int, Act], packaged: Packaged) -> Iterator[Event]:
    """Events that were read at the end are put where the change was made."""
    for event in log:
        if event.effect is None:
            if event.seq in makers.joined:
                continue
        elif (act := acts.get(event.effect)) is not None:
            call = makers.last.get(_told_of(event.effect, event))
            if call is not None and identity(call) == identity(event):
                event.process, event.time, event.seq = call.process, call.time, call.seq
                unite(event, call)
            else:
                event.process, event.time, event.seq = act.process, act.time, act.seq + 1  # it came of that call
            packaged.lasting(event, makers.modes.get(event.effect))
        yield event


# -- the same act -----------------------------------------------------------------------------------------------------


def joined(events: Iterable[Event], shared: frozenset[str]) -> Iterator[Event]:
    """Events in the order of time, those that tell of one act made one. `shared`: kinds several observers tell of.

    What was read at the end takes part when a call joined it, for then it is known when it was done.
    """
    waiting: deque[tuple[Event, Identity | None]] = deque()
    same: dict[Identity, deque[Event]] = {}

    def oldest() -> Event:
        event, known = waiting.popleft()
        if known is not None:
            own = same[known]
            own.popleft()
            if not own:
                del same[known]
        return event

    for event in events:
        while waiting and (event.time - waiting[0][0].time > WINDOW or len(waiting) >= MOST_WAITING):
            yield oldest()
        alone = event.kind not in shared or (event.effect is not None and len(_names(event)) == 1)
        known = None if alone else identity(event)
        if known is not None:
            other = next((one for one in islice(same.get(known, ()), _MOST_ASKED) if _one_act(one, event)), None)
            if other is not None:
                unite(other, event)
                continue
            same.setdefault(known, deque()).append(event)
        waiting.append((event, known))
    while waiting:
        yield oldest()


def _one_act(one: Event, other: Event) -> bool:
    """Whether two events of one identity are of different observers, by the same process as far as both know."""
    apart = set(_names(one)).isdisjoint(_names(other))
    return apart and (one.process == other.process or not one.process or not other.process)


def unite(event: Event, other: Event) -> None:
    """Put into `event` what `other` says of the same act."""
    more, less = sorted((event, other), key=_rank)
    known = {name: value for name, value in more.fields.items() if value not in (None, "")}
    event.fields = {**more.fields, **less.fields, **known}
    event.time = min(event.time, other.time)
    event.process = event.process or other.process
    event.component = event.component or other.component
    event.effect = other.effect if event.effect is None else event.effect
    event.observer = ", ".join(sorted({*_names(event), *_names(other)}))


def _names(event: Event) -> list[str]:
    return event.observer.split(", ")


def _rank(event: Event) -> tuple[bool, int, str]:
    """What was read from the thing itself is believed first."""
    names = _names(event)
    known = [PRECEDENCE.index(name) for name in names if name in PRECEDENCE]
    return event.effect is None, min(known, default=len(PRECEDENCE)), min(names)

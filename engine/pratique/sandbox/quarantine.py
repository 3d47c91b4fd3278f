"""A quarantine: an installer runs in it, and nothing it does reaches the machine until it is committed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import socket
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from pratique import places
from pratique.errors import CannotError
from pratique.events import Event
from pratique.hookspecs import Companion
from pratique.recording import Effect
from pratique.sandbox import cgroups, hidden, layers, leftovers, pretending, restored, rights
from pratique.sandbox.beneath import Beneath
from pratique.sandbox.calls import elf, listener
from pratique.sandbox.calls import log as calllog
from pratique.sandbox.calls.supervisor import Watching
from pratique.sandbox.calls.supervisor import descriptors as supervisor_descriptors
from pratique.sandbox.commit import commit
from pratique.sandbox.companions import Company
from pratique.sandbox.conduct import Conductor, OnOutput, OnStart, OnTick
from pratique.sandbox.effects import read_effects, tops
from pratique.sandbox.environment import without_ways_out
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.inside.job import Job
from pratique.sandbox.layers import Layer
from pratique.sandbox.mending import has_admin
from pratique.sandbox.network import log
from pratique.sandbox.pretending import StandIn
from pratique.sandbox.space import Watch, remove_tree
from pratique.sandbox.spec import CommitResult, Ended, Spec
from pratique.sandbox.terminal import Terminal
from pratique.sandbox.written import Layers, Written


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a later process must know to read, commit or discard this session: `PLACE/quarantine.json`."""

    spec: Spec
    layers: tuple[Layer, ...]
    hidden: tuple[Hidden, ...]
    mapped: bool
    pretended: tuple[str, ...] = ()  # programs that had a stand-in
    started_ns: int  # the file system's own clock: any host file changed after this is a conflict


class Quarantine:
    """One session. `run`, then `effects`, `read`; then `commit` some of it; `discard` (or leaving `with`) ends it.

    Leaving the `with` block removes everything the installer wrote, unless `keep` was called.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()  # in words: what is not as it would be on the host
        self.given: tuple[str, ...] = ()  # in words: what of the person's it could connect to
        self.opened: queue.SimpleQueue[str] = queue.SimpleQueue()  # hidden paths, as they are opened
        self.holds: socket.socket | None = None  # our end of the channel about held processes (see `calls.holding`)
        self._company = Company(())
        self._over = threading.Event()
        self.unread = 0  # calls that could not be read
        self._kept: _Kept | None = None
        self._tops: dict[str, tuple[int, int]] = {}  # not kept: another start of the machine may number devices anew
        self._conductor: Conductor | None = None
        self._keep = False
        self._effects: tuple[Effect, ...] | None = None
        self._paths: dict[str, Effect] | None = None

    @classmethod
    def reopen(cls, place: Path, effects: tuple[Effect, ...] | None = None) -> Quarantine:
        """A session kept earlier; with its effects as they were read then, where they were kept, too.

        Raises `OSError` when there is none at `place`, `ValueError` when it is garbled.
        """
        written = json.loads((place / "quarantine.json").read_text("ascii"))
        kept = msgspec.convert(written, _Kept, dec_hook=lambda _, text: Path(text))
        for layer in kept.layers:  # another file system's, say, that was lost with the machine's memory
            (place / "upper" / str(layer.number)).stat()
        quarantine = cls(kept.spec)
        quarantine._kept = kept
        quarantine._keep = True
        quarantine._effects = effects
        return quarantine

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._keep:
            self.discard()

    def keep(self) -> None:
        """What the installer wrote stays, to be committed or discarded later (see `reopen`)."""
        self._keep = True

    # -- running ------------------------------------------------------------------------------------------------------

    def run(
        self, *, on_start: OnStart | None = None, on_tick: OnTick | None = None, on_output: OnOutput | None = None
    ) -> Ended:
        """Run the program to its end; afterwards nothing it started runs any more.

        `on_start` is called once the session's process has been forked, before the program begins: the place to start
        threads. `on_tick` is called five times a second. `on_output` gets the program's output as it comes, with 1 for
        stdout (or the terminal) and 2 for stderr; the default writes it to ours. What any of them raises ends the
        session.

        Raises `CannotError` (this machine or user cannot; nothing ran), `UsageError` (no such program or directory),
        `NoRoomError` (it was stopped, and nothing runs any more).
        """
        place, bounds = _make_place(self.spec.place), _bounds(self.spec)
        room = Watch(place, self.spec.size_limit)
        room.begin()
        with leftovers.held(place) as held, cgroups.made(place, bounds) as group:
            try:
                return self._run(room, held, group, on_start, on_tick, on_output or _write_through)
            finally:
                self._over.set()
                self._company.end()
                self.notes = (*self.notes, *group.unbounded(), *group.told())

    def _run(
        self, room: Watch, held: int, group: cgroups.Group, on_start: OnStart | None, on_tick: OnTick | None,
        on_output: OnOutput,
    ) -> Ended:  # fmt: skip
        spec = self.spec
        mapped = not has_admin()
        terminal = _person() if spec.attended else None
        if mapped:
            steps = layers.plan_as_user(layers.mounts(), _own_places(spec), (spec.home, spec.directory))
            told = (f"what lies directly in {path} was read-only, for {at} is mounted there" for path, at in
                    layers.shut(steps))  # fmt: skip
            self.notes = (*self.notes, *told)
        else:
            steps = layers.plan_as_root(layers.mounts(), _own_places(spec))
        pretended = tuple(one for one in self._to_pretend(mapped) if layers.in_one_layer(one.path, steps))
        kept = self._prepare(mapped, layers.layers(steps), pretended)
        overlaid = [one for one in kept.hidden if layers.in_one_layer(one.path, steps)]
        given = [one.place for one in spec.given]  # whoever asks for one wants it, though it be hidden
        readers: tuple[int, int] | None = None
        writers: tuple[int, int] | None = None
        if not spec.attended:
            (out, out_in), (err, err_in) = os.pipe(), os.pipe()
            readers, writers = (out, err), (out_in, err_in)
        job = Job(
            spec=msgspec.structs.replace(spec, environment=without_ways_out(spec.environment)),
            steps=steps,
            layers=kept.layers,
            stand_ins=tuple(one for one in hidden.stand_ins(overlaid) if one.path not in given),
            let_through=tuple(Hidden(path, False) for path in given if hidden.is_hidden(path, overlaid)),
            covered=tuple(one for one in kept.hidden if one not in overlaid and one.path not in given),
            mapped=mapped,
            largest_file=room.largest_file(),
            output=writers,
            terminal=(terminal.descriptor, terminal.settings) if terminal else None,
            held=held,
            groups=tuple(map(str, group.directories)),
            memory=None if "memory" in group.bounded else group.bounds.memory,
            processes=None if "pids" in group.bounded else group.bounds.processes,
            pretended=pretended,
            watching=self._watching(pretended),
            seats=tuple(self._company.seats),
        )
        with terminal or contextlib.nullcontext():
            self._conductor = Conductor(
                job,
                room=room,
                on_start=on_start,
                on_tick=on_tick,
                on_output=on_output,
                on_open=self.opened.put,
                on_end=group.look,
                terminal=terminal,
                company=self._company,
            )
            try:
                ended = self._conductor.run(readers)
                return ended if job.watching is None else self._with_calls(ended)
            finally:
                for descriptor in supervisor_descriptors(job.watching):
                    os.close(descriptor)
                self.notes = (*self.notes, *self._conductor.notes, *self._company.notes)
                self.given = self._conductor.given
                self._company.end(self._conductor.lost)
                self._conductor = None

    def _to_pretend(self, mapped: bool) -> tuple[StandIn, ...]:
        """Programs that get a stand-in: none where there is no supervisor whom a stand-in could ask."""
        if not listener.available():
            return ()
        return pretending.find(self.spec.emulate, rights.stand_ins(self.spec.uid, mapped=mapped))

    def _watching(self, pretended: tuple[StandIn, ...]) -> Watching | None:
        """What the supervisor is told; None when this kernel has no way to ask one."""
        if not listener.available():
            self.notes = (*self.notes, "this kernel cannot hand system calls to an observer: they are not logged")
            return None
        spec = self.spec
        theirs = self._company.take_holding()
        if spec.hold:
            self.holds, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            theirs = other.detach()
        return Watching(
            log=os.open(self._calls, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600),
            deny=spec.deny,
            emulate=spec.emulate,
            stand_ins=frozenset(one.path for one in pretended),
            given=frozenset(one.place for one in spec.given),
            home=spec.home,
            reads=spec.reads,
            hold=spec.hold or self._company.hold,
            holds=theirs,
            i386=elf.is_i386(spec.command[0], spec.environment.get("PATH", os.defpath)),
        )

    def _with_calls(self, ended: Ended) -> Ended:
        less = calllog.counts(self._calls)
        self.unread = less.get(calllog.UNREAD, 0)
        if self.unread:
            self.notes = (*self.notes, f"{self.unread} calls could not be read: what they did is not told")
        if number := less.get("overdue"):
            self.notes = (*self.notes, f"{number} programs ran on before they were looked into")
        return msgspec.structs.replace(ended, processes=calllog.processes(self._calls) or ended.processes)

    @property
    def _calls(self) -> Path:
        return self.spec.place / "calls.jsonl"

    def calls(self) -> Iterator[Event]:
        """What the program and its processes asked of the kernel, in order, as it comes; ends when the program has."""
        return calllog.follow(self._calls, self._over.is_set)

    def accompany(self, companions: Iterable[Companion]) -> None:
        """Have these processes beside the program when it runs (see `pratique.sandbox.companions`)."""
        self._company = Company(companions)

    def companion(self, name: str) -> Iterator[bytes]:
        """What the companion of that name says, line by line; see `Company.lines`."""
        return self._company.lines(name)

    @property
    def companions_lost(self) -> frozenset[str]:
        """Names of companions that ended before the program did."""
        return self._company.lost

    def interrupt(self) -> None:
        """End a running session; `run` returns with `interrupted`. From any thread."""
        conductor = self._conductor
        if conductor is not None:
            conductor.interrupt()

    def _prepare(self, mapped: bool, found: tuple[Layer, ...], pretended: tuple[StandIn, ...]) -> _Kept:
        """Lay out the session's place. What it holds from an earlier run is removed."""
        spec, place = self.spec, self.spec.place
        for name in ("upper", "work"):
            remove_tree(place / name)
            (place / name).mkdir(mode=0o700)
        for layer in found:
            upper = place / "upper" / str(layer.number)
            upper.mkdir()
            (place / "work" / str(layer.number)).mkdir()
            layers.dress(upper, layer.at, mapped=mapped)
        for name in ("root", "stand-ins"):
            (place / name).mkdir(mode=0o700, exist_ok=True)
        kept = _Kept(
            spec=spec,
            layers=found,
            hidden=hidden.find(spec.hide, spec.home),
            mapped=mapped,
            pretended=tuple(one.path for one in pretended),
            started_ns=(place / "work").stat().st_ctime_ns,
        )
        # Not msgspec's own JSON: a path that is not UTF-8 holds surrogates, which only escapes can say.
        written = json.dumps(msgspec.to_builtins(kept, enc_hook=str))
        (place / "quarantine.json").write_text(written, "ascii")
        self._kept = kept
        self._tops = tops(found)
        self._effects = self._paths = None
        return kept

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def effects(self) -> tuple[Effect, ...]:
        """Every lasting change to files, sorted by path, numbered from 1. Read once. Raises `OSError`."""
        if self._effects is None:
            kept = self._session()
            upper = self.spec.place / "upper"
            found = read_effects(kept.layers, upper, kept.hidden, mapped=kept.mapped, tops=self._tops)
            self._effects = tuple(_without_stand_in(effect, kept.pretended) for effect in found)
        return self._effects

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of a file as the program left it. No link is followed.

        Raises `OSError` when there is none, `ValueError` when it is no regular file.
        """
        effect = self._by_path().get(path)
        if effect is None:
            return self.read_before(path, limit)
        if effect.after is None:
            raise FileNotFoundError(errno.ENOENT, "the program deleted it", path)
        with Layers(self._written()) as written:
            return _beginning(written.open_file(path), limit)

    def read_before(self, path: str, limit: int) -> bytes:
        """The same of the host's file. A hidden file is empty, as the program saw it."""
        if hidden.is_hidden(path, self._session().hidden):
            return b""
        with Beneath("/") as host:
            return _beginning(host.open_file(path), limit)

    def was_there(self, path: str) -> bool:
        """Whether the host has something at a path, and the program saw that and not a stand-in."""
        return os.path.lexists(path) and not hidden.is_hidden(path, self._session().hidden)

    def commit(self, wanted: Iterable[Effect], contents: Mapping[str, bytes] = {}) -> CommitResult:
        """Put these effects on the host; see `pratique.sandbox.commit.commit` for what is checked and raised."""
        return commit(wanted, self.effects(), self._written(), contents)

    def _written(self) -> Written:
        kept = self._session()
        return Written(
            id=self.spec.id,
            place=self.spec.place,
            layers=kept.layers,
            started_ns=kept.started_ns,
            restored=restored.read(self.spec.place),
        )

    def _by_path(self) -> dict[str, Effect]:
        if self._paths is None:
            self._paths = {effect.path: effect for effect in self.effects()}
        return self._paths

    def _session(self) -> _Kept:
        if self._kept is None:
            raise ValueError("nothing ran in this quarantine yet, or it was discarded")
        return self._kept

    def discard(self) -> None:
        """Remove everything the installer wrote, and the session's place unless others keep something in it."""
        place = self.spec.place
        for name in ("upper", "work", "root", "stand-ins"):
            remove_tree(place / name)
        for name in ("quarantine.json", restored.NAME, leftovers.KEPT, log.NAME, self._calls.name, leftovers.HELD):
            (place / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            place.rmdir()
        self._kept = None
        self._keep = False


def _without_stand_in(effect: Effect, pretended: tuple[str, ...]) -> Effect:
    """A stand-in that was touched is written as it is; it must never take the real program's place."""
    ours = effect.path in pretended and effect.after is not None and pretending.is_stand_in(effect.after.sha256)
    return msgspec.structs.replace(effect, unfit=pretending.UNFIT) if ours else effect


def _beginning(descriptor: int, limit: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read(limit)


def _make_place(place: Path) -> Path:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _bounds(spec: Spec) -> cgroups.Bounds:
    memory = spec.memory_limit or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
    return cgroups.Bounds(memory=memory, processes=spec.processes_limit, cpu=spec.cpu_limit)


def _own_places(spec: Spec) -> tuple[str, ...]:
    """Pratique's own files: never to be read or written from inside, where they could change a decision."""
    candidates = {
        places.state(),
        spec.place,
        Path("/var/lib/pratique"),
        Path(spec.home) / ".local/state/pratique",
    }
    real = sorted(os.path.realpath(path) for path in candidates if os.path.isdir(path))  # noqa: PTH112  # is_dir raises
    return tuple(path for path in real if not any(layers.below(path, other) for other in real if other != path))


def _person() -> Terminal:
    try:
        return Terminal(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        raise CannotError(
            f"an attended session needs a terminal, and there is none ({error.strerror})",
            hint="run it unattended: redirect its input from /dev/null",
        ) from None


def _write_through(data: bytes, stream: int) -> None:
    sys.stdout.flush()
    while data:
        data = data[os.write(stream, data) :]

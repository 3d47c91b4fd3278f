"""Whatever order a disk writes in, and whatever it loses: everything is as before afterwards, or everything is done.

`test_crash` sees what one file system had on the disk. Here the calls of a real process are followed by a model of what
any may have (`disk`): rules about what must be on the disk before what are checked call by call, and what may be left
of each moment is laid out, recovered by the real code, and looked at.
"""

from __future__ import annotations

import copy
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk import Disk, Inodes, Part, outline
from installation import different, install, lay_out, traced
from overlaid import Overlaid, picture
from told import CHANGING, STRACE, Call, calls, path_of
from written_out import write_out

from pratique.sandbox import durable, journal
from pratique.sandbox.journal import Done, Journal
from pratique.sandbox.recover import installed, recover, unfinished
from pratique.sandbox.undo import undone

pytestmark = pytest.mark.root

JOURNAL_FIRST = "the journal and all originals are on the disk before anything is written beside a place of the host"
STAGED_FIRST = "all that is new is on the disk before the first change"
CHANGES_FIRST = "all changes are on the disk before the journal's last line is written"
WORD_FIRST = "the journal's last line is on the disk before an original goes"
MARK_FIRST = "the journal's last line is on the disk before it is no longer called unfinished"
WORD_LAST = "the journal's last line is on the disk when all is over"

READY, STAGED, DONE = "ready", "staged", "done"


def says(log: bytes, word: str) -> bool:
    """Whether a whole line of the log is that record."""
    return any(line.startswith(f'{{"is":"{word}"'.encode()) for line in log.split(b"\n")[:-1])


class Host:
    """A tree, a session about it, and the place of both."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.tree = at / "tree"
        self.place = at / "sessions/7f3a0000"
        self.journals = (self.place / "journal", self.place / "undo")
        self.tree.mkdir()
        lay_out(self.tree)
        self.overlaid = Overlaid(self.tree, self.place)
        self.overlaid.change(install)

    def recovering(self) -> None:
        for one in recover(self.place.parent):
            assert one.troubles == ()

    def picture(self) -> dict[str, tuple[object, ...]]:
        return picture(self.tree)


@pytest.fixture
def host() -> Iterator[Host]:
    assert shutil.which("strace"), "strace is missing"
    at = Path(tempfile.mkdtemp(prefix="pratique-order-", dir="/dev/shm"))
    try:
        yield Host(at)
    finally:
        shutil.rmtree(at)


class Watched:
    """A disk on which the rules are looked after, and every state it may be left in is collected."""

    def __init__(self, host: Host, *, fresh: bool = False) -> None:
        self.host = host
        self.disk = Disk(host.at, host.place if fresh else None)
        self.broken: list[str] = []
        self.states: dict[tuple[object, ...], tuple[str, Inodes]] = {}

    def follow(self, told: list[Call], *, recovery: bool = False, mixed: int | None = None) -> Watched:
        """`mixed`: collect the states, and of each moment so many by chance besides."""
        chance = random.Random(7)
        for number, call in enumerate(told):
            before, kept = len(self.disk.pending), self.disk.kept
            parts = self.disk.follow(call)
            for part in parts:
                self._look(part, self.disk.pending[:before], recovery)
            if mixed is not None and (parts or self.disk.kept is not kept):
                self._collect(f"call {number}, {call.name} {parts[0].path if parts else ''}", chance, mixed)
        for directory in self.host.journals:
            log = f"{directory}/log"
            if self.disk.number(log) is not None and not says(self.disk.content(log), DONE):
                self.broken.append(WORD_LAST)
        return self

    def _look(self, part: Part, earlier: list[Part], recovery: bool) -> None:
        tree, journals = str(self.host.tree), [str(one) for one in self.host.journals]
        log = f"{journals[self.disk.number(journals[1]) is not None]}/log"
        kept = self.disk.content(log)
        if _within(part.path, tree) and not recovery:
            if not says(self.disk.content(log, self.disk.now), STAGED) and (
                not says(kept, READY) or any(self._is_of_the_journal(one, journals) for one in earlier)
            ):
                self.broken.append(JOURNAL_FIRST)
            if _is_final(part.path, tree) and (
                not says(kept, STAGED)
                or any(one.on in self.disk.beneath(tree) and not _is_final(one.path, tree) for one in earlier)
            ):
                self.broken.append(STAGED_FIRST)
        if part.content and says(part.content, DONE) and any(one.on in self.disk.beneath(tree) for one in earlier):
            self.broken.append(CHANGES_FIRST)
        above, _, name = part.path.rpartition("/")
        if above in journals and part.names == {name: None} and says(kept, READY):
            if name != journal.UNFINISHED and not says(kept, DONE):
                self.broken.append(WORD_FIRST)
            if name == journal.UNFINISHED and not says(self.disk.content(f"{above}/log"), DONE):
                self.broken.append(MARK_FIRST)

    def _is_of_the_journal(self, part: Part, journals: list[str]) -> bool:
        """It, or a name on the way to it, or the content of an original, whatever its name was when it was written."""
        return any(
            _within(part.path, one) or (_within(one, part.path) and part.names) or part.on in self.disk.beneath(one)
            for one in journals
        )

    def _collect(self, when: str, chance: random.Random, mixed: int) -> None:
        for inodes in self.disk.survivors(chance, mixed):
            tops = (self.disk.number(str(path), inodes) for path in (self.host.tree, *self.host.journals))
            self.states.setdefault(outline(inodes, *tops), (when, inodes))

    def write_out(self, inodes: Inodes) -> None:
        write_out(self.disk, inodes, self.host.tree, *self.host.journals)


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(above + "/")


def _is_final(path: str, tree: str) -> bool:
    return _within(path, tree) and "/.pratique-" not in path


def but_for_its_time(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """The time of the directory in which something was put is the moment that was done."""
    return {**found, ".": found["."][:3]}


def told_by(work: Callable[[], object], *options: str) -> list[Call]:
    return calls(traced(work, *STRACE, *options)[1])


def judged(
    watched: Watched, before: dict[str, tuple[object, ...]], done: dict[str, tuple[object, ...]],
    is_done: Callable[[Path], bool],
) -> tuple[int, int]:  # fmt: skip
    """How many of the states were as before when they were recovered, and how many done."""
    host, counts = watched.host, [0, 0]
    for when, inodes in watched.states.values():
        watched.write_out(inodes)
        for one in recover(host.place.parent):
            assert one.troubles == (), f"{when}: {one.troubles}"
        found = host.picture()
        finished = but_for_its_time(found) == but_for_its_time(done)
        assert found == before or finished, f"{when}:\n{different(found, before, done)}"
        assert unfinished(host.place.parent) == ()
        assert is_done(host.place) == finished, when
        counts[finished] += 1
    return counts[0], counts[1]


EACH = pytest.mark.parametrize("few", [durable.FEW, 0], ids=["each file waited for", "the file system waited for"])
MIXED = pytest.mark.parametrize("mixed", [2, pytest.param(100, marks=pytest.mark.proof)])


@EACH
@MIXED
def test_a_commit_is_as_before_or_done_whatever_comes_to_the_disk_first(host, monkeypatch, few, mixed):
    monkeypatch.setattr(durable, "FEW", few)
    before = host.picture()
    watched = Watched(host, fresh=True)
    told = told_by(host.overlaid.commit)
    done = host.picture()
    watched.follow(told, mixed=mixed)
    assert watched.broken == []
    watched.write_out(watched.disk.now)
    assert but_for_its_time(host.picture()) == but_for_its_time(done)  # the model left nothing out
    as_before, finished = judged(watched, before, done, installed)
    assert as_before > 200
    assert finished > 1


@EACH
@MIXED
def test_an_undo_is_as_before_or_done_whatever_comes_to_the_disk_first(host, monkeypatch, few, mixed):
    monkeypatch.setattr(durable, "FEW", few)
    host.overlaid.commit()
    before = host.picture()
    watched = Watched(host)
    told = told_by(host.overlaid.undo)
    done = host.picture()
    watched.follow(told, mixed=mixed)
    assert watched.broken == []
    watched.write_out(watched.disk.now)
    assert but_for_its_time(host.picture()) == but_for_its_time(done)
    as_before, finished = judged(watched, before, done, lambda place: undone(place) is not None)
    assert as_before > 200
    assert finished > 10


def steps(told: list[Call]) -> list[tuple[str, int]]:
    """The calls that change anything or wait for it, by name and which one of that name it is."""
    count: dict[str, int] = {}
    out = []
    for call in told:
        count[call.name] = count.get(call.name, 0) + 1
        if call.name in CHANGING:
            out.append((call.name, count[call.name]))
    return out


@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.proof)])
@pytest.mark.parametrize("work", ["commit", "undo"])
def test_a_recovery_is_right_whatever_comes_to_the_disk_first(host, work, every):
    """A process is killed; the next command recovers, and not all of what it finds is on the disk; the power fails."""
    if work == "undo":
        host.overlaid.commit()
    is_done = installed if work == "commit" else lambda place: undone(place) is not None
    run = getattr(host.overlaid, work)
    before = host.picture()
    start = Watched(host)
    told = told_by(run)
    done = host.picture()
    for name, number in [*steps(told)[::every], *steps(told)[-3:]]:
        start.write_out(start.disk.now)
        host.overlaid.started_ns = time.time_ns()
        watched = Watched(host, fresh=work == "commit")
        watched.follow(told_by(run, "-e", f"inject={name}:signal=SIGKILL:when={number}"))
        watched.broken.clear()
        watched.follow(told_by(host.recovering), recovery=True, mixed=0)
        assert watched.broken == [], f"killed at {name} {number}"
        judged(watched, before, done, is_done)


def test_a_recovery_after_a_power_failure_is_right_when_the_power_fails_again(host):
    before = host.picture()
    watched = Watched(host, fresh=True)
    told = told_by(host.overlaid.commit)
    done = host.picture()
    watched.follow(told, mixed=2)
    assert watched.broken == []
    states = list(watched.states.values())
    torn = [one for one in states if not watched.disk.content(f"{host.journals[0]}/log", one[1]).endswith(b"\n")]
    for when, inodes in torn[::5] + states[::50]:
        watched.write_out(inodes)
        again = Watched(host)
        again.follow(told_by(host.recovering), recovery=True, mixed=0)
        assert again.broken == [], when
        judged(again, before, done, installed)
    assert len(torn) > 5


def test_a_recovery_killed_before_its_last_word_is_on_the_disk_gives_nothing_up_too_early(host):
    before = host.picture()
    told_by(host.overlaid.commit, "-e", "inject=renameat:signal=SIGKILL:when=2")
    half = Watched(host)
    assert host.picture() != before
    last = [step for step in steps(told_by(host.recovering)) if step[0] == "fsync"][-2]  # then the journal's place
    half.write_out(half.disk.now)
    again = Watched(host)
    again.follow(told_by(host.recovering, "-e", f"inject=fsync:signal=SIGKILL:when={last[1]}"))
    assert says(again.disk.content(f"{host.journals[0]}/log", again.disk.now), DONE)
    assert not says(again.disk.content(f"{host.journals[0]}/log"), DONE)
    again.broken.clear()
    again.follow(told_by(host.recovering), recovery=True, mixed=2)
    assert again.broken == []
    judged(again, before, before, lambda _: True)


def test_the_time_of_a_directory_in_which_something_stays_is_on_the_disk_too(host):
    (host.tree / "other").mkdir()
    host.overlaid.change(lambda tree: (tree / "other/new").write_text("new"))
    host.overlaid.commit()
    (host.tree / "other/new").write_text("mine")  # which leaves the time of `other` as it is
    watched = Watched(host)
    told = told_by(lambda: host.overlaid.undo(anyway=True))
    assert watched.follow(told).broken == []
    assert (host.tree / "other/new").read_text() == "mine"


# Tests of the test: what it is to find, it finds.


@pytest.mark.parametrize(
    ("few", "idle"),
    [
        # The journal's directory is waited for again with the log; removed directories are of no interest to anybody.
        (durable.FEW, ["sessions/7f3a0000/journal", "tree/gone/deep", "tree/gone"]),
        # Where the journal's file system was waited for, so were the names on the way to it.
        (0, ["sessions/7f3a0000", "sessions"]),
    ],
    ids=["each file waited for", "the file system waited for"],
)
def test_without_any_one_of_the_waits_a_rule_is_broken(host, monkeypatch, few, idle):
    monkeypatch.setattr(durable, "FEW", few)
    start = Watched(host, fresh=True)
    told = told_by(host.overlaid.commit)
    broken: set[str] = set()
    for number, call in enumerate(told):
        if call.name not in ("fsync", "syncfs"):
            continue
        without = copy.deepcopy(start).follow([*told[:number], *told[number + 1 :]])
        broken.update(without.broken)
        if not without.broken:
            idle.remove(str(Path(path_of(call.arguments[0])).relative_to(host.at)))
    assert idle == []
    assert broken == {JOURNAL_FIRST, STAGED_FIRST, CHANGES_FIRST, MARK_FIRST, WORD_LAST}


@pytest.mark.parametrize(
    ("where", "name", "rules"),
    [
        (durable.Durable, "wait", {STAGED_FIRST, CHANGES_FIRST}),
        (durable.Durable, "file", {JOURNAL_FIRST, STAGED_FIRST, CHANGES_FIRST}),
        (journal, "_fsync", {JOURNAL_FIRST, STAGED_FIRST, WORD_LAST}),
    ],
)
def test_a_process_that_does_not_wait_is_found_out_by_the_rules_and_by_what_is_left(
    host, monkeypatch, where, name, rules
):
    before = host.picture()
    watched = Watched(host, fresh=True)
    monkeypatch.setattr(where, name, lambda *_: None)
    told = told_by(host.overlaid.commit)
    monkeypatch.undo()
    done = host.picture()
    watched.follow(told, mixed=2)
    assert set(watched.broken) == rules
    with pytest.raises(AssertionError):
        judged(watched, before, done, installed)


def test_originals_given_up_before_the_last_word_are_found_out(host, monkeypatch):
    host.overlaid.commit()
    watched = Watched(host)
    end = Journal.end

    def too_early(self: Journal, done: Done) -> None:
        self.forget_originals()
        end(self, done)

    monkeypatch.setattr(Journal, "end", too_early)
    told = told_by(host.overlaid.undo)
    monkeypatch.undo()
    assert {WORD_FIRST, MARK_FIRST} <= set(watched.follow(told).broken)

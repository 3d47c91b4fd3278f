"""One act is one event, whoever saw it; and every lasting change has the process that made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique import merging
from pratique.eventlog import EventLog
from pratique.events import IDENTITY, STANDARD_KINDS, Event
from pratique.merging import WINDOW, merge
from pratique.recording import Effect, Share
from pratique.testing.session import effect


def log(observer: str, *events: Event, start: int = 0) -> EventLog:
    """What an observer saw: numbered in the order it said so."""
    out = EventLog()
    for number, event in enumerate(events, start + 1):
        event.observer, event.seq = observer, number
        out.append(event)
    out.close()
    return out


def call(kind: str, path: str, time: float, process: int = 1, **fields: Any) -> Event:
    return Event(f"file.{kind}", path=path, time=time, process=process, **fields)


def read_at_end(kind: str, of: Effect, time: float = 9.0, **fields: Any) -> Event:
    return Event(f"file.{kind}", path=of.path, time=time, effect=of.id, **fields)


def merged(effects: Iterable[Effect], calls: Iterable[Event], ended: Iterable[Event] = ()) -> merging.Merged:
    return merge([log("effects", *ended, start=1000), log("syscalls", *calls)], effects)


def told(events: Iterable[Event]) -> list[tuple[str, Any, float, int, str]]:
    return [(e.kind.split(".")[1], e.fields.get("path"), e.time, e.process, e.observer) for e in events]


BOTH = "effects, syscalls"


def test_what_was_read_at_the_end_takes_time_and_process_from_the_last_call_on_its_path():
    file = effect("/opt/x", id=1)
    found = merged(
        [file],
        [call("create", "/opt/x", 1, 5), call("write", "/opt/x", 1, 5), call("write", "/opt/x", 2, 6)],
        [read_at_end("create", file, mode=0o644), read_at_end("write", file, added="line", size=4)],
    )
    assert told(found.events) == [
        ("create", "/opt/x", 1, 5, BOTH), ("write", "/opt/x", 1, 5, "syscalls"), ("write", "/opt/x", 2, 6, BOTH),
    ]  # fmt: skip
    assert [event.seq for event in found.events] == [1, 2, 3]
    assert found.events[2].fields == {"path": "/opt/x", "added": "line", "size": 4}
    assert found.events[2].effect == 1
    assert found.effects[0].process == 6


def test_a_call_of_which_nothing_is_read_at_the_end_stays():
    """An empty file has a maker and no lines; of two attributes one is as it was."""
    file = effect("/opt/empty", id=1)
    found = merged(
        [file],
        [
            call("create", "/opt/empty", 1, 5), call("write", "/opt/empty", 1, 5), call("owner", "/opt/empty", 2, 5),
            call("attribute", "/opt/empty", 3, 5, name="user.a"), call("attribute", "/opt/empty", 4, 5, name="user.b"),
        ],
        [read_at_end("create", file), read_at_end("attribute", file, name="user.a")],
    )  # fmt: skip
    assert told(found.events) == [
        ("create", "/opt/empty", 1, 5, BOTH), ("write", "/opt/empty", 1, 5, "syscalls"),
        ("owner", "/opt/empty", 2, 5, "syscalls"), ("attribute", "/opt/empty", 3, 5, BOTH),
        ("attribute", "/opt/empty", 4, 5, "syscalls"),
    ]  # fmt: skip


def test_a_file_written_under_another_name_and_renamed_is_its_writers():
    """How everybody writes: a temporary file, then a rename; and the renamer is no writer."""
    file = effect("/etc/app.conf", "modify", id=1)
    found = merged(
        [file],
        [
            call("create", "/etc/app.conf.tmp", 1, 5), call("write", "/etc/app.conf.tmp", 1.5, 5),
            call("rename", "/etc/app.conf.tmp", 2, 6, to="/etc/app.conf"),
        ],
        [read_at_end("write", file)],
    )  # fmt: skip
    assert told(found.events) == [
        ("create", "/etc/app.conf.tmp", 1, 5, "syscalls"),
        ("write", "/etc/app.conf.tmp", 1.5, 5, "syscalls"),
        ("rename", "/etc/app.conf.tmp", 2, 6, "syscalls"),
        ("write", "/etc/app.conf", 2, 5, "effects"),
    ]
    assert found.effects[0].process == 5


def test_who_sets_the_mode_made_the_change_only_when_nothing_else_was_done():
    files = [effect("/opt/x", id=1), effect("/opt/y", "modify", id=2)]
    found = merged(
        files,
        [
            call("write", "/tmp/x", 1, 5), call("rename", "/tmp/x", 2, 6, to="/opt/x"),
            call("mode", "/opt/x", 3, 7, mode=0o755), call("mode", "/opt/y", 4, 8, mode=0o755),
        ],
        [read_at_end("write", files[0]), read_at_end("mode", files[0])],
    )  # fmt: skip
    assert [one.process for one in found.effects] == [5, 8]
    assert [(e.time, e.process) for e in found.events if e.effect == 1] == [(2, 5), (3, 7)]


def test_renames_of_renames_and_of_directories_are_followed():
    found = merged(
        [effect("/opt/app/bin/run", id=1), effect("/opt/app/lib", id=2), effect("/opt/other", id=3)],
        [
            call("write", "/tmp/a/bin/.run", 1, 5), call("rename", "/tmp/a/bin/.run", 2, 6, to="/tmp/a/bin/run"),
            call("create", "/tmp/a/lib", 3, 7), call("rename", "/tmp/a", 4, 8, to="/opt/app"),
            call("write", "/opt/app/bin/run", 0.5, 99), call("write", "/opt/other", 5, 9),
        ],
    )  # fmt: skip
    assert [one.process for one in found.effects] == [5, 7, 9]


def test_an_earlier_file_of_the_same_name_is_another_file():
    found = merged(
        [effect("/opt/x", id=1)],
        [call("write", "/opt/x", 1, 5), call("delete", "/opt/x", 2, 6), call("rename", "/old", 3, 7, to="/opt/x")],
    )
    assert found.effects[0].process == 7, "who moved it there, for nobody wrote it"


def test_what_went_away_was_deleted_or_moved_by_somebody():
    found = merged(
        [effect("/etc/a", "delete", id=1), effect("/etc/b", "delete", id=2), effect("/d/in", "delete", id=3)],
        [
            call("write", "/etc/a", 1, 5), call("delete", "/etc/a", 2, 6), call("rename", "/etc/b", 3, 7, to="/etc/c"),
            call("rename", "/d", 4, 8, to="/e"),
        ],
    )  # fmt: skip
    assert [one.process for one in found.effects] == [6, 7, 8]


def test_what_consists_of_several_files_was_done_by_who_touched_them_last():
    files = [effect("/etc/passwd", "modify", id=1), effect("/etc/shadow", "modify", id=2)]
    account = effect("/etc/passwd", "add", type="account", id=3, parts=(1,), shares=(Share(2, (0,)),))
    ended = [Event("account.add", name="ann", time=9.0, effect=3)]
    found = merged([*files, account], [call("write", "/etc/passwd", 1, 5), call("write", "/etc/shadow", 2, 6)], ended)
    assert found.effects[2].process == 6
    assert [(e.kind, e.time, e.process) for e in found.events][-1] == ("account.add", 2, 6)


def test_what_left_nothing_stays_an_event_of_its_own():
    found = merged([], [call("create", "/tmp/x", 1, 5), call("delete", "/tmp/x", 2, 5)])
    assert told(found.events) == [("create", "/tmp/x", 1, 5, "syscalls"), ("delete", "/tmp/x", 2, 5, "syscalls")]


def test_the_name_dpkg_unpacks_a_file_by_is_the_package_managers_doing_too():
    owned = Effect(
        id=1, type="file", op="add", path="/etc/init.d/x", details={"by_package_manager": "true", "package": "x"}
    )
    other = Effect(id=2, type="file", op="add", path="/etc/init.d/y")
    calls = [
        call("write", "/etc/init.d/x.dpkg-new", 1.0), call("write", "/etc/init.d/y.dpkg-new", 2.0),
        call("write", "/etc/init.d/x.other", 3.0),
    ]  # fmt: skip
    events = merged([owned, other], calls).events
    assert [(event.fields.get("by_package_manager"), event.fields.get("package")) for event in events] == [
        (True, "x"), (None, None), (None, None)
    ]  # fmt: skip


def test_effects_nobody_saw_being_made_stay_as_they_were_read():
    file = effect("/opt/x", id=1)
    found = merged([file], [], [read_at_end("create", file)])
    assert told(found.events) == [("create", "/opt/x", 9, 0, "effects")]
    assert found.effects == (file,)


# -- seen by several as it happened -----------------------------------------------------------------------------------


def lookups(observer: str, *when: tuple[str, float, int], start: int = 0, **fields: Any) -> EventLog:
    events = (Event("net.resolve", host=host, time=time, process=process, **fields) for host, time, process in when)
    return log(observer, *events, start=start)


@pytest.mark.parametrize(
    ("first", "second", "events"),
    [
        (("a.example", 1.0, 5), ("a.example", 1.5, 5), 1),
        (("a.example", 1.0, 0), ("a.example", 1.5, 5), 1),  # one does not know who
        (("a.example", 1.0, 4), ("a.example", 1.5, 5), 2),
        (("a.example", 1.0, 5), ("b.example", 1.5, 5), 2),
        (("a.example", 1.0, 5), ("a.example", 1.0 + WINDOW, 5), 1),  # the edge is within
        (("a.example", 1.0, 5), ("a.example", 1.5 + WINDOW, 5), 2),
        (("", 1.0, 5), ("", 1.0, 5), 2),  # not knowing the same thing is not the same
    ],
)
def test_two_observers_saw_one_thing(first, second, events):
    found = merge([lookups("network", first), lookups("frida", second, start=10)]).events
    assert len(found) == events
    if events == 1:
        assert (found[0].time, found[0].process, found[0].observer) == (1.0, 5, "frida, network")


def test_events_of_one_observer_are_never_one():
    found = merge([lookups("network", *[("a", 1.0, 5)] * 3), lookups("frida", *[("a", 1.1, 5)] * 2, start=10)]).events
    assert sorted(event.observer for event in found) == ["frida, network", "frida, network", "network"]


def test_fields_unite_and_the_nearer_observer_is_believed():
    seen = log("hidden", Event("file.read", path="/x", hidden=True, time=2.0))
    calls = log("syscalls", Event("file.read", path="/x", time=1.0, process=4), start=10)
    (event,) = merge([seen, calls]).events
    assert (event.fields, event.time, event.process) == ({"path": "/x", "hidden": True}, 1.0, 4)
    ours = lookups("network", ("a", 1.0, 0), program="/bin/a")
    theirs = lookups("frida", ("a", 1.0, 0), program="/bin/b", start=10)
    assert merge([theirs, ours]).events[0].fields["program"] == "/bin/a"


def test_kinds_nobody_said_an_identity_of_stay_apart():
    logs = [log(name, Event("thing.seen", name="x", time=1.0), start=n) for n, name in enumerate("ab")]
    assert len(merge(logs).events) == 2


def test_every_shared_kind_has_an_identity_of_its_own_fields():
    fields = {kind.name: set(kind.fields) for kind in STANDARD_KINDS}
    assert all(set(names) <= fields[kind] for kind, names in IDENTITY.items())


SEEN = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 12).map(lambda n: n / 2), st.integers(0, 2)), max_size=12
)


@settings(max_examples=200, deadline=None)
@given(st.tuples(SEEN, SEEN, SEEN))
def test_never_fewer_events_than_one_observer_saw_and_never_more_than_all(three):
    logs = [lookups(f"o{n}", *seen, start=n * 100) for n, seen in enumerate(three)]
    found = list(merge(logs).events)
    for host in "ab":
        counts = [sum(one[0] == host for one in seen) for seen in three]
        assert max(counts) <= sum(event.fields["host"] == host for event in found) <= sum(counts)
    for n, seen in enumerate(three):
        assert sum(f"o{n}" in event.observer.split(", ") for event in found) == len(seen), "each is told of once"
    assert [(event.time, event.seq) for event in found] == sorted((event.time, event.seq) for event in found)


def test_a_log_out_of_order_is_sorted_on_disk():
    count = 40_000  # more than is sorted in memory at a time
    events = (Event("thing.seen", name=str(n), time=float(n * 7919 % count)) for n in range(count))
    found = merge([log("a", *events)]).events
    assert [event.time for event in found] == [float(n) for n in range(count)]


def test_a_program_that_renames_a_directory_without_end_does_not_hold_us_up():
    many = [effect(f"/d0/{n}", id=n + 1) for n in range(3000)]
    calls = [call("write", f"/d0/{n}", 1, 5) for n in range(3000)]
    calls += [call("rename", f"/d{n % 2}", 2 + n / 1000, 6, to=f"/d{1 - n % 2}") for n in range(4000)]
    assert len(merged(many, calls).events) == 7000

"""Observers: what they may say, and that none of them can spoil a session."""

import contextlib
import os
import re
import threading
import time

import pytest

from pratique import Event, EventKind, Field, hookimpl
from pratique.errors import PratiqueError
from pratique.host import Host
from pratique.merging import merge
from pratique.observing import LONGEST_TEXT, Observers
from pratique.recording import Recording
from pratique.subject import Subject
from pratique.testing import FakeSession

KINDS = [
    EventKind(
        "thing.seen", "A thing was seen", name=Field.text, path=Field.path, size=Field.size, took=Field.duration,
        count=Field.number, big=Field.flag, address=Field.address, key=Field.key,
    ),
    EventKind("other.seen", "Another thing was seen", name=Field.text),
    EventKind("file.seen", "A file was seen", mode=Field.mode),
]  # fmt: skip


def observer(generate, kinds=KINDS, **more):
    """A plugin whose observer is this function of the session."""

    class Plugin:
        @hookimpl
        def event_kinds(self):
            return kinds

        @hookimpl
        def observe(self, session):
            return generate(session)

    for name, value in more.items():
        setattr(Plugin, name, value)
    return Plugin()


def emitting(*events):
    def generate(session):
        yield from events

    return observer(generate)


def watch(plugins, session=None, *, budget=10.0, settings=None, **more):
    """Run the observers to the end: returns events, runs by name, and the host."""
    host = Host.of(plugins, settings)
    observers = Observers(host, (session or FakeSession()).view, **more)
    observers.start()
    logs, runs = observers.finish(budget)
    return tuple(merge(logs).events), {run.name: run for run in runs}, host


def seen(name, **more):
    return Event("thing.seen", name=name, **more)


def test_events_are_numbered_stamped_and_in_the_order_of_their_time():
    plugins = {
        "late": emitting(seen("c", time=9.0), seen("b", time=0.5)),
        "early": emitting(seen("a", time=0.25), seen("end")),
    }
    events, runs, _ = watch(plugins, FakeSession(duration=3.0))
    assert [event.fields["name"] for event in events] == ["a", "b", "end", "c"]
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [event.observer for event in events] == ["early", "late", "early", "late"]
    assert events[2].time == 3.0, "the session's clock, for an event without a time of its own"
    assert {name: (run.state, run.events, run.error) for name, run in runs.items()} == {
        "late": ("ok", 2, ""), "early": ("ok", 2, "")
    }  # fmt: skip


def test_a_recording_finds_each_event_by_its_number():
    events, _, _ = watch({"a": emitting(*(seen(str(n), time=float(9 - n)) for n in range(9)))})
    recording = Recording(id="x", subject=Subject(path=""), home="/", events=events)
    assert [recording.event(event.seq) for event in events] == list(events)


def test_an_observer_cannot_speak_as_another():
    events, _, _ = watch({"liar": emitting(seen("x", observer="honest"))})
    assert events[0].observer == "liar"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Event("file.write", path="/x"), "the kind 'file.write' is not among those its event_kinds() declares"),
        (seen("x", colour="red"), "thing.seen has no field 'colour'"),
        (seen(5), "name is a text, found int"),
        (seen("x", path=b"/"), "path is a path, found bytes"),
        (seen("x", size=1.5), "size is a size, found float"),
        (seen("x", size=True), "size is a size, found bool"),
        (Event("file.seen", mode=420.5), "mode is a mode, found float"),
        (seen("x", size=10**30), "out of all bounds"),
        (seen("x", count="3"), "count is a number, found str"),
        (seen("x", took=float("nan")), "out of all bounds"),
        (seen("x", big=1), "big is a flag, found int"),
        (seen("x", address=127), "address is a address, found int"),
        (seen("x", time=-1.0), "time is seconds since the session began"),
        (seen("x", time="now"), "time is seconds since the session began"),
        (seen("x", process=-5), "process is the number of a process"),
        (seen("x", effect="1"), "effect is the number of an effect"),
        ("thing.seen", "expected an Event, found str"),
        (None, "expected an Event, found NoneType"),
    ],
)
def test_an_event_that_is_not_as_declared_is_refused_and_counted(event, told):
    events, runs, host = watch({"odd": emitting(event, event, seen("good"))})
    assert [kept.fields["name"] for kept in events] == ["good"]
    assert runs["odd"].state == "ok"
    assert told in runs["odd"].error
    assert "2 events refused" in runs["odd"].error
    assert len(host.failures()) == 1, "told once, not once an event"


def test_values_of_the_declared_types_are_kept():
    fields = {
        "path": "/x",
        "size": 7,
        "took": 1,
        "count": 2.5,
        "big": False,
        "address": "::1",
        "key": "HKCU",
        "program": "/p",
    }
    events, runs, _ = watch({"a": emitting(seen("x", **fields), seen(None))})
    assert runs["a"].error == ""
    assert events[0].fields == {"name": "x", **fields}
    assert events[1].fields == {"name": None}, "None: the observer does not know"


def test_many_different_faults_are_summed_up():
    events, runs, _ = watch({"odd": emitting(*(Event(f"no.kind{n}") for n in range(5000)))})
    assert events == ()
    assert len(runs["odd"].error) < 2000
    assert "4990 events refused: for other reasons" in runs["odd"].error


def test_text_is_cut_to_size_and_made_writable():
    events, runs, _ = watch({"a": emitting(seen("ü" * (LONGEST_TEXT + 5)), seen("\ud800x"), seen("\udcffx"))})
    assert [event.fields["name"] for event in events] == ["ü" * LONGEST_TEXT, "?x", "\udcffx"]
    assert "1 texts were cut" in runs["a"].error


def test_one_event_object_emitted_twice_is_refused():
    event = seen("same")
    events, runs, _ = watch({"a": emitting(event, event)})
    assert len(events) == 1
    assert "make a new one each time" in runs["a"].error


def test_what_an_observer_writes_is_bounded_and_what_was_lost_is_counted():
    plugins = {"loud": emitting(*(seen(str(n)) for n in range(600))), "calm": emitting(seen("one"))}
    events, runs, host = watch(plugins, largest=30_000)
    kept = [event.fields["name"] for event in events if event.observer == "loud"]
    assert kept == [str(n) for n in range(len(kept))], "the first ones are kept, without a gap"
    assert 0 < len(kept) == runs["loud"].events < 600
    assert (runs["loud"].state, runs["calm"].state) == ("overran", "ok")
    assert f"{600 - len(kept)} events could not be kept: a log holds" in runs["loud"].error
    assert len(host.failures()) == 1


def test_events_that_found_no_room_on_the_disk_are_counted(small):
    filler = small / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(os.urandom(1 << 16))
    texts = [os.urandom(20_000).hex() for _ in range(100)]
    events, runs, _ = watch({"a": emitting(*(seen(text) for text in texts))}, place=small)
    assert runs["a"].state == "overran"
    assert f"{100 - len(events)} events could not be kept: No space left on device" in runs["a"].error


@pytest.mark.parametrize("raised", [ValueError("broken"), SystemExit(1), KeyboardInterrupt()])
def test_an_observer_that_raises_keeps_what_it_saw_and_harms_no_other(raised):
    def fail(session):
        yield seen("before")
        raise raised

    events, runs, host = watch({"bad": observer(fail), "good": emitting(seen("good"))})
    assert {event.fields["name"] for event in events} == {"before", "good"}
    assert runs["bad"].state == "failed"
    assert type(raised).__name__ in runs["bad"].error
    assert runs["good"].state == "ok"
    assert [failure.plugin for failure in host.failures()] == ["bad"]


def test_an_error_of_ours_is_told_in_its_own_words_and_any_other_with_its_place():
    def watching(error):
        yield from ()
        raise error

    runs = watch({
        "ours": observer(lambda session: watching(PratiqueError("the companion x ended before the program did"))),
        "other": observer(lambda session: watching(ValueError("broken"))),
    })[1]  # fmt: skip
    assert (runs["ours"].state, runs["ours"].error) == ("failed", "the companion x ended before the program did")
    assert re.fullmatch(r"ValueError: broken \(test_observing\.py:\d+\)", runs["other"].error)


@pytest.mark.alone
def test_an_observer_that_hangs_is_left_behind():
    release = threading.Event()

    def hang(session):
        yield seen("before")
        release.wait()
        yield seen("too late")

    start = time.monotonic()
    events, runs, host = watch({"slow": observer(hang), "good": emitting(seen("good"))}, budget=0.2)
    assert time.monotonic() - start < 5
    assert {event.fields["name"] for event in events} == {"before", "good"}
    assert runs["slow"].state == "overran"
    assert {plugin.name: plugin.state for plugin in host.plugins()} == {"slow": "failed", "good": "on"}
    release.set()
    time.sleep(0.1)
    assert len(events) == 2


def test_an_observer_without_an_end_is_closed_at_the_budget():
    closed = threading.Event()

    def endless(session):
        try:
            while True:
                yield seen("again")
                time.sleep(0.005)
        finally:
            closed.set()

    events, runs, _ = watch({"endless": observer(endless)}, budget=0.1)
    assert closed.is_set()
    assert len(events) == runs["endless"].events > 0
    assert runs["endless"].state == "overran", "it had more to say, and that is not hidden"


def test_what_is_no_generator_is_a_failure_and_none_is_not():
    plugins = {"list": observer(lambda session: [seen("x")]), "none": observer(lambda session: None)}
    events, runs, _ = watch(plugins)
    assert events == ()
    assert (runs["list"].state, runs["none"].state) == ("failed", "ok")
    assert "expected an iterator of Event (use yield), found list" in runs["list"].error


def test_each_observer_finds_its_own_settings():
    def tell(session):
        yield seen(str(session.settings.get("depth")))

    plugins = {"a": observer(tell), "b": observer(tell)}
    events, _, _ = watch(plugins, settings={"a": {"depth": 3}})
    assert {event.observer: event.fields["name"] for event in events} == {"a": "3", "b": "None"}


def test_the_count_grows_while_the_session_runs():
    go = threading.Event()

    def generate(session):
        yield seen("first")
        go.wait()
        yield seen("second")

    observers = Observers(Host.of({"a": observer(generate)}), FakeSession().view)
    observers.start()
    deadline = time.monotonic() + 5
    while observers.count < 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert observers.count == 1
    go.set()
    assert len(observers.finish(5)[0][0]) == observers.count == 2


def test_observers_that_were_never_started_are_off():
    observers = Observers(Host.of({"a": emitting(seen("x"))}), FakeSession().view)
    (log,), (run,) = observers.finish(1)
    assert (len(log), run.state) == (0, "off")


def test_a_hundred_thousand_events_pass_in_seconds():
    def many(session):
        for number in range(100_000):
            yield seen("x", path="/some/where", size=number)

    start = time.process_time()
    events, runs, _ = watch({"many": observer(many)}, budget=60)
    assert len(events) == 100_000
    assert runs["many"].error == ""
    assert time.process_time() - start < 10

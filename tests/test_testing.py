"""The test kit: it passes what behaves, and says in a sentence what does not."""

import os
import sys
import threading

import pytest

from pratique import Effect, Event, EventKind, Facts, Field, hookimpl
from pratique.host.installed import entries
from pratique.testing import FakeSession, conformance, conforms, record

KIND = EventKind("thing.seen", "A thing was seen", path=Field.path)


class Good:
    @hookimpl
    def event_kinds(self):
        return [KIND]

    @hookimpl
    def observe(self, session):
        for effect in session.effects():
            yield Event("thing.seen", path=effect.path, effect=effect.id)


def observing(generate):
    class Plugin(Good):
        @hookimpl
        def observe(self, session):
            return generate(session)

    return Plugin()


@pytest.mark.parametrize("target", [e.target for e in entries() if e.distribution.name == "pratique"])
def test_every_shipped_plugin_conforms(target):
    assert conforms(target) == []


def test_there_are_shipped_plugins():
    assert {"effects", "hidden", "revert"} <= {entry.name for entry in entries()}


# -- the fake session


def test_a_fake_session_shows_what_the_test_says_happened():
    session = FakeSession(
        effects=["/etc/a", Effect(id=9, type="service", op="modify", path="/etc/systemd/b.service")],
        files={"/etc/a": "text", "/etc/b": b"0123456789"}, files_before={"/etc/b": b"before"},
        opened=["/home/person/.ssh/id"], settings={"x": 1}, duration=4.5,
    )  # fmt: skip
    assert [(effect.id, effect.path) for effect in session.effects(type="file")] == [(1, "/etc/a")]
    assert [effect.id for effect in session.effects(op="modify", under="/etc/systemd")] == [9]
    assert [effect.path for effect in session.effects(under="/etc/sys")] == [], "a folder, not a beginning"
    assert [effect.path for effect in session.effects(under="/etc/a")] == ["/etc/a"]
    assert (session.read("/etc/a"), session.read("/etc/b", 3), session.read("/none")) == (b"text", b"012", None)
    assert (session.read_before("/etc/b"), session.read_before("/etc/a")) == (b"before", None)
    assert list(session.opened()) == ["/home/person/.ssh/id"]
    assert (session.now(), session.ended(), session.settings) == (4.5, True, {"x": 1})
    assert session.processes()[0].id == 0


def test_a_fake_session_is_a_session_as_the_hooks_declare_it():
    from pratique.hookspecs import Session

    declared = {name for name in (*vars(Session), *Session.__annotations__) if not name.startswith("_")}
    session = FakeSession()
    assert {name for name in declared if not hasattr(session, name)} == set()


# -- the recorder


def test_record_returns_the_events():
    (event,) = record(Good(), FakeSession(effects=["/x"]))
    assert (event.kind, event.fields, event.seq) == ("thing.seen", {"path": "/x"}, 1)


def test_record_gives_the_settings():
    plugin = observing(lambda session: iter([Event("thing.seen", path=session.settings["where"])]))
    assert record(plugin, FakeSession(), {"where": "/a"})[0].fields == {"path": "/a"}
    assert record(plugin, FakeSession(settings={"where": "/b"}))[0].fields == {"path": "/b"}


def test_record_fails_with_the_reason():
    with pytest.raises(AssertionError, match="undeclared"):
        record(observing(lambda session: iter([Event("undeclared.kind")])), FakeSession())
    with pytest.raises(AssertionError, match="implements no hook"):
        record(object(), FakeSession())

    def fail(session):
        raise ValueError("on purpose")
        yield

    with pytest.raises(AssertionError, match="the observer failed: ValueError: on purpose"):
        record(observing(fail), FakeSession())


# -- conformance


def test_a_plugin_that_behaves_conforms():
    assert conforms(Good()) == []
    conformance(Good())()


def problems(plugin):
    found = conforms(plugin)
    assert found, "the misbehaviour went unnoticed"
    return "\n".join(found)


def test_a_module_that_cannot_be_imported_is_a_finding(tmp_path, monkeypatch):
    (tmp_path / "leaves.py").write_text("raise SystemExit('bye')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert problems("no_such_module") == "it cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    assert problems("leaves") == "it cannot be imported: SystemExit: bye"


def test_a_misspelled_hook_is_a_finding():
    class Misspelled:
        @hookimpl
        def obsrve(self, session): ...

    assert 'did you mean "observe"?' in problems(Misspelled())


def test_an_observer_without_kinds_is_a_finding():
    class Silent:
        @hookimpl
        def observe(self, session):
            return iter(())

    assert "declares no event kinds" in problems(Silent())


def test_kinds_that_say_nothing_or_take_a_known_name_are_findings():
    class Odd(Good):
        @hookimpl
        def event_kinds(self):
            return [KIND, EventKind("x.y", " "), EventKind("file.write", "mine", colour=Field.text)]

    told = problems(Odd())
    assert "the kind x.y has no sentence" in told
    assert "'file.write' is declared twice" in told


def test_undeclared_events_and_failures_on_odd_effects_are_findings():
    assert "not among those" in problems(observing(lambda session: iter([Event("undeclared.kind")])))

    def careless(session):
        for effect in session.effects():
            yield Event("thing.seen", path=str(effect.after.size))

    assert "in a session full of odd effects it failed: AttributeError" in problems(observing(careless))


def test_state_kept_between_sessions_is_a_finding():
    known = set()

    def remembering(session):
        for effect in session.effects():
            if effect.path not in known:
                known.add(effect.path)
                yield Event("thing.seen", path=effect.path)

    assert "it keeps state between sessions" in problems(observing(remembering))


def test_a_generator_that_cannot_be_closed_is_a_finding():
    def stubborn(session):
        for effect in session.effects():
            try:
                yield Event("thing.seen", path=effect.path)
            except GeneratorExit:
                yield Event("thing.seen", path="/more")

    assert "closing it between two events raised RuntimeError" in problems(observing(stubborn))


def test_wrong_answers_and_errors_of_other_hooks_are_findings():
    class Wrong:
        @hookimpl
        def identify(self, path):
            return Facts(kind=path)

        @hookimpl
        def services(self, role):
            raise KeyError(role)

    told = problems(Wrong())
    assert "identify: returned nonsense: expected Facts" in told
    assert "services: KeyError" in told


def test_changing_the_file_it_looks_at_is_a_finding():
    class Changing:
        @hookimpl
        def scan(self, file):
            file.write_bytes(b"changed")

    assert "changed the files it was given" in problems(Changing())


def test_what_is_left_behind_is_a_finding(tmp_path, monkeypatch):
    monkeypatch.setenv("LEFT_BEHIND", "")
    kept = []
    stop = threading.Event()

    class Untidy:
        @hookimpl
        def remedies(self):
            kept.append((tmp_path / "left").open("w"))
            threading.Thread(target=stop.wait, name="left-running", daemon=True).start()
            os.environ["LEFT_BEHIND"] = "changed"
            sys.path.append("/left")
            return []

    try:
        told = problems(Untidy())
    finally:
        stop.set()
        sys.path.remove("/left")
        for file in kept:
            file.close()
    assert "it left a thread running: left-running" in told
    assert f"it left a file open: {tmp_path}/left" in told
    assert "it changed the environment of the process" in told
    assert "it changed the module search path of the process" in told

"""The call log's events are passed on as they are, and none of a kind that was not declared."""

from __future__ import annotations

from pratique.events import STANDARD_KINDS, Event
from pratique.sandbox.calls import files, machine, network, programs
from pratique.testing import FakeSession, conformance, record
from pratique_detectors import syscalls

test_conformance = conformance("pratique_detectors.syscalls")


def test_what_was_logged_is_told_with_its_time_and_process():
    calls = [
        Event("process.exec", time=0.1, process=0, path="/opt/setup", arguments="setup", user="root"),
        Event("file.create", time=0.25, process=3, path="/opt/x", type="file", mode=0o644),
    ]
    told = record(syscalls, FakeSession(calls=calls))
    assert [(event.kind, event.time, event.process) for event in told] == [
        ("process.exec", 0.1, 0), ("file.create", 0.25, 3),
    ]  # fmt: skip


def test_every_kind_that_is_logged_is_declared():
    """What the decoding functions name in so many words."""
    names = {kind.name for kind in STANDARD_KINDS}
    constants = {
        constant
        for module in (files, machine, network, programs)
        for function in vars(module).values()
        if hasattr(function, "__code__")
        for constant in function.__code__.co_consts
        if constant in names
    }
    assert len(constants) > 12
    assert constants <= {kind.name for kind in syscalls.event_kinds()}

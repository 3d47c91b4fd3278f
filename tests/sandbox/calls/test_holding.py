"""A wanted program waits before its first line, until it is told to go; nobody else waits."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import psutil

from pratique.events import Event
from pratique.sandbox.calls import holding, log


def started(one, ended: list | None = None) -> threading.Thread:
    """The quarantine running, when its channel is there."""
    into = [] if ended is None else ended
    running = threading.Thread(target=lambda: into.append(one.run(on_output=lambda *_: None)))
    running.start()
    deadline = time.monotonic() + 30
    while one.holds is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert one.holds is not None
    one.holds.settimeout(30)
    return running


def test_held_until_let_go(quarantine, host):
    one = quarantine("sh", "-c", "cat /dev/null & echo > meanwhile; wait; echo > last", hold=("/**/cat",))
    ended = []
    running = started(one, ended)
    message = json.loads(one.holds.recv(4096))
    assert message["program"].endswith("/cat")
    seen = []
    for event in one.calls():
        seen.append(str(event.fields.get("path", "")).rpartition("/")[2])
        if seen[-1] == "meanwhile" and event.kind == "file.write":
            # Not one instruction of its own has run: it has opened nothing.
            held = next(child for child in psutil.Process().children(recursive=True) if child.name() == "cat")
            files = {str(link.readlink()) for link in Path(f"/proc/{held.pid}/fd").iterdir()}
            assert "/dev/null" in files
            one.holds.send(json.dumps({"go": message["held"]}).encode())
    running.join()
    assert seen[-1] == "last"
    processes = {process.id: process for process in ended[0].processes}
    assert processes[message["process"]].arguments == ("cat", "/dev/null")


def test_who_is_not_let_go_in_time_goes_on_and_is_counted(quarantine, monkeypatch):
    monkeypatch.setattr(holding, "LIMIT", 0.3)
    one = quarantine("sh", "-c", "cat /dev/null; echo > last", hold=("/**/cat",))
    running = started(one)
    assert json.loads(one.holds.recv(4096))["held"] > 1
    assert [event.fields["path"] for event in one.calls()][-1].endswith("/last")
    running.join()
    assert "1 programs ran on before they were looked into" in one.notes


def test_nobody_is_held_who_was_not_asked_for(quarantine):
    one = quarantine("sh", "-c", "cat /dev/null; true", hold=("/nowhere/*",))
    running = started(one)
    one.holds.settimeout(5)
    running.join()
    assert one.holds.recv(4096) == b""


def test_neither_a_stop_nor_what_ends_it_lets_it_go(quarantine):
    """Only the word of who holds it does, or a deadly signal."""
    one = quarantine("sh", "-c", "cat /dev/null; echo > last", hold=("/**/cat",))
    running = started(one)
    message = json.loads(one.holds.recv(4096))
    (held,) = (child for child in psutil.Process().children(recursive=True) if child.name() == "cat")
    for number in (signal.SIGSTOP, signal.SIGCONT) * 3:
        held.send_signal(number)
        time.sleep(0.02)
        assert held.name() == "cat"
        # Waiting for its call to be answered: killable, which the kernel shows as uninterruptible once a signal came.
        assert held.status() in (psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP)
    assert not any(event.fields.get("path", "").endswith("/last") for event in written(one))
    one.holds.send(json.dumps({"go": message["held"]}).encode())
    running.join()
    assert [event.fields["path"] for event in one.calls()][-1].endswith("/last")
    assert not [note for note in one.notes if "ran on" in note]


def written(one) -> list[Event]:
    """What the log holds by now."""
    return list(log.follow(one.spec.place / "calls.jsonl", lambda: True))

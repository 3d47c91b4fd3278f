"""What an event costs on its way: to the disk, merged, judged, recorded and back. In processor time, best of three."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pratique import judging, policies, recording
from pratique.eventlog import EventLog
from pratique.events import STANDARD_KINDS, Event, Vocabulary
from pratique.merging import merge
from pratique.policy.compile import compile_policy
from pratique.recording import Component, Recording
from pratique.subject import Subject

EVENTS = 100_000


def events() -> list[Event]:
    return [
        Event(
            "file.write", seq=n, time=n / 1e4, process=n % 50, observer="syscalls", size=n, added="a line of text",
            path=f"/opt/application/part{n % 1000}/file{n}", removed="", executable=False,
        )
        for n in range(1, EVENTS + 1)
    ]  # fmt: skip


def log_of(given: list[Event]) -> EventLog:
    log = EventLog()
    for event in given:
        log.append(event)
    log.close()
    return log


def cost(work: Callable[[], object]) -> float:
    """Microseconds an event."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best / EVENTS * 1e6


def main() -> None:
    given = events()
    log = log_of(given)
    merged = merge([log]).events
    kept = Recording(
        id="bench", subject=Subject(path="/x"), home="/root", components=(Component(name="x"),), events=merged
    )
    compiled = compile_policy(policies.in_force(Vocabulary(STANDARD_KINDS)).policy, home="/root")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "x.rec"
        recording.write(kept, file)
        rows = {
            "put on disk": lambda: log_of(given),
            "read from disk": lambda: sum(1 for _ in log),
            "merged": lambda: merge([log]),
            "judged by the shipped policy, read from disk": lambda: judging.judge(compiled, kept),
            "recorded": lambda: recording.write(kept, file),
            "recorded, `record without` in force": lambda: recording.write(kept, file, without=["~/.ssh/**"]),
            "a recording read and checked": lambda: recording.read(file),
        }
        print("| us an event | |\n|---|---:|")
        for name, work in rows.items():
            print(f"| {name} | {cost(work):.1f} |")
        print(f"| bytes an event in the recording | {file.stat().st_size / EVENTS:.0f} |")


if __name__ == "__main__":
    main()

"""A session of so many events, from the observer to the report and back: `python a_million.py NUMBER FILE`.

A process of its own, so that its memory can be measured: what it prints is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pratique import Event, deciding, hookimpl, judging, recording
from pratique.events import STANDARD_KINDS
from pratique.host import Host
from pratique.merging import merge
from pratique.observing import Observers
from pratique.policy.compile import compile_policy
from pratique.policy.model import Action, Count, Globs, Policy, Sequence, Single, Step
from pratique.recording import Component, Process, Recording
from pratique.run import concluding
from pratique.subject import Subject
from pratique.testing import FakeSession


class Busy:
    """An observer that sees a program make and write files, half of them in /opt."""

    def __init__(self, number: int) -> None:
        self.number = number

    @hookimpl
    def event_kinds(self):
        return [kind for kind in STANDARD_KINDS if kind.name in ("file.create", "file.write")]

    @hookimpl
    def observe(self, session) -> Iterator[Event]:
        for n in range(1, self.number + 1):
            path = f"/{'opt' if n % 4 < 2 else 'srv'}/application/part{n % 1000}/file{n}"
            if n % 2:
                yield Event("file.create", time=n / 1e4, process=n % 50, path=path, type="file", mode=0o644)
            else:
                yield Event("file.write", time=n / 1e4, process=n % 50, path=path, size=n, added="a line of text")


def action(name: str, *triggers) -> Action:
    return Action(name=name, title=name, category="c", weight=10, triggers=triggers, remedy="revert")


OPT, SRV = Globs("path", ("/opt/**",)), Globs("path", ("/srv/**",))
#: Each event is evidence of several actions; counts and sequences go on for the whole session.
POLICY = Policy(
    name="broad",
    actions=(
        action("writes", Single(Step(kinds=("file.write",)))),
        action("opt", Single(Step(kinds=("file.create", "file.write"), where=OPT))),
        action("many", Count(step=Step(kinds=("file.create",)), at_least=100, by="session", within=60.0)),
        action("every", Count(step=Step(kinds=("file.write",)), at_least=100, by="process", within=None)),
        action(
            "never",
            Sequence(
                steps=(Step(kinds=("file.write",), where=SRV), Step(kinds=("file.write",), where=OPT),
                       Step(kinds=("file.delete",))),
                by="session", within=60.0,
            ),
        ),
    ),
)  # fmt: skip


def session(number: int, file: Path) -> dict[str, float]:
    took = {}
    start = time.perf_counter()

    def done(what: str) -> None:
        nonlocal start
        took[what] = time.perf_counter() - start
        start = time.perf_counter()

    observers = Observers(Host.of({"busy": Busy(number)}), FakeSession().view, file.parent)
    observers.start()
    logs, runs = observers.finish(3600)
    done("observed")
    merged = merge(logs, (), file.parent)
    del logs
    done("merged")
    kept = Recording(
        id="million", subject=Subject(path="/x", name="x"), home="/root", exit_status=0, observers=runs,
        components=(Component(name="x"),), processes=tuple(Process(id=n, parent=0) for n in range(50)),
        events=merged.events,
    )  # fmt: skip
    report = judged(kept)
    done("judged")
    recording.write(kept, file, without=["~/.ssh/**"])
    done("written")
    return {**took, **report}


def replay(file: Path) -> dict[str, float]:
    start = time.perf_counter()
    kept = recording.read(file)
    read = time.perf_counter() - start
    return {"read": read, **judged(kept), "judged": time.perf_counter() - start - read}


def judged(kept: Recording) -> dict[str, float]:
    verdict = judging.judge(compile_policy(POLICY, home=kept.home), kept)
    leaving = deciding.leave_out(kept, verdict, POLICY, {})
    report = concluding.conclude(kept, POLICY, verdict, leaving, None).report
    assert report.verdict is not None
    return {
        "events": len(kept.events),
        "total": report.verdict.total,
        **{action.name: action.evidence_count for action in report.actions},
    }


def largest() -> float:
    """MiB this program had at most. `getrusage` would count what its parent had when it started this."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    number, file = int(sys.argv[1]), Path(sys.argv[2])
    found = session(number, file) if number else replay(file)
    found["MiB"] = largest()
    print(json.dumps(found))

"""How fast a policy judges, at 100, 1,000 and 10,000 actions, beside other engines with the same rules.

Each peer runs in a process of its own, with a bound on the time it may take to load the rules and to answer, and is
given as many events as fit; what it finds must be what ours finds. Ours is measured on all events, in three ways:

- `first`: a policy just compiled, events never seen, many of them in the same directories, as in an installation;
- `new dirs`: every event in a directory of its own, so that nothing remembered of one directory helps with another;
- `findings`: the whole way to findings, with components, order and evidence, as a verdict needs it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import engines
from workload import HIT_RULES, Happening, happenings, rules

from pratique.events import Event
from pratique.policy.evaluate import Circumstances, hits

SIZES = (100, 1_000, 10_000)
EVENTS = 100_000
ROUNDS = 7
#: Seconds a peer may take to load its rules, and to answer.
LOAD, ANSWER = 20.0, 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", nargs=2, metavar=("NAME", "ACTIONS"), help=argparse.SUPPRESS)
    parser.add_argument("--only-ours", action="store_true", help="leave the peers out")
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(measure_peer(args.peer[0], int(args.peer[1]))))
        return 0
    ours = measure_ours()
    if not args.only_ours:
        compare(ours)
    return 0


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of several runs, in seconds of processor time: other programs on the machine hardly count."""
    took = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took)


def call_nothing(events: list[Event]) -> None:
    """The least Python can do for each event: call a function that does nothing."""

    def nothing(event: Event) -> None:
        pass

    for event in events:
        nothing(event)


def measure_ours() -> dict[int, float]:
    """Print our table; the answer is actions -> seconds per event, the first time."""
    usual = engines.events(happenings(EVENTS, seed=2))
    apart = engines.events(happenings(EVENTS, seed=3, new_directories=True))
    print(f"{'actions':>8} {'compile s':>10} {'empty ns':>9} {'first ns':>9} {'events/s':>11} {'x empty':>8}", end="")
    print(f" {'new dirs ns':>12} {'findings ns':>12}")
    ours = {}
    for size in SIZES:
        chosen = rules(size)
        compiling = best(lambda chosen=chosen: engines.compiled(chosen), 2)  # type: ignore[misc]
        took: list[tuple[float, ...]] = []
        for _ in range(ROUNDS):
            first, second = engines.compiled(chosen), engines.compiled(chosen)
            warm_up(first)
            warm_up(second)
            took.append(
                (
                    best(lambda: call_nothing(usual), 1),
                    best(lambda: hits(first.plans, usual, Circumstances()), 1),  # noqa: B023
                    best(lambda: hits(second.plans, apart, Circumstances()), 1),  # noqa: B023
                    best(lambda: first.findings(usual), 1),  # noqa: B023
                )
            )
        empty, new, apart_new, whole = (min(column) / EVENTS for column in zip(*took, strict=True))
        ours[size] = new
        print(
            f"{size:>8,} {compiling:>10.2f} {empty * 1e9:>9.0f} {new * 1e9:>9.0f} {1 / new:>11,.0f} {new / empty:>8.1f}"
            f" {apart_new * 1e9:>12.0f} {whole * 1e9:>12.0f}",
            flush=True,
        )
    print(f"\nfrom {SIZES[0]} to {SIZES[-1]:,} actions: {ours[SIZES[-1]] / ours[SIZES[0]]:.2f} x slower\n")
    return ours


def warm_up(policy: engines.CompiledPolicy) -> None:
    """Let the automata make their first states, on events that are in no measurement."""
    hits(policy.plans, engines.events(happenings(2_000, seed=4)), Circumstances())


def compare(ours: dict[int, float]) -> None:
    print(f"{'peer':<12} {'actions':>8} {'load s':>7} {'events':>7} {'us/event':>10} {'ours is faster by':>18}")
    fastest: dict[int, tuple[float, str]] = {}
    for name in engines.PEERS:
        for size in SIZES:
            answer = ask_peer(name, size)
            if isinstance(answer, str):
                print(f"{name:<12} {size:>8,}   {answer}")
                continue
            load, count, per_event = answer
            ratio = per_event / ours[size]
            print(
                f"{name:<12} {size:>8,} {load:>7.2f} {count:>7,} {per_event * 1e6:>10.1f} {ratio:>17,.0f}x", flush=True
            )
            if name != "lambdas" and (size not in fastest or per_event < fastest[size][0]):
                fastest[size] = (per_event, name)
    print()
    for size, (per_event, name) in fastest.items():
        print(f"at {size:,} actions: {per_event / ours[size]:,.0f} x the fastest engine, {name}")


def ask_peer(name: str, size: int) -> tuple[float, int, float] | str:
    """(seconds to load, events answered, seconds per event), or why there is none."""
    command = [sys.executable, __file__, "--peer", name, str(size)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LOAD + 4 * ANSWER, env=os.environ, check=False
        )
    except subprocess.TimeoutExpired:
        return f"more than {LOAD + 4 * ANSWER:.0f} s to load and answer: given up"
    if done.returncode != 0:
        return f"not measured: {(done.stderr.strip().splitlines() or ['it died'])[-1][:90]}"
    found = json.loads(done.stdout)
    return found["load"], found["events"], found["per_event"]


def measure_peer(name: str, size: int) -> dict[str, float]:
    """Load the rules, then ask about more and more events until the time is used."""
    started = time.process_time()
    ask = engines.PEERS[name](rules(size))
    load = time.process_time() - started
    given = happenings(EVENTS, seed=2)
    check_answers(name, ask, given)
    count = 10
    while True:
        took = best(lambda: ask(given[:count]), 1)  # noqa: B023
        if took > ANSWER / 4 or count >= EVENTS:
            return {"load": load, "events": count, "per_event": took / count}
        count = min(EVENTS, count * max(2, min(10, int(ANSWER / 2 / max(took, 1e-6)))))


def check_answers(name: str, ask: engines.Asked, given: list[Happening]) -> None:
    """A peer that finds something else than we do is not measured on the same work."""
    known = engines.compiled(rules(HIT_RULES))
    some = [given[event.seq] for event, _ in hits(known.plans, engines.events(given[:2_000]), Circumstances())][:10]
    expected = len(hits(known.plans, engines.events(some), Circumstances()))
    if (answered := ask(some)) != expected:
        raise SystemExit(f"{name} found {answered} matches where {expected} were expected")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())

"""Memory does not follow the number of events: from the observer to the report, to the file and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("a_million.py")


def measured(number: int, file: Path) -> dict[str, float]:
    """What a process of its own made of so many events; 0: of the recording."""
    done = subprocess.run(
        [sys.executable, PROGRAM, str(number), file], capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def same(live: dict[str, float], replayed: dict[str, float]) -> bool:
    names = live.keys() & replayed.keys() - {"MiB", "judged"}
    return {name: live[name] for name in names} == {name: replayed[name] for name in names}


def test_a_hundred_and_fifty_thousand_events_take_little_more_memory_than_ten_thousand(tmp_path):
    few, many = (measured(number, tmp_path / f"{number}.rec") for number in (10_000, 150_000))
    assert many["opt"] == 15 * few["opt"]
    assert many["MiB"] - few["MiB"] < 20, (few, many)
    replayed = measured(0, tmp_path / "150000.rec")
    assert replayed["MiB"] - few["MiB"] < 20, replayed
    assert same(many, replayed)


@pytest.mark.proof
def test_a_million_events_are_judged_and_recorded_in_150_mib(tmp_path):
    live = measured(1_000_000, tmp_path / "million.rec")
    assert live["events"] == 1_000_000
    assert live["MiB"] <= 150, live
    replayed = measured(0, tmp_path / "million.rec")
    assert replayed["MiB"] <= 150, replayed
    assert same(live, replayed)
    print(f"\nlive {live}\nreplayed {replayed}")

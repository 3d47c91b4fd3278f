"""Lists in the sentences of reports: a few by name, and how many others."""

from __future__ import annotations

import pytest

from pratique.abridged import abridged
from pratique.events import Event
from pratique.run import outcomes, reaching


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, ""),
        (1, "a"),
        (5, "a, b, c, d, e"),
        (6, "a, b, c, d, e and 1 other"),
        (9, "a, b, c, d, e and 4 others"),
    ],
)
def test_the_first_five_are_named_and_the_others_counted(count: int, said: str) -> None:
    assert abridged("abcdefghi"[:count]) == said


def test_between_long_names_stands_a_semicolon() -> None:
    assert abridged(["a (b, c)", "d", "e", "f"], between="; ", most=2) == "a (b, c); d; and 2 others"


def test_places_and_acts_are_told_alike() -> None:
    connected = [Event("net.connect", address="192.0.2.1", port=port, protocol="tcp") for port in range(1, 9)]
    (places,) = reaching.notes(connected, "none")
    assert places.endswith(", 192.0.2.1:5 and 3 others")
    refused = [Event("mount.call", target=f"/mnt/{n}", outcome="denied") for n in range(1, 9)]
    (acts,) = outcomes.notes(refused, [], {})
    assert acts.endswith("; mount.call: /mnt/5; and 3 others")

"""What is remembered: decisions with what was agreed to, and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from pratique.errors import UsageError
from pratique.policy.score import Verdict
from pratique.subject import Subject

SCHEMA: Final = "pratique.decisions/1"
#: How far a clock may go back before an expiry is no longer believed: what a time server corrects.
CLOCK_SLACK: Final = 300.0  # s

Choice = Literal["install", "without", "refuse"]
Source = Literal["flag", "remembered", "policy", "person"]
Standing = Literal["undesirable", "clean"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Key(Record, frozen=True, kw_only=True):
    """What a decision is remembered by: the file's SHA-256, or its signer's key and its name."""

    sha256: str = ""
    signer: str = ""  # fingerprint
    name: str = ""

    def in_words(self, signer: str) -> str:
        """What it stands for. `signer`: the name of who has the key, "" where it is not known."""
        if self.sha256:
            return f"this file ({self.sha256[:12]}…)"
        return f"everything called {self.name} signed by {signer or self.signer}"


def lasting(seconds: float | None) -> str:
    """For how long something is remembered, in words. None: for ever.

    >>> lasting(180 * 86400), lasting(86400), lasting(90 * 60), lasting(None)
    ('for 180 days', 'for 1 day', 'for 90 minutes', 'until you forget it')
    """
    if seconds is None:
        return "until you forget it"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"for {count} {unit}{'' if count == 1 else 's'}"
    return f"for {seconds:g} seconds"


class Agreed(Record, frozen=True, kw_only=True):
    """The verdict a decision was made on: its class, its total, and the undesirable actions that were shown.

    An action the person was told of by the installer is written with " (disclosed)" behind it.
    """

    verdict: Literal["clean", "undesirable"]
    total: float = 0.0
    actions: frozenset[str] = frozenset()
    policy: str = ""  # name and version, for people

    @classmethod
    def on(cls, verdict: Verdict, policy: str = "") -> Agreed:
        actions = frozenset(f"{f.action} (disclosed)" if f.disclosed else f.action for f in verdict.findings)
        return cls(verdict=verdict.verdict, total=verdict.total, actions=actions, policy=policy)

    def covers(self, now: Agreed) -> bool:
        """Whether somebody who agreed to this agreed to `now`: nothing new is done, and it is judged no worse."""
        if now.verdict == "undesirable" and self.verdict == "clean":
            return False
        return all(a in self.actions or a.removesuffix(" (disclosed)") in self.actions for a in now.actions)


class Remembered(Record, frozen=True, kw_only=True):
    """One decision. Times are Unix seconds; `expires` None: never."""

    id: str
    choice: Choice
    source: Source
    key: Key
    made: float
    expires: float | None = None
    agreed: Agreed
    name: str = ""  # of the program it was made on, for people
    signer: str = ""
    components: dict[str, Choice] = {}

    def in_force(self, now: float) -> bool:
        """Not expired. Where the clock went back past its making, an expiry cannot be judged: only a refusal holds."""
        if self.expires is None:
            return True
        if now < self.made - CLOCK_SLACK:
            return self.choice == "refuse"
        return now < self.expires

    def answers(self, verdict: Verdict) -> Choice | None:
        """The choice, where it speaks for this verdict; None: the person has to be asked again."""
        if self.choice == "refuse" or self.agreed.covers(Agreed.on(verdict)):
            return self.choice
        return None


class Mark(Record, frozen=True, kw_only=True):
    """What the person says of a file by hand."""

    id: str
    sha256: str
    standing: Standing
    made: float
    name: str = ""
    note: str = ""


class Book(Record, frozen=True, kw_only=True):
    """The file."""

    schema: str
    remembered: tuple[Remembered, ...] = ()
    marks: tuple[Mark, ...] = ()


def scope(subject: Subject, by: Sequence[str]) -> Key:
    """What a decision on this subject can be remembered by, given what the policy asks for (`decide { remember by }`).

    Signer and name only with a valid signature of a trusted signer and a name; else, and when the policy says so, the
    file itself. Raises `UsageError` when not even that is known.
    """
    signer = subject.signer
    if "signer" in by and signer is not None and signer.valid and signer.trusted and signer.key and subject.name:
        return Key(signer=signer.key, name=subject.name)
    if not subject.sha256:
        raise UsageError("nothing identifies this program well enough to remember a decision by")
    return Key(sha256=subject.sha256)

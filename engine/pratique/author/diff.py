"""What a change of a policy changes: the same recordings judged by both, and what came out otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pratique import judging
from pratique import recording as recordings
from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.model import Policy
from pratique.policy.score import Verdict, VerdictClass
from pratique.recording import Recording


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy makes of a recording."""

    verdict: VerdictClass
    total: float
    actions: tuple[tuple[str, str], ...]  # (component, action)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A recording the two policies judge differently; `problem` when it could not be judged at all."""

    recording: str
    before: Outcome | None = None
    after: Outcome | None = None
    gained: tuple[tuple[str, str], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    @property
    def turned(self) -> bool:
        """The class of the verdict changed: what was installed is not, or the other way round."""
        return self.before is not None and self.after is not None and self.before.verdict != self.after.verdict


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that two policies judge differently, of so many recordings."""

    recordings: int
    differences: tuple[Difference, ...]
    #: recording -> globs of files one of the policies wants to hear read, and nobody listened then
    unwatched: dict[str, tuple[str, ...]] = {}

    @property
    def share(self) -> float:
        """Of the recordings that could be judged, the share whose class changed, of 1."""
        judged = self.recordings - sum(1 for one in self.differences if one.problem)
        return sum(1 for one in self.differences if one.turned) / judged if judged else 0.0


def recordings_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The recordings beneath these directories, and the files named themselves, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*.rec") if found.is_file())
        else:
            yield path


def compare(old: Policy, new: Policy, paths: Iterable[Path]) -> Comparison:
    """Judge each recording by both policies. A file that is no recording is a difference with a problem."""
    judges = (_Judge(old), _Judge(new))
    every = list(paths)
    found = []
    unwatched = {}
    for path in every:
        try:
            kept = recordings.read(path)
        except (recordings.RecordingError, OSError) as error:
            found.append(Difference(recording=str(path), problem=str(error)))
            continue
        if missed := dict.fromkeys((*judging.unwatched(old, kept), *judging.unwatched(new, kept))):
            unwatched[str(path)] = tuple(missed)
        before, after = (outcome(judge.verdict(kept)) for judge in judges)
        if before != after:
            found.append(
                Difference(
                    recording=str(path),
                    before=before,
                    after=after,
                    gained=tuple(one for one in after.actions if one not in before.actions),
                    lost=tuple(one for one in before.actions if one not in after.actions),
                )
            )
    return Comparison(recordings=len(every), differences=tuple(found), unwatched=unwatched)


def outcome(verdict: Verdict) -> Outcome:
    """What matters of a verdict when it is compared."""
    actions = dict.fromkeys((finding.component, finding.action) for finding in verdict.findings)
    return Outcome(verdict=verdict.verdict, total=verdict.total, actions=tuple(sorted(actions)))


class _Judge:
    """One policy, compiled once for each home."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._compiled: dict[str, CompiledPolicy] = {}

    def verdict(self, kept: Recording) -> Verdict:
        if kept.home not in self._compiled:
            self._compiled[kept.home] = compile_policy(self._policy, home=kept.home)
        return judging.judge(self._compiled[kept.home], kept)

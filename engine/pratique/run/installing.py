"""What was admitted is put on the host. Where the host is in its way the session is kept, to be committed again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pratique import history, places
from pratique.errors import ConflictError, NoRoomError, PratiqueError
from pratique.host import Host
from pratique.recording import Recording
from pratique.report import Report
from pratique.run import afterwards, keeping, taking_apart
from pratique.run.claimed import one_at_a_time
from pratique.run.concluding import Conclusion
from pratique.sandbox.pruning import prune
from pratique.sandbox.quarantine import Quarantine


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """`applied` are the ids of the file effects that reached the host; `notes` what did not go as it should."""

    applied: frozenset[int]
    notes: tuple[str, ...] = ()


def install(quarantine: Quarantine, recording: Recording, conclusion: Conclusion, host: Host) -> Installed:
    """Put what the conclusion wants on the host, and run what plugins ask for afterwards.

    Raises `ConflictError`, `NoRoomError`, `PratiqueError`; the host is then as it was.
    """
    by_id = {effect.id: effect for effect in recording.effects}
    with one_at_a_time():
        contents = taking_apart.contents(quarantine, recording, conclusion.pieces)
        _foretell(conclusion.report)
        committed = quarantine.commit([by_id[i] for i in sorted(conclusion.wanted)], contents)
        commands = afterwards.asked_for(host, (by_id[i].path for i in committed.applied))
        failures = afterwards.carry_out(commands)
        gone = prune(places.sessions(), host.role.undo)
    skipped = tuple(f"{one.path} was left as it is: {one.reason}" for one in committed.skipped)
    return Installed(applied=frozenset(committed.applied), notes=(*failures, *skipped, *_given_up(gone)))


def _given_up(sessions: Sequence[str]) -> tuple[str, ...]:
    """A word on older installations whose originals went to make room; () when none had to."""
    if not sessions:
        return ()
    named = ", ".join(sessions[:5]) + (f" and {len(sessions) - 5} more" if len(sessions) > 5 else "")
    return (f"cannot be undone any more, by undo.room and undo.days of the role file: {named}",)


def keep(quarantine: Quarantine, recording: Recording, trouble: PratiqueError) -> str:
    """The session is kept, unless there is no room for that either; what to do about what is in the way."""
    if not keeping.is_kept(recording.id):
        try:
            keeping.keep(quarantine, recording)
        except OSError:
            return trouble.hint
    again = f"it is kept: `pratique commit {recording.id}` tries again, once nothing is in the way; "
    if isinstance(trouble, ConflictError):
        return f"{again}where that cannot be, `pratique discard {recording.id}` and run the installer again"
    return "\n  ".join(filter(None, (trouble.hint, f"{again}`pratique discard {recording.id}` removes it")))


def _foretell(report: Report) -> None:
    try:
        history.foretell(report)
    except OSError as error:
        raise NoRoomError(
            f"the history cannot be written: {error.strerror}; nothing was committed",
            hint=f"make room below {places.state()}",
        ) from None

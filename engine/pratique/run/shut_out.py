"""An installer that failed for want of what its session kept from it: what to suggest, and only then."""

from __future__ import annotations

import errno
import os
from typing import Final

from pratique.events import Event
from pratique.recording import Recording

_NAMES: Final = 53  # the port of name servers, also of the one on the machine itself


def hint(recording: Recording) -> str:
    """What to do about a lack that was seen; "" for none."""
    return _of_others(recording) or _network(recording)


def _of_others(recording: Recording) -> str:
    """As an ordinary user, a directory that somebody else owns cannot be changed in a session, whoever may write to it.

    To be changed it is made anew for the session, with its owner, whom a user's name space has no number for.
    """
    if os.geteuid() == 0 or not any(os.strerror(errno.EOVERFLOW) in screen.text for screen in recording.screens):
        return ""
    return (
        f'"{os.strerror(errno.EOVERFLOW)}" is what a program hears here that would write into a directory that is not '
        "yours, though you may write there: run it as root, or have it write to a directory of yours"
    )


def _network(recording: Recording) -> str:
    """What opens the network it looked for, seen; "" when it looked for none, or had all there is to open."""
    if not any(one.startswith("network") for one in recording.open) and any(map(_outward, recording.events)):
        return "it looked for a network and had none: `--network observed` opens one, and tells where it goes"
    if any(event.fields.get("refused") for event in recording.events if event.kind in ("net.resolve", "net.connect")):
        kind = recording.subject.kind
        return (
            "it was kept from what its network does not lead to: a policy names more, "
            f'`override sandbox {{ network observed to ["HOST", ...] for {kind} }}`'
        )
    return ""


def _outward(event: Event) -> bool:
    fields = event.fields
    if event.kind == "net.resolve":
        return True
    # To port 0 nothing is sent: it is how programs ask which way there would be.
    return event.kind == "net.connect" and bool(fields.get("port")) and (
        not fields.get("loopback") or fields["port"] == _NAMES
    )  # fmt: skip

"""Pratique: a program is let into port once it is shown to carry no disease.

The names a plugin needs are here; they load on first use, so that `import pratique` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pratique.events import Event as Event
    from pratique.events import EventKind as EventKind
    from pratique.events import Field as Field
    from pratique.hookspecs import hookimpl as hookimpl
    from pratique.subject import Subject as Subject

_HOME = {
    "Event": "events", "EventKind": "events", "Field": "events", "STANDARD_KINDS": "events",
    "Subject": "subject", "Signer": "subject", "Owner": "subject",
    "Effect": "recording", "Process": "recording", "Component": "recording", "Screen": "recording",
    "hookimpl": "hookspecs", "Facts": "hookspecs", "Launch": "hookspecs", "Request": "hookspecs",
    "Opinion": "hookspecs", "Match": "hookspecs", "AgentScript": "hookspecs", "Companion": "hookspecs",
    "Question": "hookspecs", "Answer": "hookspecs", "RemedyOutcome": "hookspecs", "Service": "hookspecs",
    "Command": "hookspecs", "Page": "hookspecs", "AlertChannel": "hookspecs", "AfterCommit": "hookspecs",
    "MayStay": "hookspecs", "Session": "hookspecs",
}  # fmt: skip
__all__ = ["__version__", *_HOME]  # noqa: PLE0604  # the names are texts


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pratique' has no attribute {name!r}")
    return getattr(importlib.import_module(f"pratique.{_HOME[name]}"), name)

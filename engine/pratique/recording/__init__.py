"""A session kept: what it is made of, and the file it is written to and read from, so that it can be judged again.

The format is described in docs/recording.md.
"""

from __future__ import annotations

from pratique.recording.format import LONGEST_LINE, SCHEMA, RecordingError
from pratique.recording.reading import begins_as_one, read
from pratique.recording.values import (
    Component,
    Coverage,
    Decided,
    Effect,
    FileState,
    ObserverRun,
    Process,
    Recording,
    Screen,
    Share,
)
from pratique.recording.writing import write

__all__ = [
    "LONGEST_LINE", "SCHEMA", "Component", "Coverage", "Decided", "Effect", "FileState", "ObserverRun", "Process",
    "Recording", "RecordingError", "Screen", "Share", "begins_as_one", "read", "write",
]  # fmt: skip

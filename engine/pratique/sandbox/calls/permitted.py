"""Whether the system would let a call change a file: what it refuses anyway is no act, and is not told.

Asked with this process's own rights. Those of an ordinary user's session are the program's, and all rights over the
user's own files besides (the topmost directories of its overlays are): so nothing is left out that the program could
make possible a moment later, by a change of mode. Of root's sessions only what lies on read-only file systems is left
out, whoever the program runs as.
"""

from __future__ import annotations

import os


def may_write(path: str) -> bool:
    """What is there, or (of a directory) names in it. What nothing is known of may be: it has lost its name, say."""
    return os.access(path, os.W_OK, effective_ids=True) or not os.access(path, os.F_OK, effective_ids=True)


def may_name(path: str) -> bool:
    """Whether the name may come, go or change in its directory."""
    return may_write(path.rpartition("/")[0] or "/")

"""An ordinary user's own agent of GnuPG, running outside of any session."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

#: What asks an agent, and starts none, for the number of its process.
ASK: Final = ("gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye")


@contextmanager
def running(user: Any) -> Iterator[str]:
    """What `ASK` is answered. Its socket is there; afterwards the agent is gone."""
    settings: dict[str, Any] = {
        "env": {**os.environ, "HOME": str(user.home)}, "user": user.uid, "group": user.gid, "extra_groups": [],
        "stdin": subprocess.DEVNULL, "check": True, "timeout": 20, "text": True,
    }  # fmt: skip
    subprocess.run(["gpg-agent", "--daemon"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings)
    try:
        answer: str = subprocess.run(ASK, stdout=subprocess.PIPE, **settings).stdout
        assert answer.startswith("D ")
        yield answer
    finally:
        subprocess.run(["gpg-connect-agent", "--no-autostart", "KILLAGENT", "/bye"], capture_output=True, **settings)

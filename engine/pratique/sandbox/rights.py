"""Programs that give another's rights: `sudo`, `doas`, `pkexec`.

Nothing gains rights in a session. Where the program is root already there is nothing to gain, and the real ones work,
by their own settings, where they can. Where they cannot, a stand-in does what they are asked for as the same root:

- in a session of a container's root: they change to identities that its name space has not, and end;
- `pkexec` everywhere: it asks a service on the message bus, which no session reaches.

What this machine has not gets no stand-in. For an ordinary user the real ones refuse, and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pratique.events import Event
from pratique.sandbox.calls.context import STAND_IN

_SCRIPTS: Final = Path(__file__).parent / "stand_ins"
#: The program -> the script with its options.
_OPTIONS: Final = {"sudo": "sudo", "sudoedit": "sudo", "doas": "doas", "pkexec": "pkexec"}
_BY_SERVICE: Final = frozenset({"pkexec"})
#: Programs whose being run says that rights are asked for.
ASKING: Final = frozenset({*_OPTIONS, "su"})


def scripts() -> Mapping[str, bytes]:
    """The name of each program that there is a stand-in for, and that."""
    common = STAND_IN + b"what this command asks for is done here by the same root.\n" + _read("rights")
    return {name: common + _read(options) for name, options in _OPTIONS.items()}


def _read(name: str) -> bytes:
    return (_SCRIPTS / f"{name}.sh").read_bytes()


def stand_ins(uid: int, *, mapped: bool) -> Mapping[str, bytes]:
    """Those that do not work in a session of that user. `mapped`: in a user name space. Nobody but root gets any."""
    if uid != 0:
        return {}
    return {name: script for name, script in scripts().items() if mapped or name in _BY_SERVICE}


def notes(events: Iterable[Event]) -> tuple[str, ...]:
    """In words, by what an ordinary user's program asked for more rights; () when it did not."""
    found: dict[str, None] = {}
    for event in events:
        if event.kind == "process.exec" and event.fields.get("user") not in (None, "", "root"):
            name = str(event.fields.get("path")).rpartition("/")[2]
            if name in ASKING:
                found[name] = None
    if not found:
        return ()
    return (f"it asked for administrator's rights ({', '.join(found)}) and got none: root's session shows what for",)

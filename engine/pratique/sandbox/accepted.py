"""Which of the accepted effects can be put on the host, and whether the host is still as the session found it.

Decided and checked before anything is changed; `commit` then carries it out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from pratique.errors import ConflictError, NoRoomError
from pratique.recording import Effect, FileState
from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.space import free
from pratique.sandbox.spec import Skipped
from pratique.sandbox.states import Identity, identity, type_of
from pratique.sandbox.written import Layers, Written

_SHOWN = 10
NEEDS_LEFT_OUT = "the directory it lies in was left out"
STILL_NEEDED = "something in it stays"


class Plan:
    """What will be done, decided and checked before anything is."""

    def __init__(self, host: Beneath, everything: tuple[Effect, ...], written: Written) -> None:
        self._host = host
        self.known = {effect.path: effect for effect in everything}
        self._written = written
        self.chosen: dict[str, Effect] = {}
        self.implied: set[int] = set()
        self.skipped: list[Skipped] = []

    def _skip(self, effect: Effect, reason: str) -> None:
        self.chosen.pop(effect.path, None)
        self.skipped.append(Skipped(effect=effect.id, path=effect.path, reason=reason))

    def choose(self, wanted: Iterable[Effect]) -> None:
        asked = {effect.path: effect for effect in wanted}
        for path in sorted(asked, key=os.fsencode):
            effect = asked[path]
            if effect.unfit:
                self._skip(effect, effect.unfit)
            elif self._make_way(path, asked):
                self.chosen[path] = effect
            else:
                self._skip(effect, NEEDS_LEFT_OUT)
        self._keep_needed_directories()

    def _make_way(self, path: str, asked: dict[str, Effect]) -> bool:
        """Whether the directories on the way exist or will; new ones that nobody refused by themselves are added."""
        above = split(path)[0]
        new: list[Effect] = []
        while above != "/" and above not in self.chosen:
            effect = self.known.get(above)
            if effect is not None and effect.op == "modify" and was_directory(effect):
                pass  # a refused change of mode: the directory is there all the same
            elif effect is not None:
                if effect.op != "add" or effect.unfit or above in asked:
                    return False
                new.append(effect)
            above = split(above)[0]
        for effect in new:
            self.chosen[effect.path] = effect
            self.implied.add(effect.id)
        return True

    def _keep_needed_directories(self) -> None:
        """A directory can go only when everything in it goes: a refused deletion keeps all those above it."""
        for effect in self.known.values():
            if effect.op != "delete" or effect.path in self.chosen:
                continue
            above = split(effect.path)[0]
            while above != "/":
                going = self.chosen.get(above)
                if going is not None and was_directory(going) and not becomes_directory(going):
                    self._skip(going, STILL_NEEDED)
                    for path in [path for path in self.chosen if path.startswith(above + "/")]:
                        inner = self.chosen[path]
                        if inner.op != "delete":
                            self._skip(inner, NEEDS_LEFT_OUT)
                above = split(above)[0]

    # -- conflicts ----------------------------------------------------------------------------------------------------

    def check(self, layers: Layers) -> None:
        """Raises `ConflictError` with up to ten paths that are not as the session found them."""
        found = [
            f"{path}: {reason}" for path, effect in self.chosen.items() if (reason := self._conflict(effect, layers))
        ]
        if found:
            more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise ConflictError(
                "the host changed since the session began; nothing was committed:\n  "
                + "\n  ".join(found[:_SHOWN])
                + more,
                hint="run the installer again",
            )

    def _conflict(self, effect: Effect, layers: Layers) -> str:
        try:
            now = self._host.find(effect.path)
        except OSError as error:
            return f"cannot be reached: {error.strerror}"
        if effect.before is None:
            if now is None:
                return self._vanished(effect.path, layers)
            if effect.id in self.implied and stat.S_ISDIR(now.st_mode):
                return ""
            return f"a {type_of(now)} is there now"
        if now is None:
            return "is not there any more"
        reason = self._changed(effect.path, effect.before, now)
        if not reason and was_directory(effect) and not becomes_directory(effect):
            names = os.listdir(self._host.directory(effect.path))  # noqa: PTH208  # a descriptor
            new = [name for name in names if f"{effect.path}/{name}" not in self.known]
            reason = f"{new[0]!r} is in it now" if new else ""
        return reason

    def _vanished(self, path: str, layers: Layers) -> str:
        """A file of the host that the program wrote to, removed on the host meanwhile, looks like a new one.

        What tells it is that the overlay copied it from the host. A file the program renamed was copied, too: so its
        directory must have changed on the host as well. That may be for another reason, and then this errs safely.
        """
        if not layers.is_copy(path):
            return ""
        above = split(path)[0]
        while (found := self._host.find(above)) is None:
            above = split(above)[0]
        return "was removed while the session ran" if found.st_ctime_ns > self._written.started_ns else ""

    def _changed(self, path: str, before: FileState, now: os.stat_result) -> str:
        """How a path differs from what the session found there, in words; "" when it does not.

        Entries that come and go change a directory's times, so of a directory only owner and mode count.
        """
        if type_of(now) != before.type:
            return f"was a {before.type}, is a {type_of(now)} now"
        if (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) != (before.mode, before.uid, before.gid):
            return "its owner or mode changed"
        if before.type == "directory":
            return ""
        put_back = self._written.restored.get(path)
        if put_back is not None:
            return "" if put_back == identity(now) else "was changed"
        same = identity(now) == Identity(before.inode, before.mtime_ns, before.ctime_ns)
        if not same or (before.type == "file" and now.st_size != before.size):
            return "was changed"
        return "was changed while the session ran" if before.ctime_ns > self._written.started_ns else ""

    def check_room(self, layers: Layers) -> None:
        """Raises `NoRoomError` when a file system has less room than what is to be copied there.

        What the session wrote on that file system itself is there already.
        """
        devices: dict[str, int] = {}
        needed: dict[int, tuple[int, int]] = {}
        for path, effect in self.chosen.items():
            if effect.after is None or effect.after.type != "file":
                continue
            above = split(path)[0]
            if above not in devices:
                devices[above] = self._device(above, needed)
            device = devices[above]
            written = layers.stat(path)
            if written.st_dev == device:
                continue
            wanted, room = needed[device]
            wanted += written.st_blocks * 512
            needed[device] = (wanted, room)
            if wanted > room:
                raise NoRoomError(
                    f"no room for {path}: {wanted:,} bytes or more are needed on its file system, {room:,} are free",
                    hint="free some room there and commit again; nothing was committed",
                )

    def _device(self, directory: str, needed: dict[int, tuple[int, int]]) -> int:
        """The file system a directory is on, or will be; its free room is noted."""
        while (found := self._host.find(directory)) is None or not stat.S_ISDIR(found.st_mode):
            directory = split(directory)[0]
        descriptor = self._host.directory(directory)
        device = os.fstat(descriptor).st_dev
        needed.setdefault(device, (0, free(descriptor)))
        return device


def was_directory(effect: Effect) -> bool:
    return effect.before is not None and effect.before.type == "directory"


def becomes_directory(effect: Effect) -> bool:
    return effect.after is not None and effect.after.type == "directory"

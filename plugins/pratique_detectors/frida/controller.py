"""Frida's controller: a process inside the session that puts agents into programs as they are started.

It is a companion of the session (see `Companion` in `pratique.hookspecs`): its standard input holds the settings, on
descriptor 3 it says what it sees, on descriptor 4 the session tells it which process is held, and is told to let it go.
Everything it needs is imported before the session's program runs, from the host's own files.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import frida
import msgspec

from pratique_detectors.frida import entry
from pratique_detectors.frida.entry import Stop, Unsuitable
from pratique_detectors.frida.said import Act, Failed, Instrumented, Missed, Said, Seen, to_line
from pratique_detectors.frida.selection import Agent, Selection, chosen

CHANNEL: Final = 3
HOLDS: Final = 4
#: Programs that agents are put into at the same time: it is work for the processor.
_WORKERS: Final = 2
#: Long-running programs are asked for what they have seen this often, s.
_ASKED_EVERY: Final = 0.25
_LOOKED_EVERY: Final = 0.25  # s: whether another thread could be made, another file be opened
_LONGEST_MESSAGE: Final = 64 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the plugin asks of its controller, as JSON."""

    selection: Selection
    agents: tuple[Agent, ...]
    core: str  # the script all agents stand on


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the session: this process has been started, and waits."""

    held: int  # its number inside the session
    process: int  # its id in the recording
    program: str
    time: float  # s since the session began


class _Coming(NamedTuple):
    """A process on the way to its entry point."""

    process: int
    stop: Stop
    agents: tuple[Agent, ...]


class Controller:
    """One session's. `run` until the session has ended."""

    def __init__(self, settings: Settings, channel: socket.socket, holds: socket.socket) -> None:
        self._settings = settings
        self._channel = channel
        self._holds = holds
        self._device = frida.get_local_device()
        self._coming: dict[int, _Coming] = {}
        self._chosen: dict[tuple[str, int, int, int], tuple[Agent, ...]] = {}
        self._unsuitable: dict[str, str] = {}  # program -> why: never tried twice
        self._work: queue.SimpleQueue[tuple[Held, _Coming]] = queue.SimpleQueue()
        self._scripts: dict[int, frida.Script] = {}
        self._guarding_scripts = threading.Lock()
        self._speaking = threading.Lock()
        self._began = 0.0  # the session, on this process's clock

    def run(self) -> None:
        for work in (*[self._put_agents_in] * _WORKERS, self._ask, self._look_for_room):
            threading.Thread(target=work, daemon=True).start()
        while message := self._holds.recv(_LONGEST_MESSAGE):
            held = msgspec.json.decode(message, type=Held)
            self._began = self._began or time.monotonic() - held.time
            coming = self._coming.pop(held.held, None)
            if coming is not None and coming.process == held.process:
                self._answer("go", held)  # it waits by itself now
                self._work.put((held, coming))
            else:
                self._first(held)

    def _first(self, held: Held) -> None:
        """A new program, not yet able to take an agent: let it come to its entry point, or go its way."""
        agents = self._agents_for(held)
        if not agents:
            self._answer("go", held)
            return
        try:
            if (why := self._unsuitable.get(held.program)) is not None:
                raise Unsuitable(why)
            stop = entry.put_stop(held.held)
        except (Unsuitable, OSError) as error:
            self._miss(held, str(error), for_good=isinstance(error, Unsuitable))
            self._answer("go", held)
            return
        self._coming[held.held] = _Coming(held.process, stop, agents)
        self._answer("again", held)  # on to its entry point, and tell

    def _agents_for(self, held: Held) -> tuple[Agent, ...]:
        """Remembered: most programs are run many times, and each time the program waits for this."""
        file = f"/proc/{held.held}/exe"
        try:
            found = Path(file).stat()
        except OSError:
            return ()  # it has gone
        key = (held.program, found.st_dev, found.st_ino, found.st_ctime_ns)
        if key not in self._chosen:
            self._chosen[key] = chosen(held.program, file, self._settings.selection, self._settings.agents)
        return self._chosen[key]

    def _put_agents_in(self) -> None:
        while True:
            held, coming = self._work.get()
            try:
                self._instrument(held, coming.agents)
            except (frida.NotSupportedError, frida.InvalidArgumentError) as error:
                self._miss(held, str(error), for_good=True)
            except _OF_THIS_PROCESS as error:
                self._miss(held, str(error), for_good=False)
            with contextlib.suppress(OSError):  # it has ended
                entry.take_away(coming.stop)

    def _instrument(self, held: Held, agents: tuple[Agent, ...]) -> None:
        started = time.monotonic()
        session = self._device.attach(held.held)
        script = session.create_script(self._settings.core, name="pratique")
        script.on("message", self._listener(held, script))
        session.on("detached", self._forgetter(held.held, script))
        script.load()
        script.exports_sync.start([
            {"name": agent.name, "source": agent.source, "settings": agent.settings} for agent in agents
        ])  # fmt: skip
        with self._guarding_scripts:
            self._scripts[held.held] = script
        self._say(Instrumented(
            process=held.process, program=held.program, time=held.time, agents=tuple(agent.name for agent in agents),
            took=time.monotonic() - started,
        ))  # fmt: skip

    def _listener(self, held: Held, script: frida.Script) -> Callable[[Any, Any], None]:
        # Frida counts a callback's arguments: plain closures only.
        def heard(message: Any, data: Any) -> None:
            if message["type"] != "send":
                fault = Act(agent="core", time=held.time, fault=str(message.get("description", message)))
                self._say(Seen(process=held.process, program=held.program, acts=(fault,)))
                return
            payload = message["payload"]
            acts = tuple(self._act(one) for one in payload["acts"])
            if acts or payload["forked"]:
                self._say(Seen(process=held.process, program=held.program, acts=acts, forked=payload["forked"]))
            if not payload["asked"]:
                script.post({"type": "heard"})

        return heard

    def _act(self, said: dict[str, Any]) -> Act:
        """From inside the program, where everything can be forged: what is not of this shape is a fault."""
        try:
            act = msgspec.convert(said, Act)
        except msgspec.ValidationError as error:
            return Act(agent=str(said.get("agent", "?"))[:100], time=0.0, fault=f"said what is no event: {error}")
        return msgspec.structs.replace(act, time=max(0.0, act.time - self._began))

    def _forgetter(self, held: int, script: frida.Script) -> Callable[[Any, Any], None]:
        def detached(reason: Any, crash: Any) -> None:
            with self._guarding_scripts:
                if self._scripts.get(held) is script:
                    del self._scripts[held]

        return detached

    def _ask(self) -> None:
        """So that what a long-running program does is known before it ends. (No timer in it: see core.js.)"""
        while True:
            time.sleep(_ASKED_EVERY)
            with self._guarding_scripts:
                scripts = list(self._scripts.values())
            for script in scripts:
                with contextlib.suppress(*_OF_THIS_PROCESS):
                    script.post({"type": "say"})

    def _look_for_room(self) -> None:
        """A program that uses up all processes leaves agents and us no thread to answer one another with.

        Both would wait for ever, and the program with them. When we go, the agents notice, and let it end. Where we can
        open nothing, no further program is looked into: that is said, and those that are looked into are heard.
        """
        said = False
        while True:
            time.sleep(_LOOKED_EVERY)
            try:
                threading.Thread(target=int).start()
            except RuntimeError:
                with contextlib.suppress(OSError):
                    self._say(Failed(why="the program left no room for another process or thread"))
                os._exit(0)
            try:
                os.close(os.open("/", os.O_PATH))
            except OSError as error:
                if not said:
                    self._say(Failed(why=f"it can open no file ({error.strerror})"))
                said = True

    def _miss(self, held: Held, why: str, *, for_good: bool) -> None:
        if for_good:
            self._unsuitable[held.program] = why
        self._say(Missed(process=held.process, program=held.program, time=held.time, why=why))

    def _answer(self, word: str, held: Held) -> None:
        with contextlib.suppress(OSError):  # the session is over
            self._holds.send(msgspec.json.encode({word: held.held}))

    def _say(self, said: Said) -> None:
        with self._speaking:
            self._channel.sendall(to_line(said))


#: What a call of Frida's raises when this one process cannot be reached, has ended, or is about to.
_OF_THIS_PROCESS: Final = (
    frida.ProcessNotFoundError, frida.ProcessNotRespondingError, frida.PermissionDeniedError, frida.TransportError,
    frida.ProtocolError, frida.InvalidOperationError, frida.TimedOutError, frida.OperationCancelledError,
    frida.RPCException,
)  # fmt: skip


def main() -> None:
    """Until the session ends, or ends this."""
    settings = msgspec.json.decode(sys.stdin.buffer.read(), type=Settings)
    channel, holds = socket.socket(fileno=CHANNEL), socket.socket(fileno=HOLDS)
    try:
        controller = Controller(settings, channel, holds)
        channel.sendall(b"ready\n")
        controller.run()
    except OSError as error:
        with contextlib.suppress(OSError):
            channel.sendall(to_line(Failed(why=error.strerror or str(error))))
    os._exit(0)  # Frida's own threads would be waited for


if __name__ == "__main__":
    main()

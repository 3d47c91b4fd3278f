"""The border a plugin's code runs behind: in a thread of its own, for a limited time, whatever it raises.

A thread cannot be killed, so one that overruns is abandoned: it is a daemon, it cannot hold up the exit, and its late
answer is thrown away. The threads of plugins that answer in time are used again, which makes a call cost microseconds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Final, NamedTuple, NoReturn

from pratique import warden
from pratique.errors import PratiqueError

#: Longest error text kept of one fault, in characters.
LONGEST_ERROR: Final = 500


class Outcome(NamedTuple):
    """What became of one call: `error` is "" when it returned; `seconds` it took, or was waited for."""

    value: Any
    error: str
    overran: bool
    seconds: float


class _Job:
    __slots__ = ("arguments", "done", "function", "outcome")

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.done = threading.Event()
        self.outcome: Outcome | None = None


class _Worker:
    __slots__ = ("jobs", "thread")

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name="pratique-plugin", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            job.outcome = here(job.function, job.arguments)
            job.done.set()
            del job  # an idle worker must not keep a plugin's arguments alive


_idle: list[_Worker] = []


os.register_at_fork(after_in_child=_idle.clear)  # threads do not survive a fork


def rest() -> None:
    """End the threads that wait for another call, before a fork: the child would keep for ever what one held then."""
    while _idle:
        worker = _idle.pop()
        worker.jobs.put(None)
        worker.thread.join()


def here(function: Callable[..., Any], arguments: Mapping[str, Any], *, person_may_interrupt: bool = False) -> Outcome:
    """Call in this thread and contain whatever is raised, `SystemExit` included.

    `KeyboardInterrupt` too, unless `person_may_interrupt`: in the main thread it is not the plugin's but the person's.
    """
    start = perf_counter()
    _keep_us()
    try:
        value = function(**arguments)
    except KeyboardInterrupt as error:
        if person_may_interrupt:
            raise
        return Outcome(None, describe(error), False, perf_counter() - start)
    except BaseException as error:  # the containment border: nothing a plugin raises may pass
        return Outcome(None, describe(error), False, perf_counter() - start)
    finally:
        _plugins.calling = 0
    return Outcome(value, "", False, perf_counter() - start)


_plugins = threading.local()  # in a thread that is within a plugin: `calling` is the process it was called in
_exit = os._exit


def _keep_us() -> None:
    """A plugin that ends the process it runs in would end us with a status of its own, and 0 says "installed"."""
    _plugins.calling = os.getpid()
    os._exit = _stay


def _stay(status: int) -> NoReturn:
    if getattr(_plugins, "calling", 0) == os.getpid():
        raise RuntimeError(f"os._exit({status}) would end pratique, not only the plugin")
    _exit(status)


def within(budget: float, function: Callable[..., Any], arguments: Mapping[str, Any], what: str) -> Outcome:
    """Call in another thread and wait at most `budget` seconds for it. `what` names it for whoever watches us."""
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    job = _Job(function, arguments)
    start = perf_counter()
    try:
        with warden.expected(what, budget):
            worker.jobs.put(job)
            finished = job.done.wait(budget)
    except BaseException:  # the person interrupted: that is theirs to do, but the worker is not idle
        worker.jobs.put(None)
        raise
    if not finished or job.outcome is None:
        worker.jobs.put(None)  # should it ever come back, it ends
        return Outcome(None, f"took longer than {budget:g} s", True, perf_counter() - start)
    _idle.append(worker)
    return job.outcome


def describe(error: BaseException) -> str:
    """One line: the type, the message, and the last line of code it came from.

    An error of ours is raised on purpose and written for people: its message is all there is to say.
    """
    try:
        text = str(error)
    except BaseException:  # even __str__ is the plugin's code
        text = "(its message cannot be read)"
    if isinstance(error, PratiqueError) and text:
        return " ".join(text.split())[:LONGEST_ERROR]
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != __file__:
            place = f" ({Path(code.co_filename).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    line = " ".join(f"{type(error).__name__}: {text}".split()) if text else type(error).__name__
    return line[: LONGEST_ERROR - len(place)] + place

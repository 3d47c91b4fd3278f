"""Whether a plugin behaves: what the host would refuse or report on a bad day, found on a good one.

Every problem is a sentence that says what was found and what was expected.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pratique.events import STANDARD_KINDS, Event
from pratique.host import Host, answers, loading
from pratique.policy.model import Reputation, ReputationRule, Trust
from pratique.subject import Subject
from pratique.testing.odd import odd_session
from pratique.testing.recorder import watched
from pratique.testing.session import FakeSession

#: Files of the kinds installers have, and one of none.
_FILES: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "script": b"#!/bin/sh\necho hello\n",
    "archive": b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n",
    "program": b"\x7fELF\x02\x01\x01" + b"\0" * 57,
    "windows": b"MZ" + b"\0" * 62,
    "zip": b"PK\x05\x06" + b"\0" * 18,
    "tar": b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    "text": "grüße\n".encode("latin-1") * 100,
}
#: Seconds allowed in a test for an observer that must end by itself.
_PATIENCE: Final = 5.0


def conformance(plugin: object) -> Callable[[], None]:
    """A test function for pytest: `test_conformance = conformance("my_plugin")`."""

    def test_conformance() -> None:
        problems = conforms(plugin)
        assert not problems, "\n".join(["the plugin does not conform:", *(f"  - {problem}" for problem in problems)])

    return test_conformance


def conforms(plugin: object, settings: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with a plugin, in sentences; empty when it conforms.

    `plugin` is a module, an object, or the name of either as an entry point has it ("module" or "module:object").
    """
    if isinstance(plugin, str):
        try:
            plugin = loading.load(plugin)
        except BaseException as error:  # the containment border: whatever importing it raises is the finding
            return [f"it cannot be imported: {type(error).__name__}: {error}"]
    host = Host.of({"plugin": plugin}, {"plugin": settings or {}})
    if host.failures():
        return [failure.message for failure in host.failures()]
    problems: list[str] = []
    before = _surroundings()
    problems += _kinds(host)
    problems += _answers(host)
    problems += _observing(plugin, settings or {})
    problems += _left_behind(before, _surroundings())
    return list(dict.fromkeys(problems))


def _kinds(host: Host) -> Iterator[str]:
    vocabulary = host.vocabulary()
    for failure in host.failures():
        yield f"{failure.hook}: {failure.message}"
    standard = {kind.name for kind in STANDARD_KINDS}
    for kind in host.kinds("plugin").values():
        assert vocabulary[kind.name] == kind
        if kind.name not in standard and not kind.doc.strip():
            yield f"the kind {kind.name} has no sentence that says what it means"
        if kind.name not in standard and not all(name.isidentifier() and name.islower() for name in kind.fields):
            yield f"the kind {kind.name} has fields a policy cannot name; use lower-case words joined by _"
    if host.implementations("observe") and not host.kinds("plugin"):
        yield "it observes, but declares no event kinds: implement event_kinds(), or every event is refused"


def _answers(host: Host) -> Iterator[str]:
    """Every other hook with plausible and with odd arguments: in time, of the right type, without raising."""
    seen = len(host.failures())
    with tempfile.TemporaryDirectory(prefix="pratique-conformance-") as place:
        for name, content in _FILES.items():
            path = Path(place, name)
            path.write_bytes(content)
            host.call("identify", path=path, trust=Trust())
            host.call("scan", file=path)
        changed = [name for name, content in _FILES.items() if not _is(Path(place, name), content)]
        extra = sorted(path.name for path in Path(place).iterdir() if path.name not in _FILES)
    if changed or extra:
        yield f"identify or scan changed the files it was given: {', '.join(changed + extra)}"
    from pratique.hookspecs import Choice, Question, Request

    for kind in ("script", "deb", "never-heard-of", "command"):
        given = "/srv/a b" if kind != "command" else ""
        subject = Subject(path=given, command=("a b", "--x"), sha256="0" * 64, kind=kind, name="a b")
        host.call("launch", subject=subject, request=Request(arguments=("--x",)))
        host.call("reputation", subject=subject, rules=Reputation(rules=(ReputationRule(what="unsigned", weight=10),)))
    for session in (FakeSession(), odd_session()):
        host.call("agents", session=session)
        host.call("companions", session=session)
        host.call("surface", session=session)
    if host.implementations("ask"):
        question = Question(title="Install?", choices=(Choice(key="r", value="refuse", text="refuse"),))
        with _no_input():
            host.call("ask", budget=_PATIENCE, question=question)
    host.call("transport", settings={})
    for role in ("center", "site", "endpoint", "never-heard-of"):
        host.call("services", role=role)
    host.call("after_commit", paths=("/usr/lib/x86_64-linux-gnu/libx.so.1", "/etc/systemd/system/x.service", "/\udce9"))
    for hook in ("remedies", "may_stay", "commands", "pages", "alert_channels"):
        host.call(hook)
    for failure in host.failures()[seen:]:
        yield f"{failure.hook}: {failure.message}"


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _observing(plugin: object, settings: Mapping[str, Any]) -> Iterator[str]:
    sessions = {"an empty session": FakeSession, "a session full of odd effects": odd_session}
    for what, make in sessions.items():
        runs = []
        for _ in range(2):
            events, run, _failures = watched(plugin, make(), settings, _PATIENCE)
            if run is None:
                return
            runs.append([_essence(event) for event in events])
            if run.error:
                yield f"observe: in {what} it {_fared(run.state)}: {run.error}"
                break
        else:
            if runs[0] != runs[1]:
                yield f"observe: it made something else of {what} the second time: it keeps state between sessions"
    yield from _closing(plugin, settings)


def _fared(state: str) -> str:
    return {"failed": "failed", "overran": "did not end by itself", "ok": "emitted what it may not"}[state]


def _essence(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.as_dict().items() if key not in ("seq", "time")}


def _closing(plugin: object, settings: Mapping[str, Any]) -> Iterator[str]:
    """A session may end between two events: the generator must let itself be closed there."""
    host = Host.of({"plugin": plugin})
    (implementation,) = host.implementations("observe")
    session = odd_session().view(settings)
    try:
        emitted = implementation.function(**({"session": session} if "session" in implementation.takes else {}))
        if emitted is None or answers.fault("observe", emitted):
            return
        next(emitted, None)
        close = getattr(emitted, "close", None)
        if close is not None:
            close()
    except BaseException as error:  # the containment border
        yield f"observe: closing it between two events raised {type(error).__name__}: {error}"


class _no_input:  # reads as a word: `with _no_input():`
    """Standard input is at its end: an asker that reads it must notice that nobody is there."""

    def __enter__(self) -> None:
        self._kept = sys.stdin
        sys.stdin = open(os.devnull)

    def __exit__(self, *_: object) -> None:
        sys.stdin.close()
        sys.stdin = self._kept


def _surroundings() -> dict[str, Any]:
    import locale
    import signal

    gc.collect()
    return {
        "threads": {thread for thread in threading.enumerate() if not thread.name.startswith("pratique-")},
        "files": _open_files(),
        "the working directory": os.getcwd(),  # noqa: PTH109
        "the environment": dict(os.environ),
        "the module search path": tuple(sys.path),
        "the umask": _umask(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the recursion limit": sys.getrecursionlimit(),
        "the standard streams": (sys.stdin, sys.stdout, sys.stderr),
        "the signal handlers": tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)),
    }


def _open_files() -> set[str]:
    found = set()
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")  # noqa: PTH115
        except OSError:
            continue  # the descriptor that was listing them
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/")):
            found.add(f"{target} (descriptor {entry})")
    return found


def _umask() -> int:
    now = os.umask(0o022)
    os.umask(now)
    return now


def _left_behind(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    deadline = time.monotonic() + 1
    threads = after["threads"] - before["threads"]
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            yield f"it left a thread running: {thread.name}"
    for name in sorted(after["files"] - before["files"]):
        yield f"it left a file open: {name}"
    for what in before:
        if what not in ("threads", "files") and before[what] != after[what]:
            yield f"it changed {what} of the process"

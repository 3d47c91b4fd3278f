"""Frida: what programs mean by what they do, seen from inside them. Needs `pip install pratique[frida]`.

Agents, the scripts that look, come from the `agents` hook: the shipped ones are below `agents/`, and any plugin may
have more (docs/agents.md).
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pratique import STANDARD_KINDS, AgentScript, Companion, Event, EventKind, Field, Session, hookimpl
from pratique.errors import PratiqueError
from pratique.sandbox import probes
from pratique_detectors.frida import entry
from pratique_detectors.frida.said import Act, Failed, Instrumented, Missed, Seen, from_line
from pratique_detectors.frida.selection import Agent, Selection, held

NAME: Final = "frida"
#: Shipped agents, and the programs they belong in.
SHIPPED: Final = {
    "names": ("*",), "tls": ("*",), "environment": ("*",), "commands": ("*",), "libraries": ("*",),
    "python": ("interpreters",), "node": ("interpreters",), "ruby": ("interpreters",), "gui": ("gui",),
    "signs": ("installers",),  # not in interpreters, which look for thousands of files of their own
}  # fmt: skip
#: Settings of agents that are known elsewhere.
_GIVEN: Final = {"signs": {"files": probes.FILE, "own": probes.NUMBERED}}
_SHARED: Final = ("net.resolve", "sandbox.probe", "window.open", "process.instrument", "process.uninstrumented")
_KINDS: Final = (
    EventKind("tls.open", "An encrypted connection was begun, to the host named in it", host=Field.text),
    EventKind(
        "tls.data", "An encrypted connection was ended; sizes of what was said in it, unencrypted",
        host=Field.text, sent=Field.size, received=Field.size,
    ),
    EventKind("env.read", "A variable was asked for that tells of credentials or of a sandbox", name=Field.text),
    EventKind("command.run", "A command was given to a shell; `by`: the function", command=Field.text, by=Field.text),
    EventKind("library.load", "A library was loaded while the program ran", path=Field.path),
    EventKind("runtime.import", "A module or package was loaded", language=Field.text, module=Field.text),
    EventKind("runtime.command", "A program was started from a script", language=Field.text, command=Field.text),
    EventKind(
        "runtime.request", "Something was asked for over HTTP; a `url` that begins with // has no known scheme",
        language=Field.text, method=Field.text, url=Field.text,
    ),
    EventKind("agent.fault", "An agent could not do its work; the program is none the wiser", agent=Field.text,
              text=Field.text),
)  # fmt: skip


@hookimpl
def event_kinds() -> list[EventKind]:
    return [*(kind for kind in STANDARD_KINDS if kind.name in _SHARED), *_KINDS]


@hookimpl
def agents(session: Session) -> list[AgentScript]:
    """In the plugin's settings `agents: [names, tls]` leaves the others out; `options` has theirs, by name."""
    wanted = session.settings.get("agents", list(SHIPPED))
    options = session.settings.get("options", {})
    return [
        AgentScript(
            name=name,
            source=script(name),
            programs=programs,
            settings={**_GIVEN.get(name, {}), **options.get(name, {})},
        )
        for name, programs in SHIPPED.items()
        if name in wanted
    ]


def script(name: str) -> str:
    return Path(__file__).with_name("agents").joinpath(f"{name}.js").read_text("utf-8")


def lack() -> str:
    """Why programs cannot be looked into on this machine; "" when they can."""
    if not entry.supported():
        return "this machine's processor is not one whose programs can be looked into"
    if importlib.util.find_spec("frida") is None:
        return "Frida is not installed: pip install 'pratique[frida]'"
    return ""


@hookimpl
def companions(session: Session) -> list[Companion]:
    scripts = session.agents()
    if lack() or not scripts:
        return []
    selection = Selection(instrument=session.plan.instrument, subject=session.subject.path, home=session.home)
    chosen = [Agent(name=a.name, source=a.source, programs=a.programs, settings=a.settings) for a in scripts]
    globs = held(selection, chosen)
    if not globs:
        return []
    return [Companion(
        name=NAME,
        # Not by its console script: -P keeps the directory it stands in, which may be the program's, off its path.
        argv=(sys.executable, "-B", "-s", "-P", "-m", "pratique_detectors.frida.controller"),
        # Frida would unpack a helper for mobile devices where temporary files go: nowhere.
        environment={
            "PYTHONPATH": ":".join(filter(None, sys.path)), "TMPDIR": f"{sys.executable}/none", "LANG": "C.UTF-8",
        },
        settings=msgspec.json.encode({
            "selection": selection, "agents": chosen, "core": script("core"),
        }),
        hold=globs,
    )]  # fmt: skip


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    forked: dict[int, Seen] = {}  # process -> the last it said, with the children of all it said
    lost: PratiqueError | None = None
    try:
        for line in session.companion(NAME):
            said = from_line(line)
            if isinstance(said, Failed):
                lost = PratiqueError(f"Frida's controller could not go on: {said.why}")
                continue  # it may say more of what it looks into already
            yield from events(said)
            if isinstance(said, Seen) and said.forked:
                before = forked[said.process].forked if said.process in forked else 0
                forked[said.process] = msgspec.structs.replace(said, forked=before + said.forked)
    except PratiqueError as error:
        lost = lost or error
    for said in forked.values():
        children = "child" if said.forked == 1 else "children"
        last = said.acts[-1].time if said.acts else 0.0
        yield Event("process.uninstrumented", time=last, process=said.process, path=said.program,
                    reason=f"{said.forked} forked {children}")  # fmt: skip
    if lost is not None:
        raise lost


def events(said: Instrumented | Missed | Seen) -> Iterator[Event]:
    """What one line of the controller's comes to."""
    match said:
        case Instrumented():
            yield Event("process.instrument", time=said.time, process=said.process, path=said.program,
                        agents=" ".join(said.agents), took=said.took)  # fmt: skip
        case Missed():
            yield Event("process.uninstrumented", time=said.time, process=said.process, path=said.program,
                        reason=said.why)  # fmt: skip
        case Seen():
            for act in said.acts:
                yield _event(act, said.process)


def _event(act: Act, process: int) -> Event:
    if act.fault:
        return Event("agent.fault", time=act.time, process=process, agent=act.agent, text=act.fault)
    event = Event(act.kind, time=act.time, process=process)
    event.fields = dict(act.fields)
    return event

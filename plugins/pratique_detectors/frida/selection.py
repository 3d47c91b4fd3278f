"""Which programs get which agents: by what they are, never all that run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from pratique.policy import paths
from pratique_detectors.frida.needed import needed

#: Package managers and the like that are programs of their own. Those written in Python, Node or Ruby are found as
#: `interpreters`, which is what the kernel executes for them.
INSTALLERS: Final = (
    "apt", "apt-get", "aptitude", "cargo", "rustup*", "flatpak", "snap", "conda", "mamba", "micromamba", "curl", "wget",
    "git",
)  # fmt: skip
#: Not the shells: a shell script's acts are the programs it starts, which the call log has; and it starts hundreds.
INTERPRETERS: Final = (
    "python[0-9]*", "python", "pypy*", "node", "nodejs", "deno", "bun", "ruby*", "perl*", "php*", "lua*", "java",
)  # fmt: skip
#: Libraries of which one makes a program a graphical one.
TOOLKITS: Final = re.compile(r"lib(gtk-(x11-)?[0-9]|Qt[0-9]+(Gui|Widgets)|X11|wayland-client|SDL[0-9]|fltk|wx_gtk)")


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A script and the programs it belongs in: classes and globs."""

    name: str
    source: str
    programs: tuple[str, ...]
    settings: dict[str, Any] = {}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy asks to instrument."""

    instrument: tuple[str, ...]  # classes and globs
    subject: str  # the program under judgement: an installer, whatever its name
    home: str


def held(selection: Selection, agents: Iterable[Agent]) -> tuple[str, ...]:
    """Globs of the programs that have to be looked at when they start."""
    globs: dict[str, None] = {}
    for one in selection.instrument:
        match one:
            case "installers":
                globs.update(dict.fromkeys(_anywhere(INSTALLERS)))
                if selection.subject:
                    globs[paths.escape(selection.subject)] = None
            case "interpreters":
                globs.update(dict.fromkeys(_anywhere(INTERPRETERS)))
            case "gui":
                globs["/**"] = None  # what it needs is known when it is looked at
            case _:
                globs[one] = None
    globs.update(dict.fromkeys(glob for agent in agents for glob in agent.programs if "/" in glob))
    return ("/**",) if "/**" in globs else tuple(globs)


def chosen(program: str, file: str, selection: Selection, agents: Iterable[Agent]) -> tuple[Agent, ...]:
    """The agents for a program (its path in the session; `file` opens it); () when it is left alone.

    An agent that names classes, or `*` for all, goes where the policy asks for something; one that names programs by
    their paths goes there in any case.
    """
    classes = _classes(program, file, selection)
    asked = any(one in classes or _matches(one, program, selection.home) for one in selection.instrument)
    return tuple(
        agent
        for agent in agents
        if any(
            (asked and (one == "*" or one in classes)) or _matches(one, program, selection.home)
            for one in agent.programs
        )
    )


def _classes(program: str, file: str, selection: Selection) -> frozenset[str]:
    """Which of `installers`, `interpreters` and `gui` a program is; `gui` only where somebody asks for it."""
    found = set()
    if program == selection.subject or any(_matches(one, program, "") for one in _anywhere(INSTALLERS)):
        found.add("installers")
    if any(_matches(one, program, "") for one in _anywhere(INTERPRETERS)):
        found.add("interpreters")
    if "gui" in selection.instrument and any(TOOLKITS.match(library) for library in needed(file)):
        found.add("gui")
    return frozenset(found)


def _anywhere(names: Iterable[str]) -> Iterator[str]:
    return (f"/**/{name}" for name in names)


def _matches(glob: str, program: str, home: str) -> bool:
    return "/" in glob and any(_compiled(one, home)(program) for one in paths.expand(glob, home))


@lru_cache(maxsize=512)
def _compiled(glob: str, home: str) -> Callable[[str], bool]:
    return paths.compile(glob, home=home)

"""Every place where Pratique can be extended: the table of contents for plugin authors.

A plugin is a module (or object) whose functions carry `@hookimpl` and one of these names. A function takes only the
arguments it wants, by name. The host calls every plugin in turn, notes who answered, how long it took and what it
raised, and skips one that raises or overruns its budget (seconds, at the end of each hook's docstring).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
import pluggy

from pratique.events import Event, EventKind
from pratique.policy.model import Policy, Reputation, SessionPlan, Trust
from pratique.recording import Component, Effect, Process, Recording, Screen
from pratique.subject import Owner, Signer, Subject

if TYPE_CHECKING:
    import argparse

hookspec = pluggy.HookspecMarker("pratique")
hookimpl = pluggy.HookimplMarker("pratique")


# -- values the hooks speak in ----------------------------------------------------------------------------------------


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one `identify` plugin knows about a file. Leave out what you do not know.

    The `kind` with the highest `certainty` (0 to 1) wins; the first `signer`, `owner` and `origin` found are taken;
    `facts` unite.
    """

    kind: str | None = None
    certainty: float = 0.5
    name: str | None = None
    signer: Signer | None = None
    owner: Owner | None = None
    origin: str | None = None
    facts: dict[str, str] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked to have run, and the circumstances a launcher must know."""

    arguments: tuple[str, ...] = ()  # after the installer's name
    network: Literal["none", "observed", "host"] = "none"
    attended: bool = False  # somebody sits at the terminal
    root: bool = False  # the session runs as root
    home: str = "/root"
    silent: bool = False  # the policy allows silent switches


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How a program is started inside the quarantine.

    `command` is argv, never a shell string; `environment` is added to the session's. `needs_root` and `needs` (programs
    that must be on the PATH inside, with the Debian package that brings each) are checked before anything runs: exit 4
    says what is missing. `hint` is shown when the program fails. `cannot` says why a program of this kind cannot run
    here at all ("" when it can): nothing runs, exit 4, and `hint` says what to do instead. `damaged` says why the file
    is not whole ("" when it seems to be), which is its own fault and not this machine's: nothing runs, exit 2.
    """

    command: tuple[str, ...]
    environment: dict[str, str] = {}
    directory: str | None = None  # None: where the person stands
    needs_root: bool = False
    needs: dict[str, str] = {}
    hint: str = ""
    describe: str = ""  # what kind of thing this is, for the screen: "Debian package"
    cannot: str = ""
    damaged: str = ""


class Opinion(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody thinks of a program. `standing` None: only a weight."""

    by: str
    standing: Literal["allowed", "blocked"] | None = None
    weight: float = 0.0
    because: str = ""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that matched."""

    path: str
    rule: str
    source: str = ""
    meta: dict[str, str] = {}


class AgentScript(msgspec.Struct, frozen=True, kw_only=True):
    """A Frida script and the programs it belongs in: globs, or the classes installers, interpreters, gui."""

    name: str
    source: str
    programs: tuple[str, ...] = ("installers",)
    settings: dict[str, Any] = {}  # what the script finds as `settings`


class Companion(msgspec.Struct, frozen=True, kw_only=True):
    """A process of a plugin's that lives in the session beside the program, and may look into it.

    It finds `settings` on its standard input, says what it has to say on descriptor 3 (`ready` and a line feed first,
    when everything is imported), and is read by `Session.companion(name)`. Programs that match `hold` (globs) wait when
    they are started; descriptor 4 is the channel about them (see `pratique.sandbox.calls.holding`).
    """

    name: str
    argv: tuple[str, ...]  # the first word is a path
    environment: dict[str, str] = {}
    settings: bytes = b""
    hold: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    key: str  # one letter
    value: str  # what the answer is called: install, without, refuse, details, ...
    text: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something to put to the person. `report` is the whole document, for askers with a better screen."""

    title: str
    choices: tuple[Choice, ...]
    report: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A choice made. `remember` seconds, None: not to be remembered."""

    choice: str
    source: Literal["person", "policy"] = "person"
    remember: float | None = None


class RemedyOutcome(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Literal["denied", "emulated", "reverted", "unticked", "disabled", "kept", "failed"]
    effects: frozenset[int] = frozenset()  # ids of the effects that are left out
    note: str = ""


class AfterCommit(msgspec.Struct, frozen=True, kw_only=True):
    """A command to be run after files were installed or taken back. What it makes anew is `rebuilds`: paths of files
    that hold nothing of their own, so that they never stand in the way of an undo.
    """

    command: tuple[str, ...]  # argv, never a shell string
    because: str  # "shared libraries changed"
    rebuilds: tuple[str, ...] = ()


class MayStay(msgspec.Struct, frozen=True, kw_only=True):
    """What an undo leaves where others changed it since, though it came with the installation: it holds nothing of
    anybody's own (a cache, a log, a backup), or it is a directory that all share. Left alone since, it goes as usual.
    """

    what: str  # "npm's cache"
    paths: tuple[str, ...]  # globs, from the root; one that matches a directory says nothing of what is in it


class Remedy(Protocol):
    """A named remedy. `apply` decides which effects of a finding are left out; it changes nothing by itself."""

    @property
    def name(self) -> str: ...

    def apply(self, recording: Recording, effects: Sequence[Effect]) -> RemedyOutcome:
        """Given the effects that belong to one finding: what becomes of them."""
        ...


class Surface(Protocol):
    """A user interface that can be read and changed."""

    def screens(self) -> Iterable[Screen]: ...


class Transport(Protocol):
    """Carries messages and files between endpoint, site and center."""

    def publish(self, subject: str, body: bytes) -> None: ...
    def request(self, subject: str, body: bytes, timeout: float) -> bytes: ...
    def fetch(self, name: str, into: Path) -> None: ...
    def watch(self, subject: str) -> Iterator[bytes]: ...


class Service(msgspec.Struct, frozen=True):
    """A long-running part of a role: `run` returns when `stop()` (a callable it is given) says true."""

    name: str
    run: Callable[[Callable[[], bool]], None]


class Command(msgspec.Struct, frozen=True):
    """A subcommand of `pratique`: `configure` adds arguments to a parser, `run` gets them and returns the exit code."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Page(msgspec.Struct, frozen=True):
    """A page of the console: its path, its title, and a function from query values to HTML."""

    path: str
    title: str
    render: Callable[[Mapping[str, str]], str]


class AlertChannel(msgspec.Struct, frozen=True):
    """A way to reach people: URLs with this `scheme` are handed to `send(url, title, text)`."""

    scheme: str
    send: Callable[[str, str, str], None]


class Session(Protocol):
    """The running session, as an observer sees it. `pratique.testing.FakeSession` is one for tests."""

    id: str
    subject: Subject
    plan: SessionPlan
    policy: Policy  # as it was checked: also what only plugins can act on (signatures, samples, spool, alerts, ...)
    home: str
    settings: Mapping[str, Any]  # the calling plugin's own settings from the role file

    def effects(self, *, type: str | None = None, op: str | None = None, under: str | None = None) -> Iterator[Effect]:
        """The lasting changes, once the program has ended: waits for that."""
        ...

    def read(self, path: str, limit: int = 65536) -> bytes | None:
        """The first bytes of a regular file as the program left it; None when there is none. Never follows a link."""
        ...

    def read_before(self, path: str, limit: int = 65536) -> bytes | None:
        """The same file as the host has it, from before the session."""
        ...

    def processes(self) -> Sequence[Process]:
        """The programs run so far."""
        ...

    def components(self) -> Sequence[Component]: ...

    def opened(self) -> Iterator[str]:
        """Hidden paths as they are opened: yields until the program has ended.

        Raises `PratiqueError` then, when the kernel had to drop some.
        """
        ...

    def reached(self) -> Iterator[Event]:
        """Names looked up and connections opened over an observed network: yields until the program has ended."""
        ...

    def calls(self) -> Iterator[Event]:
        """What the program and its processes asked of the kernel, in order: yields until the program has ended."""
        ...

    def agents(self) -> Sequence[AgentScript]:
        """The scripts that plugins have for programs of this session."""
        ...

    def companion(self, name: str) -> Iterator[bytes]:
        """What a companion of this session says, line by line, until it ends. Raises when that was too early."""
        ...

    def now(self) -> float:
        """Seconds since the session began."""
        ...

    def ended(self) -> bool: ...


# -- the hooks --------------------------------------------------------------------------------------------------------


class Hooks:
    """The specifications. Each docstring is its reference; examples in docs/plugins.md are run by a test."""

    @hookspec
    def event_kinds(self) -> Sequence[EventKind]:
        """The kinds of event this detector emits, with typed fields: the policy checker knows them from here.

        Return shared kinds (`pratique.events.STANDARD_KINDS`) as they are, and your own beside them.

        Example::

            @hookimpl
            def event_kinds():
                return [EventKind("font.replace", "A system font was replaced", family=Field.text, path=Field.path)]

        Budget: 1 s.
        """
        raise NotImplementedError

    @hookspec
    def identify(self, path: Path, trust: Trust) -> Facts | None:
        """Facts about a program file: its kind by content, its signer, its package owner, its origin.

        `path` exists and is a readable regular file, but is hostile: bound what you read. None: nothing to say.

        Example::

            @hookimpl
            def identify(path):
                with path.open("rb") as file:
                    if file.read(8) == b"!<arch>\\n":
                        return Facts(kind="deb", certainty=0.9)

        Budget: 10 s.
        """
        raise NotImplementedError

    @hookspec
    def launch(self, subject: Subject, request: Request) -> Launch | None:
        """How a program of this kind is run in the quarantine: argv, environment, silent switches. First answer wins.

        Example::

            @hookimpl
            def launch(subject, request):
                if subject.kind == "deb":
                    return Launch(command=("dpkg", "--install", subject.path), needs_root=True)

        Budget: 5 s.
        """
        raise NotImplementedError

    @hookspec
    def reputation(self, subject: Subject, rules: Reputation) -> Opinion | None:
        """An opinion on a program: allow and block lists, vendor, fleet statistics, known-unwanted list.

        `rules` is what the policy says in `reputation`.

        Example::

            @hookimpl
            def reputation(subject):
                if subject.sha256 in BLOCKED:
                    return Opinion(by="our list", standing="blocked", because="known toolbar")

        Budget: 0.2 s unless the policy says otherwise.
        """
        raise NotImplementedError

    @hookspec
    def scan(self, file: Path) -> Sequence[Match] | None:
        """Signature matches in one file. The file is hostile: bound time and memory.

        Example::

            @hookimpl
            def scan(file):
                if b"EICAR-STANDARD" in file.read_bytes()[:128]:
                    return [Match(path=str(file), rule="eicar")]

        Budget: 30 s.
        """
        raise NotImplementedError

    @hookspec
    def observe(self, session: Session) -> Iterator[Event]:
        """An observer: a generator of events, run in a thread of its own and closed at the session's end.

        `session.effects()` waits for the end and then yields each lasting change. An observer must not change anything.

        Example::

            @hookimpl
            def observe(session):
                for effect in session.effects(op="modify", under="/usr/share/fonts"):
                    yield Event("font.replace", family="?", path=effect.path, effect=effect.id)

        Budget: 30 s after the program has ended.
        """
        raise NotImplementedError

    @hookspec
    def agents(self, session: Session) -> Sequence[AgentScript]:
        """Frida scripts to load, and the programs to load them into.

        Example::

            @hookimpl
            def agents(session):
                return [AgentScript(name="curl", source=SCRIPT, programs=("**/curl",))]

        Budget: 5 s.
        """
        raise NotImplementedError

    @hookspec
    def companions(self, session: Session) -> Sequence[Companion]:
        """Processes to have in the session beside the program, where they see what it sees.

        Asked before the session starts. Each is started before the program, with the capability to look into others
        (CAP_SYS_PTRACE); it ends with the session.

        Example::

            @hookimpl
            def companions(session):
                return [Companion(name="beat", argv=("/bin/sh", "-c", "echo ready >&3; exec sleep 3600"))]

        Budget: 5 s.
        """
        raise NotImplementedError

    @hookspec
    def surface(self, session: Session) -> Surface | None:
        """A user interface of the program that can be read and changed: windows, elements, prompts.

        Example::

            @hookimpl
            def surface(session):
                return TerminalSurface(session)

        Budget: 5 s.
        """
        raise NotImplementedError

    @hookspec
    def ask(self, question: Question) -> Answer | None:
        """Put a question to the person. First answer wins; None: this asker cannot reach anybody.

        Example::

            @hookimpl
            def ask(question):
                return Answer(choice="refuse", source="policy")

        Budget: none; people take their time.
        """
        raise NotImplementedError

    @hookspec
    def remedies(self) -> Sequence[Remedy]:
        """Named remedies: what they can undo or prevent.

        Example::

            class Revert:
                name = "revert"

                def apply(self, recording, effects):
                    return RemedyOutcome(outcome="reverted", effects=frozenset(effect.id for effect in effects))

            @hookimpl
            def remedies():
                return [Revert()]

        Budget: 1 s.
        """
        raise NotImplementedError

    @hookspec
    def after_commit(self, paths: Sequence[str]) -> Sequence[AfterCommit]:
        """Commands to run on the machine after these paths came, changed or went: installed, or taken back by an undo.

        Answer only what is needed and can be done here. A command gets a minute; when it fails, that is said, and what
        was installed stays.

        Example::

            @hookimpl
            def after_commit(paths):
                if any(path.startswith("/usr/share/fonts/") for path in paths):
                    return [AfterCommit(command=("fc-cache",), because="fonts changed")]

        Budget: 5 s.
        """
        raise NotImplementedError

    @hookspec
    def may_stay(self) -> Sequence[MayStay]:
        """What an undo may leave where others changed it since: caches, logs, backups, directories that all share.

        What it leaves is said; it never stands in the way of the rest.

        Example::

            @hookimpl
            def may_stay():
                return [MayStay(what="the cache of fonts", paths=("/var/cache/fontconfig/**",))]

        Budget: 1 s.
        """
        raise NotImplementedError

    @hookspec
    def transport(self, settings: Mapping[str, Any]) -> Transport | None:
        """A way to carry messages and files between the roles: publish, request, fetch, watch.

        Example::

            @hookimpl
            def transport(settings):
                if settings.get("kind") == "directory":
                    return DirectoryTransport(settings["path"])

        Budget: 10 s.
        """
        raise NotImplementedError

    @hookspec
    def services(self, role: str) -> Sequence[Service]:
        """Long-running parts of a role (center, site, endpoint).

        Example::

            @hookimpl
            def services(role):
                if role == "endpoint":
                    return [Service("heartbeat", beat)]
                return []

        Budget: 5 s to answer; the services run on.
        """
        raise NotImplementedError

    @hookspec
    def commands(self) -> Sequence[Command]:
        """Subcommands of `pratique`.

        Example::

            @hookimpl
            def commands():
                return [Command("hello", "say hello", lambda parser: None, lambda args: print("hello") or 0)]

        Budget: 1 s.
        """
        raise NotImplementedError

    @hookspec
    def pages(self) -> Sequence[Page]:
        """Pages of the web console.

        Example::

            @hookimpl
            def pages():
                return [Page("/fonts", "Fonts replaced", lambda query: "<h1>Fonts</h1>")]

        Budget: 1 s.
        """
        raise NotImplementedError

    @hookspec
    def alert_channels(self) -> Sequence[AlertChannel]:
        """Ways to alert people, by URL scheme.

        Example::

            @hookimpl
            def alert_channels():
                return [AlertChannel("log", lambda url, title, text: print(title, text))]

        Budget: 1 s.
        """
        raise NotImplementedError

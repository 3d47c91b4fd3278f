"""The host: loads the plugins a role file asks for, calls them one by one, and knows who answered what.

A plugin that raises, overruns its budget or answers nonsense is noted and passed over: it never decides and never
stops a session. Shipped plugins come in through the same entry points, and are held to the same rules, as anybody's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pluggy

from pratique import hookspecs, rolefile
from pratique.errors import UsageError
from pratique.events import STANDARD_KINDS, EventKind, Vocabulary
from pratique.host import answers, border, implementing, loading
from pratique.host.record import Call as Call
from pratique.host.record import Failure as Failure
from pratique.host.record import Plugin as Plugin
from pratique.host.record import PluginStatus as PluginStatus

#: The last calls kept; older ones live on in the plugins' sums.
CALLS_KEPT: Final = 10_000
FAILURES_KEPT: Final = 1_000


class Answer(NamedTuple):
    """What one plugin answered, and in how many seconds."""

    plugin: str
    value: Any
    seconds: float


class Implementation(NamedTuple):
    """One plugin's function for a hook, with the names of the arguments it takes."""

    plugin: str
    function: Callable[..., Any]
    takes: tuple[str, ...]


class Host:
    """The plugins of this process. Made by `Host.open`, or by `Host.of` from modules at hand."""

    def __init__(self, role: rolefile.HostFile) -> None:
        self.role = role
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._plugins: dict[str, Plugin] = {}
        self._failures: deque[Failure] = deque(maxlen=FAILURES_KEPT)
        self._lock = threading.Lock()
        self._vocabulary: Vocabulary | None = None
        self._manager = pluggy.PluginManager("pratique")
        self._manager.add_hookspecs(hookspecs.Hooks)

    @classmethod
    def open(cls, role_file: Path | None = None, *, disable: Sequence[str] = ()) -> Host:
        """Load what the role file asks for, less `disable`.

        Raises `HostFileError` for a role file that is wrong, `UsageError` for a name in `disable` nobody has.
        """
        host = cls(rolefile.current(role_file))
        for found in reversed(loading.chosen(host.role, disable)):
            host._take(found)
        unknown = [name for name in disable if name not in host._plugins]
        if unknown:
            import difflib

            near = difflib.get_close_matches(unknown[0], host._plugins, 1)
            hint = f"did you mean {near[0]}?" if near else "`pratique plugins` lists them"
            raise UsageError(f"no plugin is called {unknown[0]!r}, so it cannot be disabled", hint=hint)
        return host

    @classmethod
    def of(cls, plugins: Mapping[str, object], settings: Mapping[str, Mapping[str, Any]] | None = None) -> Host:
        """A host of these modules or objects by name, asked in this order: for tests and for embedding."""
        part = rolefile.PluginsPart(settings={name: dict(values) for name, values in (settings or {}).items()})
        host = cls(rolefile.HostFile(plugins=part))
        for name, plugin in reversed(list(plugins.items())):
            host.register(name, plugin)
        return host

    # -- plugins ------------------------------------------------------------------------------------------------------

    def register(self, name: str, plugin: object, *, version: str = "", distribution: str = "") -> bool:
        """Add a plugin; False, and a failure noted, when it cannot be one or the name is taken (the first stays)."""
        return self._take(loading.Found(Plugin(name, version, distribution), lambda: plugin))

    def _take(self, found: loading.Found) -> bool:
        plugin = found.plugin
        if plugin.name in self._plugins:
            holder = self._plugins[plugin.name].distribution or "another plugin"
            self._note(plugin.name, "register", f"{plugin.distribution or 'a second plugin'} also registers a plugin "
                       f"called {plugin.name!r}; that of {holder} stays, this one is not loaded")  # fmt: skip
            return False
        self._plugins[plugin.name] = plugin
        if plugin.state == "off":
            return False
        if plugin.state == "failed":
            self._note(plugin.name, "load", plugin.why)
            return False
        assert found.load is not None  # state "on" means that there is something to load
        what = f"loading the plugin {plugin.name}"
        outcome = border.within(loading.IMPORT_BUDGET, found.load, {}, what)
        if outcome.error:
            return self._refuse(plugin, "load", f"cannot be loaded: {outcome.error}")
        plugin.load_seconds = outcome.seconds
        # Looking at an object runs its code too (properties, __getattr__), so this happens behind the border as well.
        given = {"name": plugin.name, "plugin": outcome.value}
        looked = border.within(loading.IMPORT_BUDGET, self._look_at, given, what)
        wrong = [looked.error] if looked.error else looked.value
        if wrong:
            return self._refuse(plugin, "register", "; ".join(wrong))
        plugin.hooks = tuple(caller.name for caller in self._manager.get_hookcallers(outcome.value) or ())
        self._vocabulary = None
        return True

    def _look_at(self, name: str, plugin: object) -> list[str]:
        wrong = implementing.problems(self._manager, plugin)
        if not wrong:
            self._manager.register(plugin, name)
        return wrong

    def _refuse(self, plugin: Plugin, hook: str, why: str) -> bool:
        plugin.state, plugin.why = "failed", why
        self._note(plugin.name, hook, why)
        return False

    def plugins(self) -> tuple[PluginStatus, ...]:
        """Every plugin found, on or not, with what it has done so far; in order of name."""
        self.vocabulary()
        return tuple(plugin.status() for _, plugin in sorted(self._plugins.items()))

    def settings(self, plugin: str) -> Mapping[str, Any]:
        """The plugin's own settings from the role file; empty when it says nothing."""
        return self.role.plugins.settings.get(plugin, {})

    def failures(self) -> tuple[Failure, ...]:
        """What went wrong, oldest first."""
        return tuple(self._failures)

    # -- calls --------------------------------------------------------------------------------------------------------

    def implementations(self, hook: str) -> list[Implementation]:
        """The enabled plugins' functions for a hook, in the order they are asked."""
        caller = getattr(self._manager.hook, hook)
        return [
            Implementation(impl.plugin_name, impl.function, (*impl.argnames, *impl.kwargnames))
            for impl in reversed(caller.get_hookimpls())
            if self._plugins[impl.plugin_name].state == "on"
        ]

    def call(
        self,
        hook: str,
        /,
        *,
        budget: float | None = None,
        first: bool = False,
        each: Callable[[str], Mapping[str, Any]] | None = None,
        **arguments: Any,
    ) -> list[Answer]:
        """Ask every plugin in turn (`first`: until one has an answer), each with the arguments it takes.

        `budget` is seconds a plugin, in place of the hook's own; `each` adds arguments that differ by plugin.
        Plugins that have nothing to say, raise, overrun or answer nonsense are not in the list. Raises `TypeError`
        when the arguments are not the hook's: that is the caller's mistake.
        """
        if hook not in implementing.hooks():
            raise TypeError(f"there is no hook {hook!r}")
        allowed = budget if budget is not None else answers.BUDGETS[hook]
        got: list[Answer] = []
        for implementation in self.implementations(hook):
            given = {**arguments, **each(implementation.plugin)} if each else arguments
            if given.keys() != set(implementing.hooks()[hook]):
                raise TypeError(f"{hook} takes {', '.join(implementing.hooks()[hook])}; called with {', '.join(given)}")
            answer = self._ask(implementation, hook, allowed, given)
            if answer is not None:
                got.append(answer)
                if first:
                    break
        return got

    def _ask(
        self, asked: Implementation, hook: str, budget: float | None, arguments: Mapping[str, Any]
    ) -> Answer | None:
        taken = {name: value for name, value in arguments.items() if name in asked.takes}
        if budget is None:
            outcome = border.here(asked.function, taken, person_may_interrupt=True)
        else:
            outcome = border.within(budget, asked.function, taken, f"{hook} of the plugin {asked.plugin}")
        error = outcome.error
        if not error and outcome.value is not None:
            nonsense = answers.fault(hook, outcome.value)
            error = f"returned nonsense: {nonsense}" if nonsense else ""
        self.note_call(asked.plugin, hook, outcome.seconds, error, overran=outcome.overran)
        return None if error or outcome.value is None else Answer(asked.plugin, outcome.value, outcome.seconds)

    def note_call(self, plugin: str, hook: str, seconds: float, error: str = "", *, overran: bool = False) -> None:
        """Enter a call in the books. A plugin that overran is off from now on: its thread may still be running."""
        known = self._plugins[plugin]
        with self._lock:
            known.calls += 1
            known.seconds += seconds
            self.calls.append(Call(plugin=plugin, version=known.version, hook=hook, seconds=seconds, error=error))
            if error:
                known.errors += 1
            if overran and known.state == "on":
                known.state, known.why = "failed", f"{hook} {error}; off for the rest of this run"
        if error:
            self._note(plugin, hook, error)

    def _note(self, plugin: str, hook: str, message: str) -> None:
        self._failures.append(Failure(plugin=plugin, hook=hook, message=message))

    # -- event kinds --------------------------------------------------------------------------------------------------

    def vocabulary(self) -> Vocabulary:
        """The kinds a policy may speak of: the shared ones and those of the plugins.

        A kind that clashes with one declared before (ours, then by name of the plugin) is refused, and that is noted.
        """
        if self._vocabulary is None:
            vocabulary = Vocabulary(STANDARD_KINDS)
            offered = {answer.plugin: answer.value for answer in self.call("event_kinds")}
            for name in sorted(offered, key=lambda name: (self._plugins[name].distribution != "pratique", name)):
                self._plugins[name].kinds = self._declare(vocabulary, name, offered[name])
            self._vocabulary = vocabulary
        return self._vocabulary

    def _declare(self, vocabulary: Vocabulary, plugin: str, kinds: Iterable[EventKind]) -> dict[str, EventKind]:
        taken: dict[str, EventKind] = {}
        for kind in kinds:
            try:
                vocabulary.add(kind)
            except ValueError as error:
                self._note(plugin, "event_kinds", f"{error}; the first stays")
                self._plugins[plugin].errors += 1
            else:
                taken[kind.name] = kind
        return taken

    def kinds(self, plugin: str) -> Mapping[str, EventKind]:
        """The kinds this plugin may emit: those it declared that were accepted."""
        self.vocabulary()
        return self._plugins[plugin].kinds

    def observed_kinds(self) -> set[str]:
        """The kinds some enabled plugin emits."""
        self.vocabulary()
        return {kind for plugin in self._plugins.values() if plugin.state == "on" for kind in plugin.kinds}

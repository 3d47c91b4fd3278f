"""What nothing here observes or starts, and the command that switches on a shipped plugin that does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from pratique.host import Host
from pratique.host.installed import OURS, entries, normalised
from pratique.host.loading import load
from pratique.rolefile import HostFile, mending


def sentence(unobserved: Collection[str]) -> str:
    """What is wrong, for people."""
    return f"kinds the policy listens to that nothing observes: {', '.join(sorted(unobserved))}"


def mend(host: Host, unobserved: Collection[str], file: Path | None = None) -> str:
    """The command that switches on the shipped plugins which observe these kinds, or what else to do."""
    if not allowed(host.role, OURS):
        return mending.allowing(host.role, OURS, file)
    aside = _left_out(host)
    observers = [plugin.name for plugin in aside.plugins() if not set(aside.kinds(plugin.name)).isdisjoint(unobserved)]
    command = mending.enabling(host.role, observers, file)
    return command or "install a plugin that observes them, or switch one on (`pratique plugins` lists them)"


def mend_launching(host: Host, file: Path | None = None) -> str:
    """The command that switches on the shipped plugins which know how programs are started."""
    launchers = [implementation.plugin for implementation in _left_out(host).implementations("launch")]
    return mending.enabling(host.role, launchers, file) or "install a plugin with the hook `launch`"


def mend_of_failed(role: HostFile, distribution: str, plugins: Sequence[str], file: Path | None = None) -> str:
    """What mends plugins of one distribution that failed for one reason."""
    if not distribution:  # only the role file speaks of it
        return f"{mending.not_using(role, plugins[0], file)}, or install it"
    if distribution == OURS and not allowed(role, OURS):
        return mending.allowing(role, OURS, file)
    return f"{mending.disabling(role, plugins, file)}, or install {distribution} again"


def allowed(role: HostFile, distribution: str) -> bool:
    """Whether the role file lets the plugins of this distribution run."""
    allow = role.plugins.allow
    return allow is None or any(normalised(one.name) == distribution for one in allow)


def _left_out(host: Host) -> Host:
    """The shipped plugins that the role file leaves out, in a host of their own. Nobody else's are loaded."""
    off = {plugin.name for plugin in host.plugins() if plugin.state == "off" and plugin.distribution == OURS}
    targets = {entry.name: entry.target for entry in entries() if entry.name in off and entry.distribution.name == OURS}
    return Host.of({name: load(target) for name, target in targets.items()})

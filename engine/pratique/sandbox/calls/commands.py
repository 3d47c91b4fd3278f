"""What a command line asks of the service manager, the firewall or the kernel's module loader.

Pure: the words of a command in, the acts of a policy's vocabulary out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec


class Asked(msgspec.Struct, frozen=True):
    """One act: its kind, and the kind's fields."""

    kind: str
    fields: dict[str, Any]


#: What systemctl does to what runs. The other verbs work on files, or only look.
CONTROL_VERBS: Final = frozenset({
    "start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart", "force-reload",
    "condrestart", "kill", "isolate", "freeze", "thaw", "clean", "daemon-reload", "daemon-reexec", "reset-failed",
    "set-environment", "unset-environment", "import-environment", "emergency", "rescue", "default", "halt", "poweroff",
    "reboot", "kexec", "soft-reboot", "exit", "suspend", "hibernate", "hybrid-sleep", "suspend-then-hibernate",
    "set-property", "bind", "mount-image", "switch-root", "log-level", "log-target", "service-watchdogs", "cancel",
})  # fmt: skip
#: Those that are named like the verb.
_POWER: Final = frozenset({"reboot", "poweroff", "halt", "shutdown", "telinit", "init"})
_SERVICE_VERBS: Final = frozenset({"start", "stop", "restart", "reload", "force-reload", "try-restart", "condrestart"})
_INIT_VERBS: Final = frozenset({"start", "stop", "restart", "reload"})
#: systemctl's options that take a value in a word of its own.
_WITH_VALUE: Final = frozenset({
    "-H", "-M", "-n", "-o", "-p", "-P", "-s", "-t", "--host", "--machine", "--lines", "--output", "--property",
    "--signal", "--type", "--state", "--root", "--image", "--job-mode", "--kill-whom", "--kill-who", "--what",
    "--timestamp", "--when", "--preset-mode", "--message", "--reboot-argument",
})  # fmt: skip

FIREWALLS: Final = frozenset({
    "iptables", "ip6tables", "iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy",
    "iptables-restore", "ip6tables-restore", "ebtables", "arptables", "nft", "ufw", "firewall-cmd", "ipset",
})  # fmt: skip
#: Words with which those only look.
_LOOKING: Final = frozenset({
    "-L", "--list", "-S", "--list-rules", "-C", "--check", "-h", "--help", "-V", "--version", "-v", "list", "status",
    "version", "show", "--state", "--list-all", "--get-zones", "--get-default-zone", "--list-ports", "--list-services",
})  # fmt: skip
MODULES: Final = frozenset({"modprobe", "insmod", "rmmod"})
_ONLY_LOOKING_AT_MODULES: Final = frozenset({
    "-n", "--dry-run", "--show", "-D", "--show-depends", "-c", "--showconfig", "-V", "--version", "-h", "--help",
    "--show-exports", "-R", "--resolve-alias",
})  # fmt: skip


def asked(arguments: Sequence[str], path: str) -> list[Asked]:
    """What this command line asks for; nothing for most.

    >>> asked(["systemctl", "--now", "restart", "ssh", "cron"], "/usr/bin/systemctl")[1].fields
    {'name': 'cron', 'verb': 'restart'}
    """
    name = path.rpartition("/")[2]
    called = arguments[0].rpartition("/")[2] if arguments else name
    for one in dict.fromkeys((called, name)):  # one program may go by several names
        if found := _asked(one, list(arguments[1:])):
            return found
    return []


def _asked(name: str, words: list[str]) -> list[Asked]:
    if name == "kmod" and words:
        name, words = words[0], words[1:]
    if name == "systemctl":
        return _systemctl(words)
    if name in ("service", "invoke-rc.d", "rc-service"):
        plain = [word for word in words if not word.startswith("-")]
        if len(plain) >= 2 and plain[1] in _SERVICE_VERBS:
            return [_control(plain[0], plain[1])]
        return []
    if name in ("initctl", "start", "stop", "restart", "reload"):
        plain = [name, *words] if name != "initctl" else words
        if len(plain) >= 2 and plain[0] in _INIT_VERBS:
            return [_control(plain[1], plain[0])]
        return []
    if name in _POWER:
        return [_control("", name)]
    if name in FIREWALLS:
        if not words or (_LOOKING.intersection(words[:2]) and not name.endswith("-restore")):
            return []
        return [Asked("firewall.change", {"command": " ".join((name, *words))})]
    if name in MODULES:
        return _modules(name, words)
    return []


def _control(name: str, verb: str) -> Asked:
    return Asked("service.control", {"name": name, "verb": verb})


def _systemctl(words: list[str]) -> list[Asked]:
    plain: list[str] = []
    now = skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif word.startswith("-"):
            now = now or word == "--now"
        else:
            plain.append(word)
    if not plain:
        return []
    verb, units = plain[0], plain[1:]
    if verb in CONTROL_VERBS:
        return [_control(unit, verb) for unit in units] or [_control("", verb)]
    if now and verb in ("enable", "disable", "mask", "reenable"):
        return [_control(unit, "start" if verb in ("enable", "reenable") else "stop") for unit in units]
    return []


def _modules(name: str, words: list[str]) -> list[Asked]:
    plain = [word for word in words if not word.startswith("-")]
    if not plain or _ONLY_LOOKING_AT_MODULES.intersection(words):
        return []
    if name == "rmmod" or {"-r", "--remove"}.intersection(words):
        return []  # unloading is refused by the kernel, and no policy's concern
    module = plain[0].rpartition("/")[2].partition(".ko")[0]
    return [Asked("kernel.module", {"name": module})]

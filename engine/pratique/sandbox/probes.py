"""Signs of a sandbox: what a program looks at that wants to know where it runs, before it shows what it is.

No sign is proof of anything: runtimes size themselves by control groups, package managers look for a container. So what
is seen is evidence with its program (`sandbox.probe`), is told in the report, and weighs what a policy says it weighs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pratique.abridged import abridged
from pratique.events import Event
from pratique.recording import Process

KIND: Final = "sandbox.probe"
#: Signs named in the report one by one.
MOST_NAMED: Final = 8

_OF_A_PROCESS: Final = r"cgroup|environ|mountinfo|mounts|mountstats|sched|status|uid_map|ns/\w+"
#: Files that are different where a program is watched, contained or on a virtual machine; for Python and JavaScript.
FILE: Final = (
    rf"/proc/(?:1|self|thread-self|[0-9]+)/(?:task/[0-9]+/)?(?:{_OF_A_PROCESS})"
    r"|/proc/(?:mounts|modules|kallsyms|ioports|iomem|scsi/scsi|xen|vz|bc|device-tree|sysvipc)"
    r"|/sys/(?:class/dmi/id|devices/virtual/dmi/id|hypervisor|firmware|module)(?:/[\w.-]+)*"
    r"|/\.dockerenv|/\.dockerinit|/run/\.containerenv|/run/systemd/container|/run/pratique"
)
_WHOLE_FILE: Final = re.compile(rf"(?:{FILE})\Z")
#: The same in the midst of a command line: `sh -c "grep -q overlay /proc/mounts"`.
_IN_WORDS: Final = re.compile(rf"(?<![\w/.-])(?:{FILE})(?![\w-])")
_BEGINNINGS: Final = ("/proc/", "/sys/", "/.docker", "/run/")  # one of which is in every sign: quickly looked for
NUMBERED: Final = r"/proc/(?!1/)(?:[0-9]+|self|thread-self)/(?:task/[0-9]+/)?"

#: Programs whose whole purpose is to tell.
_TELLING: Final = frozenset({"systemd-detect-virt", "virt-what", "dmidecode", "imvirt", "ischroot"})
#: What well-known programs of the host read of themselves, whoever runs them and for whatever end.
_HABITS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("df", "mount", "umount", "findmnt", "lsblk", "mountpoint"),
        frozenset({"/proc/self/mountinfo", "/proc/self/mounts", "/proc/mounts"}),
    ),
    **dict.fromkeys(
        ("ps", "pgrep", "pkill", "pidof", "top", "killall"),
        frozenset({"/proc/self/status", "/proc/self/environ", "/proc/1/status", "/proc/1/environ"}),
    ),
}
#: What the runtimes of Rust, Go, Java and Node read to learn how much of the machine is theirs: by itself not reported.
_COMMON: Final = frozenset({"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/self/status"})


def plain(path: str) -> str:
    """The path as it is the same for every process.

    >>> plain("/proc/17/task/18/status"), plain("/proc/1/cgroup"), plain("/proc/mounts")
    ('/proc/self/status', '/proc/1/cgroup', '/proc/self/mounts')
    """
    path = re.sub(NUMBERED, "/proc/self/", path)
    return "/proc/self/mounts" if path == "/proc/mounts" else path


def sign(path: str, program: str) -> str:
    """What the opening of this file by that program is a sign of; "" for nothing.

    >>> sign("/proc/17/mountinfo", "/opt/x/setup"), sign("/proc/17/mountinfo", "/usr/bin/df"), sign("/proc/stat", "x")
    ('/proc/self/mountinfo', '', '')
    """
    if not program or _WHOLE_FILE.match(path) is None:  # before the program is executed, it is our own doing
        return ""
    path = plain(path)
    return "" if path in _HABITS.get(program.rsplit("/", 1)[-1], ()) else path


def signs_in(arguments: Sequence[str], program: str) -> Iterator[str]:
    """What a command line asks for.

    >>> list(signs_in(["sh", "-c", "grep -q overlay /proc/mounts || test -e /.dockerenv"], "/bin/sh"))
    ['/proc/self/mounts', '/.dockerenv']
    >>> list(signs_in(["dmidecode", "-s", "bios-vendor"], "/usr/sbin/dmidecode"))
    ['dmidecode']
    """
    name = program.rsplit("/", 1)[-1]
    if name in _TELLING:
        yield name
    words = [word for word in arguments[1:] if any(text in word for text in _BEGINNINGS)]
    yield from dict.fromkeys(plain(match[0]) for word in words for match in _IN_WORDS.finditer(word))


def notes(events: Iterable[Event], processes: Iterable[Process]) -> tuple[str, ...]:
    """In words, what a session's program looked at, and which programs of it did; () when it did not."""
    programs = {process.id: process.program.rsplit("/", 1)[-1] for process in processes}
    found: dict[str, dict[str, None]] = {}
    for event in events:
        if event.kind == KIND:
            who = found.setdefault(str(event.fields.get("sign")), {})
            if program := programs.get(event.process):
                who[program] = None
    if found.keys() <= _COMMON:
        return ()
    said = [f"{sign} ({', '.join(list(who)[:3])})" if who else sign for sign, who in found.items()]
    return (f"it looked for signs of a sandbox: {abridged(said, most=MOST_NAMED)}",)

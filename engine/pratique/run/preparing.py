"""Before anything runs: as whom, with which network, started how. What is missing is said here, with exit code 4."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from pratique.errors import CannotError, UsageError
from pratique.hookspecs import Launch, Request
from pratique.host import Host
from pratique.policy.model import NetworkRule, Policy
from pratique.run.options import NetworkMode, Options
from pratique.sandbox.network import registries
from pratique.sandbox.network.wiring import PACKAGE, nft
from pratique.subject import Subject

#: What a quarantine never shows of the host, so that nothing there can be run.
PRIVATE: Final = ("/run/", "/dev/", "/proc/", "/sys/")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The account the program runs as."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def person(name: str | None, typed: str = "") -> Person:
    """The account to run as: the one named (root only), else the caller's own. `typed`: the words of the command.

    Raises `CannotError` for somebody else's account without being root and for a caller without one,
    `UsageError` for an account nobody has.
    """
    if name is None:
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise CannotError(
                f"this machine knows no account with the number {os.geteuid()}, which runs this command",
                hint="run it as a user that `getent passwd` lists",
            ) from None
        return Person(
            name=entry.pw_name, uid=entry.pw_uid, gid=os.getegid(), groups=tuple(os.getgroups()),
            home=os.environ.get("HOME") or entry.pw_dir,
        )  # fmt: skip
    if os.geteuid() != 0:
        raise CannotError(
            "only root can run a program as somebody else", hint=as_root(typed or f"run --as-user {name}")
        )
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"there is no user {name!r} on this machine", hint="`getent passwd` lists them") from None
    groups = tuple(os.getgrouplist(name, entry.pw_gid))
    return Person(name=name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups, home=entry.pw_dir)


def directory_for(account: Person, as_user: str | None) -> str:
    """Where the program starts: where the person is; for somebody else who may not go there, at home.

    Raises `CannotError` when they may go to neither.
    """
    here = str(Path.cwd())
    shown = not f"{here}/".startswith(PRIVATE)
    if as_user is None or (shown and _may_enter(account, here)):
        return here
    if _may_enter(account, account.home):
        return account.home
    raise CannotError(
        f"{account.name} may not enter {here}, nor a home of their own ({account.home})",
        hint=f"cd to a directory that {account.name} may enter, /tmp for one, and give the installer's whole path",
    )


def _may_enter(account: Person, directory: str) -> bool:
    """As the kernel says it to that user, whatever owners, groups and lists of access there are on the way."""
    words = ["/bin/sh", "-c", 'cd -- "$1"', "sh", directory]
    done = subprocess.run(
        words, cwd="/", user=account.uid, group=account.gid, extra_groups=account.groups, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode == 0


def network_for(
    flag: NetworkMode | None, policy: Policy, subject: Subject, account: Person
) -> tuple[NetworkRule, tuple[str, ...]]:
    """The network the session gets, and what has to be said about it: the flag's, else the policy's for this kind.

    An observed network leads where the policy's rule for this kind says and, for a package manager, to the registries
    this machine has set for it. Without such a rule it leads anywhere; the registries are then those of its
    destinations that may be within the house.

    Raises `CannotError` for a flag that this machine cannot follow.
    """
    rule = policy.plan.network_for(subject.kind)
    if flag is not None and flag != rule.mode:
        rule = NetworkRule(mode=flag)
    if rule.mode != "observed":
        return rule, ()
    if nft() is None:
        if flag == "observed":
            raise CannotError(
                "an observed network needs nft, which this machine lacks", hint=f"sudo apt-get install {PACKAGE}"
            )
        note = f"the policy's observed network needs nft (sudo apt-get install {PACKAGE}): the program had no network"
        return NetworkRule(mode="none"), (note,)
    own = registries.of(subject.kind, home=account.home, environment=os.environ)
    return NetworkRule(mode="observed", to=tuple(dict.fromkeys((*(rule.to or ("*",)), *own)))), ()


def launch_for(
    host: Host, subject: Subject, options: Options, network: NetworkRule, account: Person, policy: Policy
) -> Launch:
    """How this program is started, by the plugin that knows its kind. Raises `CannotError` when it cannot be, here,
    `UsageError` when the file is damaged.
    """
    request = Request(
        arguments=options.command[1:],
        network=network.mode,
        attended=options.attended,
        root=account.uid == 0,
        home=account.home,
        silent=policy.plan.silent_switches == "known",
    )
    answers = host.call("launch", first=True, subject=subject, request=request)
    name = subject.path if subject.path and not subject.command[1:] else " ".join(subject.command)
    if not answers:
        failures = "; ".join(str(failure.message) for failure in host.failures() if failure.hook == "launch")
        raise CannotError(
            f"no plugin knows how to run a {subject.kind} program: {name}" + (f" ({failures})" if failures else ""),
            hint="`pratique plugins` lists what is enabled; `pratique doctor` what this machine lacks",
        )
    launch: Launch = answers[0].value
    what = launch.describe or subject.kind
    private = next((top for top in PRIVATE if subject.path.startswith(top)), "")
    if private and not options.bare:
        raise CannotError(
            f"{subject.path} lies below {private}, of which a program in quarantine has its own",
            hint=f"copy it first: cp {shlex.quote(subject.path)} /tmp/ && "
            f"pratique run /tmp/{shlex.quote(Path(subject.path).name)}",
        )
    if launch.damaged:
        raise UsageError(launch.damaged, hint=launch.hint)
    if launch.cannot:
        raise CannotError(launch.cannot, hint=launch.hint)
    if launch.needs_root and account.uid != 0:
        done = "run" if subject.kind == "command" else "installed"
        raise CannotError(f"{article(what)} can only be {done} by root", hint=as_root(options.typed or f"run {name}"))
    missing = {program: package for program, package in launch.needs.items() if not _on_path(program)}
    if missing:
        packages = sorted({package for package in missing.values() if package})
        raise CannotError(
            f"{name} needs {counted_programs(sorted(missing))}, which this machine lacks",
            hint=f"sudo apt-get install {' '.join(packages)}" if packages else "install it, or mend the first line",
        )
    return launch


def counted_programs(programs: Sequence[str]) -> str:
    """
    >>> counted_programs(["perl"]), counted_programs(["perl", "tar"])
    ('the program perl', 'the programs perl, tar')
    """
    return f"the program{'' if len(programs) == 1 else 's'} {', '.join(programs)}"


def article(what: str) -> str:
    """
    >>> article("sh script"), article("ELF program"), article("command apt-get")
    ('a sh script', 'an ELF program', 'the command apt-get')
    """
    if what.startswith(("the ", "a ", "an ")):
        return what
    if what.startswith("command "):
        return f"the {what}"
    return f"an {what}" if what[:1] in "aeioAEIO" else f"a {what}"


def as_root(typed: str) -> str:
    """The command line again, by sudo, which has a PATH of its own and may not find a virtual environment's program."""
    program = Path(sys.argv[0])
    found = program.is_absolute() and program.name == "pratique" and os.access(program, os.X_OK)
    return f"sudo {shlex.quote(str(program)) if found else 'pratique'} {typed}"


def fingerprint(path: str) -> tuple[int, ...]:
    """What tells that a file is still the one that was identified; () when there is none.

    A program cannot set a file's ctime, so bytes that were swapped and put back show as well.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _on_path(program: str) -> bool:
    path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(program, path=path) is not None

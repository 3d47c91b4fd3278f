"""What a program in quarantine may still do: few capabilities, no new privileges, no keys and sockets of the host."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path

from pratique.sandbox import linux
from pratique.sandbox.spec import Spec

#: What package managers and installers use. Left out on purpose, among others: SYS_ADMIN (mounts, and so the way out),
#: SYS_PTRACE, MKNOD, NET_ADMIN, DAC_READ_SEARCH (opens files by handle, past every mount), LINUX_IMMUTABLE (files
#: that could not be removed again), SYS_RESOURCE, SYS_MODULE, SYS_RAWIO, SYS_BOOT, SYS_TIME, SYSLOG, BPF, MAC_*.
FOR_INSTALLERS = frozenset(
    {
        linux.CAP_CHOWN,
        linux.CAP_DAC_OVERRIDE,
        linux.CAP_FOWNER,
        linux.CAP_FSETID,
        linux.CAP_KILL,
        linux.CAP_SETGID,
        linux.CAP_SETUID,
        linux.CAP_SETPCAP,
        linux.CAP_NET_BIND_SERVICE,
        linux.CAP_SYS_CHROOT,
        linux.CAP_AUDIT_WRITE,
        linux.CAP_SETFCAP,
    }
)

_MEMORY_KILLER = Path("/proc/self/oom_score_adj")  # proc_pid_oom_score_adj(5)


def keep_only(kept: frozenset[int]) -> None:
    """For good: this process and everything it starts."""
    linux.drop_from_bounding_set(kept)
    _settle(kept)


def _settle(kept: frozenset[int]) -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
    linux.set_capabilities(kept)


def become(spec: Spec, *, mapped: bool) -> None:
    """Turn the calling process into the program's user with the program's privileges, just before it is executed.

    `mapped`: in a user name space, where the process is that user already.
    """
    linux.join_new_session_keyring()
    if spec.network == "host":
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.scope_abstract_sockets()
    kept = FOR_INSTALLERS if spec.uid == 0 else frozenset()
    linux.drop_from_bounding_set(kept)
    if not mapped:
        os.setgroups(spec.groups)
        os.setresgid(spec.gid, spec.gid, spec.gid)
        os.setresuid(spec.uid, spec.uid, spec.uid)
    _settle(kept)


def spare_from_memory_killer() -> None:
    """For process 1, whose end is everybody's: where memory is short, others are to go first."""
    with contextlib.suppress(OSError):  # only root may; for a user, process 1 is no likelier than any other
        _MEMORY_KILLER.write_text("-900")


def bound(spec: Spec, largest_file: int, memory: int | None) -> None:
    """Resource limits: no core dumps, no file larger than there is room for, processes bounded where that works.

    `memory`: bytes one process may have, where nothing else keeps them in bounds together.
    """
    # What the machine gives up first when it runs out of memory is the unknown program, not the person's work.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or its own entries in /proc would be root's; nobody is there yet to look
    _MEMORY_KILLER.write_text("1000")
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    if memory is not None:
        _lower(resource.RLIMIT_DATA, memory)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, largest_file)
    # Counts all of a user's processes on the machine, so it cannot be as tight as the name space's own bound; for
    # root the kernel does not apply it at all.
    if spec.uid:
        _lower(resource.RLIMIT_NPROC, spec.processes_limit * 4)


def _lower(which: int, wanted: int) -> None:
    _, hard = resource.getrlimit(which)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (limit, limit))


def default_signals() -> None:
    """Python ignores SIGPIPE and SIGXFSZ and may have handlers: a program must start with none of that.

    Whoever started us may have ignored more, signals that Python does not know of included.
    """
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    for reserved in range(signal.SIGRTMIN - 2, signal.SIGRTMIN):  # those the C library keeps to itself
        linux.default_action(reserved)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())

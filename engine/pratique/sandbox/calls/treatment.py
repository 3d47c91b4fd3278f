"""Which calls are seen, which are refused, and which pass: the table behind the filter.

Seen (notified) is what changes something, starts something or reaches out. Refused without a word is what no installer
needs and what would lead past the log or out of the session; libraries fall back where there is an older way. The rest
passes: it reads, or works on what was opened under our eyes.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from pratique.sandbox import linux
from pratique.sandbox.calls.bpf import Bits, Is, Rule, Table, notify, refuse

#: An opening that can change something. O_TMPFILE and O_APPEND need one of these as well.
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# <linux/ptrace.h>
PTRACE_ATTACH: Final = 16
PTRACE_SEIZE: Final = 0x4206

_RLIMIT_STACK: Final = 3  # <asm-generic/resource.h>

#: Made so often that they are let pass first.
COMMONEST: Final = (
    "read", "write", "close", "mmap", "mmap2", "newfstatat", "fstat", "lseek", "futex", "rt_sigaction",
    "rt_sigprocmask", "munmap", "mprotect", "brk", "pread64", "statx", "fstat64", "_llseek",
)  # fmt: skip

#: Seen whatever their arguments are. Not here: ftruncate, fallocate and the like, which need an opening for writing,
#: and utimensat, which changes nothing a policy speaks of.
_SEEN: Final = (
    # files
    "openat2", "creat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link",
    "linkat", "symlink", "symlinkat", "mknod", "mknodat", "truncate", "truncate64", "chmod", "fchmod", "fchmodat",
    "fchmodat2", "chown", "lchown", "fchown", "fchownat", "chown32", "lchown32", "fchown32", "setxattr", "lsetxattr",
    "fsetxattr", "setxattrat",
    # processes; ends are seen so that who left whom behind is known
    "execve", "execveat", "exit", "exit_group", "chroot", "process_vm_writev", "tkill", "tgkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    # network
    "connect", "bind", "listen", "sendmsg", "sendmmsg",
    # the machine: never let go on, but evidence
    "mount", "umount", "umount2", "move_mount", "pivot_root", "swapon", "swapoff", "init_module", "finit_module",
    "delete_module", "create_module", "reboot",
)  # fmt: skip

#: There is an older way for each, which ENOSYS makes libraries take: clone, mount, plain reading and writing. What is
#: in memory that nobody else may read cannot be told.
_NOT_THERE: Final = (
    "fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "open_tree_attr", "mount_setattr",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "_sysctl", "uselib", "nfsservctl",
    "lookup_dcookie", "vm86", "vm86old", "file_setattr", "memfd_secret",
)  # fmt: skip

_NOT_ALLOWED: Final = (
    "setns", "bpf", "add_key", "request_key", "keyctl", "kexec_load", "kexec_file_load", "perf_event_open",
    "userfaultfd", "open_by_handle_at", "settimeofday", "clock_settime", "clock_settime64", "quotactl", "quotactl_fd",
    "acct", "iopl", "ioperm", "fanotify_init", "fanotify_mark",
)  # fmt: skip

#: Kinds of sockets (<linux/socket.h>) that no name space keeps in, first of all AF_VSOCK, which leads from a virtual
#: machine to the one that runs it; and such as only add to what can be attacked in the kernel.
_FAMILIES_NOT_THERE: Final = {
    "AF_AX25": 3, "AF_X25": 9, "AF_KEY": 15, "AF_PACKET": 17, "AF_RDS": 21, "AF_LLC": 26, "AF_IB": 27, "AF_CAN": 29,
    "AF_TIPC": 30, "AF_BLUETOOTH": 31, "AF_RXRPC": 33, "AF_PHONET": 35, "AF_IEEE802154": 36, "AF_CAIF": 37,
    "AF_ALG": 38, "AF_NFC": 39, "AF_VSOCK": 40, "AF_KCM": 41, "AF_QIPCRTR": 42, "AF_SMC": 43, "AF_XDP": 44,
    "AF_MCTP": 45,
}  # fmt: skip
_ANY: Final = 0xFFFFFFFF
_F_SETOWN, _F_SETOWN_EX = 8, 15  # <asm-generic/fcntl.h>
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902  # <asm-generic/sockios.h>
_OF_A_USER: Final = 2  # PRIO_USER of <linux/resource.h>
_OF_USERS: Final = 3  # IOPRIO_WHO_USER of <linux/ioprio.h>
_AF_NETLINK: Final = 16
_NETLINK_AUDIT: Final = 9  # <linux/netlink.h>: the machine's log; with root's capability for it, anything can be put in

_EPERM: Final = refuse(errno.EPERM).answer
_EINVAL: Final = refuse(errno.EINVAL).answer
_SOMEBODY_S: Final = ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr")


def table(*, reads: bool = False, holds: bool = False) -> Table:
    """`reads`: openings for reading are seen too. `holds`: a process is seen at the end of the C library's start-up."""
    out: dict[str, tuple[Rule, ...]] = {call: (notify(),) for call in _SEEN}
    out |= {call: (refuse(errno.ENOSYS),) for call in _NOT_THERE}
    out |= {call: (refuse(errno.EPERM),) for call in _NOT_ALLOWED}
    out |= {
        "open": (notify() if reads else notify(Bits(1, WRITING)),),
        "openat": (notify() if reads else notify(Bits(2, WRITING)),),
        "sendto": (notify(Bits(4, 0xFFFFFFFF)), notify(Bits(4, 0xFFFFFFFF << 32))),  # with an address
        "kill": (notify(Bits(1, 0x7F)),),  # signal 0 only asks whether somebody is there
        "pidfd_send_signal": (notify(Bits(1, 0x7F)),),
        "ptrace": (notify(Is(0, PTRACE_ATTACH)), notify(Is(0, PTRACE_SEIZE))),
        "socket": (
            *(Rule(refuse(errno.EAFNOSUPPORT).answer, (Is(0, one),)) for one in _FAMILIES_NOT_THERE.values()),
            # As on a kernel without one, which libaudit and so login, useradd and sudo are content with.
            Rule(refuse(errno.EPROTONOSUPPORT).answer, (Is(0, _AF_NETLINK), Is(2, _NETLINK_AUDIT))),
        ),
        "socketcall": tuple(notify(Is(0, one)) for one in (2, 3, 4, 11, 16, 20)),  # <linux/net.h>
        # Who owns a descriptor gets its signals. By a number only: what memory holds could be another's a moment later.
        **{call: (notify(Is(1, _F_SETOWN)), Rule(_EINVAL, (Is(1, _F_SETOWN_EX),))) for call in ("fcntl", "fcntl64")},
        "ioctl": tuple(Rule(_EINVAL, (Is(1, one),)) for one in (_FIOSETOWN, _SIOCSPGRP)),
        # Somebody else's means: those of process 1 and the companions are not the program's to take.
        **{call: (notify(Bits(0, _ANY)),) for call in _SOMEBODY_S},
        "setpriority": (Rule(_EPERM, (Is(0, _OF_A_USER),)), notify(Bits(1, _ANY))),
        "ioprio_set": (Rule(_EPERM, (Is(0, _OF_USERS),)), notify(Bits(1, _ANY))),
        "clone": (Rule(_EPERM, (Bits(0, linux.CLONE_NEWUSER),)),),
        "unshare": (Rule(_EPERM, (Bits(0, linux.CLONE_NEWUSER),)),),
    }
    if holds:
        # glibc's __libc_early_init asks for the size of the stack, when everything is relocated and nothing has run.
        asked = notify(Is(0, 0), Is(1, _RLIMIT_STACK), Is(2, 0))
        out["prlimit64"] = (asked, *out["prlimit64"])
    return out

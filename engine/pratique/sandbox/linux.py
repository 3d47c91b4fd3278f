"""Kernel calls and constants the quarantine needs and Python 3.11 does not offer, each with the header it is from.

Every function raises `OSError` with the errno the kernel gave; nothing here decides anything.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)

# <linux/sched.h>
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

# <linux/mount.h>
MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MNT_DETACH: Final = 0x2
MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NODEV: Final = 0x4
AT_RECURSIVE: Final = 0x8000  # <linux/fcntl.h>
RENAME_NOREPLACE: Final = 0x1  # <linux/fs.h>

# <linux/prctl.h>, <linux/securebits.h>
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

# <linux/capability.h>
CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_FOWNER: Final = 3
CAP_FSETID: Final = 4
CAP_KILL: Final = 5
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SETPCAP: Final = 8
CAP_NET_BIND_SERVICE: Final = 10
CAP_NET_ADMIN: Final = 12
CAP_SYS_CHROOT: Final = 18
CAP_SYS_PTRACE: Final = 19
CAP_AUDIT_WRITE: Final = 29
CAP_SETFCAP: Final = 31
_CAPABILITY_VERSION_3: Final = 0x20080522

CAPABILITY_NAMES: Final = (
    "cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid",
    "cap_setuid", "cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin",
    "cap_net_raw", "cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot",
    "cap_sys_ptrace", "cap_sys_pacct", "cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource",
    "cap_sys_time", "cap_sys_tty_config", "cap_mknod", "cap_lease", "cap_audit_write", "cap_audit_control",
    "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog", "cap_wake_alarm", "cap_block_suspend",
    "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
)  # fmt: skip

# <asm/unistd.h>: pivot_root, keyctl and rt_sigaction differ by machine; calls from 424 on have one number everywhere.
_NUMBERS: Final = {"x86_64": (155, 250, 13), "aarch64": (41, 219, 134)}
_SYS_MOUNT_SETATTR: Final = 442
_SYS_LANDLOCK_CREATE_RULESET: Final = 444
_SYS_LANDLOCK_RESTRICT_SELF: Final = 446

# <linux/landlock.h>
_LANDLOCK_CREATE_RULESET_VERSION: Final = 1
_LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET: Final = 1
_LANDLOCK_SCOPE_SIGNAL: Final = 2
_LANDLOCK_ABI_WITH_SCOPES: Final = 6

# <asm-generic/ioctls.h>, <linux/fs.h>, <linux/sockios.h>, <net/if.h>
TIOCSPTLCK: Final = 0x40045431
TIOCGPTN: Final = 0x80045430
FICLONE: Final = 0x40049409
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1

# <linux/inotify.h>
IN_OPEN: Final = 0x20
IN_Q_OVERFLOW: Final = 0x4000  # events were dropped: nobody read them in time
IN_ISDIR: Final = 0x40000000
IN_DONT_FOLLOW: Final = 0x02000000

_KEYCTL_JOIN_SESSION_KEYRING: Final = 1  # <linux/keyctl.h>


def _checked(result: int, what: str = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what or None)
    return result


def _machine(which: int) -> int:
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None:
        raise OSError(38, f"no system call table for {platform.machine()}; x86_64 and aarch64 are known")
    return numbers[which]


def machine_is_known() -> bool:
    return platform.machine() in _NUMBERS


def default_action(number: int) -> None:
    """A signal's default action, also for the two that the C library keeps to itself (32 and 33) and refuses to touch.

    The kernel's own `struct sigaction` (<asm-generic/signal.h>) is at most 32 bytes; all zero is SIG_DFL.
    """
    _checked(_libc.syscall(_machine(2), number, bytes(32), None, 8), "rt_sigaction")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    """`mount(2)`. Names may hold bytes that are not UTF-8 (surrogateescape)."""
    _checked(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            None if kind is None else kind.encode(),
            ctypes.c_ulong(flags),
            None if data is None else os.fsencode(data),
        ),
        target,
    )


def bind(source: str, target: str, *, read_only: bool = False, recursive: bool = False, devices: bool = True) -> None:
    """Bind `source` at `target`; the flags that a locked mount must keep are kept."""
    mount(source, target, None, MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        make_read_only(target, recursive=recursive, devices=devices)


def make_read_only(target: str, *, recursive: bool = False, devices: bool = True) -> None:
    """`devices` False: what is a device there cannot be opened either."""
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY | (0 if devices else MOUNT_ATTR_NODEV), 0, 0, 0)
    _checked(
        _libc.syscall(
            _SYS_MOUNT_SETATTR, -100, os.fsencode(target), AT_RECURSIVE if recursive else 0, attributes, len(attributes)
        ),
        target,
    )


def unmount(target: str, flags: int = 0) -> None:
    _checked(_libc.umount2(os.fsencode(target), flags), target)


def pivot_root_here() -> None:
    """Make the working directory (a mount point) the root, and let go of everything that was mounted before."""
    _checked(_libc.syscall(_machine(0), b".", b"."), "pivot_root")
    unmount(".", MNT_DETACH)
    os.chdir("/")


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    return _checked(
        _libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)),
        "prctl",
    )


def set_capabilities(kept: frozenset[int]) -> None:
    """Effective and permitted become exactly `kept`; inheritable becomes empty."""
    low = sum(1 << number for number in kept if number < 32)
    high = sum(1 << (number - 32) for number in kept if number >= 32)
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)), "capset")


def keep_over_exec(capability: int) -> None:
    """This one capability, and no other, is had by what the process executes next, whoever it runs as."""
    bit = 1 << capability
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = bit & 0xFFFFFFFF, bit >> 32
    _checked(_libc.capset(header, struct.pack("=6I", low, low, low, high, high, high)), "capset")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def drop_from_bounding_set(kept: frozenset[int]) -> None:
    """Whatever is executed from now on can never gain a capability outside `kept`."""
    for number in range(64):
        if number in kept:
            continue
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno != 22:  # EINVAL: beyond the last capability this kernel knows
                raise
            return


def join_new_session_keyring() -> None:
    _checked(_libc.syscall(_machine(1), _KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0), "keyctl")


def landlock_version() -> int:
    """0 when the kernel has none."""
    return max(0, int(_libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)))


def scope_abstract_sockets() -> bool:
    """From now on, no abstract Unix socket made outside can be reached. False when the kernel has no such scope.

    Needs no_new_privs (or a capability). Matters with the host's network, whose name space holds those names.
    """
    if landlock_version() < _LANDLOCK_ABI_WITH_SCOPES:
        return False
    attributes = struct.pack("=QQQ", 0, 0, _LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | _LANDLOCK_SCOPE_SIGNAL)
    ruleset = _checked(_libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0), "landlock")
    try:
        _checked(_libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock")
    finally:
        os.close(ruleset)
    return True


def syncfs(descriptor: int) -> None:
    """`syncfs(2)`: everything written to the file system that this open file or directory is on is on the disk."""
    _checked(_libc.syncfs(descriptor), "syncfs")


def rename_new(source: str, source_directory: int, target: str, target_directory: int) -> None:
    """`renameat2(2)` that never replaces anything: `FileExistsError` when the target is there.

    A file system that does not know the flag (EINVAL) is asked first and renamed on afterwards.
    """
    old, new = os.fsencode(source), os.fsencode(target)
    if _libc.renameat2(source_directory, old, target_directory, new, RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number != errno.EINVAL:
        raise OSError(number, os.strerror(number), target)
    try:
        os.stat(target, dir_fd=target_directory, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, target, src_dir_fd=source_directory, dst_dir_fd=target_directory)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = bytearray(struct.pack("16sH22x", b"lo", 0))
        fcntl.ioctl(control, _SIOCGIFFLAGS, request)
        flags = struct.unpack_from("H", request, 16)[0] | _IFF_UP
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags))


def inotify() -> int:
    return _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")


def inotify_watch(descriptor: int, path: str, mask: int) -> int:
    return _checked(_libc.inotify_add_watch(descriptor, os.fsencode(path), mask), path)


def open_terminal(ptmx: str) -> tuple[int, str]:
    """A new pseudo-terminal of the devpts that `ptmx` belongs to: its controlling side, and its number."""
    controlling = os.open(ptmx, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(controlling, TIOCSPTLCK, struct.pack("i", 0))
    number = struct.unpack("I", fcntl.ioctl(controlling, TIOCGPTN, bytes(4)))[0]
    return controlling, str(number)


def kernel_version() -> tuple[int, int]:
    """(6, 18) for "6.18.44-..."."""
    numbers = platform.release().split("-")[0].split(".")
    return int(numbers[0]), int(numbers[1])

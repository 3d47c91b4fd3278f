"""System call numbers of the machines a program may be made for.

From <asm/unistd_64.h>, <asm/unistd_32.h> (x86) and <asm-generic/unistd.h> (aarch64) of Linux 6.18. Only calls that are
treated in some way stand here. None: that machine has no such call. Calls from 424 on have one number everywhere.
"""

from __future__ import annotations

import platform
from typing import Final

import msgspec

#: Calls beyond this did not exist when this was written: they are refused as unknown, so that none is missed.
LAST_KNOWN: Final = 470


class Machine(msgspec.Struct, frozen=True):
    """One way of making system calls. `audit`: AUDIT_ARCH_* of <linux/audit.h>; `column`: in `NUMBERS`."""

    name: str
    audit: int
    column: int
    word: int  # bytes of a pointer


X86_64: Final = Machine("x86_64", 0xC000003E, 0, 8)
I386: Final = Machine("i386", 0x40000003, 1, 4)
AARCH64: Final = Machine("aarch64", 0xC00000B7, 2, 8)
MACHINES: Final = (X86_64, I386, AARCH64)

#: Set in the number of a call made by way of x32, a third way of x86 (<asm/unistd.h>).
X32_BIT: Final = 0x40000000

# fmt: off
NUMBERS: Final[dict[str, tuple[int | None, int | None, int | None]]] = {
    "open": (2, 5, None),
    "openat": (257, 295, 56),
    "openat2": (437, 437, 437),
    "creat": (85, 8, None),
    "unlink": (87, 10, None),
    "unlinkat": (263, 301, 35),
    "rmdir": (84, 40, None),
    "mkdir": (83, 39, None),
    "mkdirat": (258, 296, 34),
    "rename": (82, 38, None),
    "renameat": (264, 302, 38),
    "renameat2": (316, 353, 276),
    "link": (86, 9, None),
    "linkat": (265, 303, 37),
    "symlink": (88, 83, None),
    "symlinkat": (266, 304, 36),
    "mknod": (133, 14, None),
    "mknodat": (259, 297, 33),
    "truncate": (76, 92, 45),
    "truncate64": (None, 193, None),
    "chmod": (90, 15, None),
    "fchmod": (91, 94, 52),
    "fchmodat": (268, 306, 53),
    "chown": (92, 182, None),
    "lchown": (94, 16, None),
    "fchown": (93, 95, 55),
    "fchownat": (260, 298, 54),
    "chown32": (None, 212, None),
    "lchown32": (None, 198, None),
    "fchown32": (None, 207, None),
    "setxattr": (188, 226, 5),
    "lsetxattr": (189, 227, 6),
    "fsetxattr": (190, 228, 7),
    "execve": (59, 11, 221),
    "execveat": (322, 358, 281),
    "exit": (60, 1, 93),
    "exit_group": (231, 252, 94),
    "chroot": (161, 61, 51),
    "socket": (41, 359, 198),
    "connect": (42, 362, 203),
    "bind": (49, 361, 200),
    "listen": (50, 363, 201),
    "sendto": (44, 369, 206),
    "sendmsg": (46, 370, 211),
    "sendmmsg": (307, 345, 269),
    "socketcall": (None, 102, None),
    "kill": (62, 37, 129),
    "tkill": (200, 238, 130),
    "tgkill": (234, 270, 131),
    "rt_sigqueueinfo": (129, 178, 138),
    "rt_tgsigqueueinfo": (297, 335, 240),
    "pidfd_send_signal": (424, 424, 424),
    "ptrace": (101, 26, 117),
    "process_vm_writev": (311, 348, 271),
    "mount": (165, 21, 40),
    "umount2": (166, 52, 39),
    "umount": (None, 22, None),
    "move_mount": (429, 429, 429),
    "fsopen": (430, 430, 430),
    "fsconfig": (431, 431, 431),
    "fsmount": (432, 432, 432),
    "fspick": (433, 433, 433),
    "open_tree": (428, 428, 428),
    "mount_setattr": (442, 442, 442),
    "pivot_root": (155, 217, 41),
    "swapon": (167, 87, 224),
    "swapoff": (168, 115, 225),
    "init_module": (175, 128, 105),
    "finit_module": (313, 350, 273),
    "delete_module": (176, 129, 106),
    "create_module": (174, 127, None),
    "reboot": (169, 88, 142),
    "io_uring_setup": (425, 425, 425),
    "io_uring_enter": (426, 426, 426),
    "io_uring_register": (427, 427, 427),
    "clone3": (435, 435, 435),
    "clone": (56, 120, 220),
    "unshare": (272, 310, 97),
    "setns": (308, 346, 268),
    "bpf": (321, 357, 280),
    "add_key": (248, 286, 217),
    "request_key": (249, 287, 218),
    "keyctl": (250, 288, 219),
    "kexec_load": (246, 283, 104),
    "kexec_file_load": (320, None, 294),
    "perf_event_open": (298, 336, 241),
    "userfaultfd": (323, 374, 282),
    "open_by_handle_at": (304, 342, 265),
    "settimeofday": (164, 79, 170),
    "clock_settime": (227, 264, 112),
    "clock_settime64": (None, 404, 404),
    "quotactl": (179, 131, 60),
    "quotactl_fd": (443, 443, 443),
    "acct": (163, 51, 89),
    "iopl": (172, 110, None),
    "ioperm": (173, 101, None),
    "fanotify_init": (300, 338, 262),
    "fanotify_mark": (301, 339, 263),
    "lookup_dcookie": (212, 253, 18),
    "nfsservctl": (180, 169, 42),
    "vm86": (None, 166, None),
    "vm86old": (None, 113, None),
    "modify_ldt": (154, 123, None),
    "_sysctl": (156, 149, None),
    "uselib": (134, 86, None),
    "prlimit64": (302, 340, 261),
    "fcntl": (72, 55, 25),
    "fcntl64": (None, 221, None),
    "ioctl": (16, 54, 29),
    "sched_setaffinity": (203, 241, 122),
    "sched_setscheduler": (144, 156, 119),
    "sched_setparam": (142, 154, 118),
    "sched_setattr": (314, 351, 274),
    "setpriority": (141, 97, 140),
    "ioprio_set": (251, 289, 30),
    "ugetrlimit": (None, 191, None),
    "read": (0, 3, 63),
    "write": (1, 4, 64),
    "close": (3, 6, 57),
    "mmap": (9, 90, 222),
    "mmap2": (None, 192, None),
    "munmap": (11, 91, 215),
    "mprotect": (10, 125, 226),
    "brk": (12, 45, 214),
    "fstat": (5, 108, 80),
    "fstat64": (None, 197, None),
    "newfstatat": (262, None, 79),
    "fstatat64": (None, 300, None),
    "stat64": (None, 195, None),
    "statx": (332, 383, 291),
    "lseek": (8, 19, 62),
    "_llseek": (None, 140, None),
    "futex": (202, 240, 98),
    "rt_sigaction": (13, 174, 134),
    "rt_sigprocmask": (14, 175, 135),
    "readlink": (89, 85, None),
    "pread64": (17, 180, 67),
    "poll": (7, 168, None),
    "getdents64": (217, 220, 61),
    "memfd_secret": (447, 447, 447),
    "fchmodat2": (452, 452, 452),
    "setxattrat": (463, 463, 463),
    "open_tree_attr": (467, 467, 467),
    "file_setattr": (469, 469, 469),
}
# fmt: on


def number(call: str, machine: Machine) -> int | None:
    """The call's number there; None when the machine has no such call."""
    return NUMBERS[call][machine.column]


def native() -> Machine | None:
    """The machine this runs on; None when its calls are not known here."""
    return next((machine for machine in MACHINES if machine.name == platform.machine()), None)


def name(number: int, machine: Machine) -> str:
    """The call's name, for people; "call 999" when it is none of these.

    >>> name(59, X86_64), name(999, X86_64)
    ('execve', 'call 999')
    """
    for call, numbers in NUMBERS.items():
        if numbers[machine.column] == number:
            return call
    return f"call {number}"

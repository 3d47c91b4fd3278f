"""For each step of setting a quarantine up that the machine may refuse: the command that mends it."""

from __future__ import annotations

import errno
from pathlib import Path

from pratique.sandbox import linux
from pratique.sandbox.network.wiring import PACKAGE, nft

_APPARMOR = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
_SETTINGS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", _APPARMOR),
    ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
    ("user/max_mnt_namespaces", "0", "sudo sysctl -w user.max_mnt_namespaces=15000"),
    ("user/max_pid_namespaces", "0", "sudo sysctl -w user.max_pid_namespaces=15000"),
    ("user/max_net_namespaces", "0", "sudo sysctl -w user.max_net_namespaces=15000"),
)  # fmt: skip
_CONTAINER = (
    "in a container: start it with --privileged (or CAP_SYS_ADMIN and no seccomp and AppArmor profile), "
    "or run pratique on the machine itself"
)
_OTHER_PLACE = (
    "set PRATIQUE_STATE to a directory on ext4, xfs, btrfs or tmpfs, for example: PRATIQUE_STATE=/var/tmp/pratique"
)


def refused_settings(settings: Path = Path("/proc/sys")) -> tuple[str, ...]:
    """The commands that lift what this machine's settings refuse to ordinary users."""
    out = []
    for name, refusing, command in _SETTINGS:
        try:
            value = (settings / name).read_text().strip()
        except OSError:
            continue  # a kernel without that setting does not refuse by it
        if value == refusing:
            out.append(command)
    return tuple(out)


def mend(step: str, number: int, mapped: bool) -> str:
    """What to do when `step` failed with that errno; "" when nothing better than the error itself is known."""
    if not linux.machine_is_known():
        return "pratique runs on x86_64 and aarch64"
    if number in (errno.EPERM, errno.EACCES, errno.EUSERS, errno.ENOSPC) and step != "stand-ins":
        commands = refused_settings()
        if mapped and commands:
            return " && ".join(commands)
        if mapped and step == "proc":
            return "part of /proc is masked on this machine, as in a container; run as root: sudo pratique run ..."
        return ("run as root: sudo pratique run ...; or " if mapped else "") + _CONTAINER
    if step == "network":
        if nft() is None:
            return f"sudo apt-get install {PACKAGE}"
        return "the kernel needs nf_tables with NAT: sudo modprobe -a nf_tables nft_chain_nat nft_redir nft_reject_inet"
    if step.startswith("overlay"):
        if number == errno.ENODEV:
            return "sudo modprobe overlay"
        return _OTHER_PLACE
    if number == errno.ENOSYS or number == errno.EINVAL:
        return "needs Linux 5.12 or later with name spaces and overlayfs; `uname -r` tells which one runs"
    return "pratique doctor"


def has_admin(own: Path = Path("/proc/self")) -> bool:
    """Whether this process may mount as it is: the capability, and in the machine's own user name space."""
    if (own / "uid_map").read_text().split() != ["0", "0", "4294967295"]:
        return False
    for line in (own / "status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 21 & 1)  # CAP_SYS_ADMIN, <linux/capability.h>
    return False

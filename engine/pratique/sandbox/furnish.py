"""What the new root gets instead of the host's /dev, /proc, /sys and /run. Runs in the child, on paths below `root`."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from pratique.sandbox import linux
from pratique.sandbox.spec import Spec

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx", "core": "/proc/kcore",
}  # fmt: skip
#: Below /proc: whole of the machine, not of the session. Readable ones stay readable, nothing there can be written.
_READ_ONLY = ("sys", "irq", "bus", "fs", "sysrq-trigger", "mtrr", "scsi")
#: Below /proc: tells of (or reaches) the machine's memory, keys and log.
MASKED = (
    "kcore", "keys", "key-users", "kmsg", "kallsyms", "kpagecount", "kpageflags", "kpagecgroup", "timer_list",
    "sched_debug", "latency_stats", "vmallocinfo", "slabinfo", "acpi",
)  # fmt: skip
_SYS_MASKED = ("firmware", "kernel/security", "kernel/debug", "kernel/tracing", "fs/bpf", "fs/pstore", "fs/cgroup")
_RUN_LINK_SOURCES = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
_PER_NAMESPACE_PID_MAX = (6, 14)  # first Linux where kernel.pid_max belongs to the pid name space


def tmpfs(target: Path, mode: int, size: str, flags: int = 0) -> None:
    linux.mount("tmpfs", str(target), "tmpfs", linux.MS_NOSUID | flags, f"mode={mode:o},size={size}")


def cover(target: Path, cwd_file: str) -> None:
    """Put an empty, read-only thing of the same type over `target`."""
    if target.is_dir():
        tmpfs(target, 0o555, "4k", linux.MS_RDONLY | linux.MS_NODEV)
    else:
        linux.bind(cwd_file, str(target), read_only=True)


def dev(root: Path, *, mapped: bool) -> None:
    """Six harmless devices, an own devpts, own shared memory. Root's are new nodes, so that not even a mode leaks."""
    here = root / "dev"
    tmpfs(here, 0o755, "4m", linux.MS_NOEXEC)
    umask = os.umask(0)
    try:
        for name in _DEVICES:
            host = Path("/dev") / name
            if mapped:
                (here / name).touch()
                linux.bind(str(host), str(here / name), read_only=True)
            else:
                os.mknod(here / name, stat.S_IFCHR | 0o666, host.stat().st_rdev)
        for name, target in _LINKS.items():
            (here / name).symlink_to(target)
        for name in ("pts", "shm", "mqueue"):
            (here / name).mkdir()
    finally:
        os.umask(umask)
    group = "" if mapped else ",gid=5"  # group 5 is not mapped for a user
    options = f"newinstance,ptmxmode=0666,mode=620{group}"
    linux.mount("devpts", str(here / "pts"), "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, options)
    tmpfs(here / "shm", 0o1777, "25%", linux.MS_NODEV)
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("mqueue", str(here / "mqueue"), "mqueue", flags)


def proc(root: Path, most: int | None) -> None:
    """A /proc of the session's own processes. `most`: as many at a time, where the kernel can see to it; None: any."""
    here = root / "proc"
    linux.mount("proc", str(here), "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    if most is not None:
        _bound_processes(here, most)
    for name in _READ_ONLY:
        if (here / name).exists():
            linux.bind(str(here / name), str(here / name), read_only=True)
    for name in MASKED:
        if (here / name).exists():
            cover(here / name, str(root / "dev/null"))


def can_bound_processes() -> bool:
    return linux.kernel_version() >= _PER_NAMESPACE_PID_MAX  # before, the setting is the whole machine's: hands off


def _bound_processes(here: Path, most: int) -> None:
    if can_bound_processes():
        with contextlib.suppress(OSError):
            (here / "sys/kernel/pid_max").write_text(str(max(most, 301)))  # 301: the kernel's smallest


def sys(root: Path, *, own_network: bool, mapped: bool) -> None:
    """A read-only /sys; of the session's own network when it has one."""
    here = root / "sys"
    flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        if mapped and not own_network:  # the kernel lets a user mount only the sysfs of a network of theirs
            raise PermissionError(errno.EPERM, "sysfs")
        linux.mount("sysfs", str(here), "sysfs", flags)
    except PermissionError:
        linux.bind("/sys", str(here), read_only=True, recursive=True)
    for name in _SYS_MASKED:
        if (here / name).is_dir():
            cover(here / name, "")


def run(root: Path, spec: Spec) -> None:
    """An empty /run with what maintainer scripts take for granted; no socket of the host's."""
    here = root / "run"
    tmpfs(here, 0o755, "25%", linux.MS_NODEV)
    umask = os.umask(0)
    try:
        (here / "lock").mkdir(0o1777)
        (here / "user").mkdir(0o755)
        own = here / "user" / str(spec.uid)
        own.mkdir(0o700)
        if os.geteuid() == 0 and spec.uid:
            os.chown(own, spec.uid, spec.gid)
        if spec.network == "host":
            _name_servers(root)
    finally:
        os.umask(umask)


def _name_servers(root: Path) -> None:
    """/etc/resolv.conf is often a link into /run, which is ours: carry its target over."""
    real = os.path.realpath("/etc/resolv.conf")
    if real.startswith(_RUN_LINK_SOURCES) and Path(real).is_file():
        carried = root / real[1:]
        carried.parent.mkdir(parents=True, exist_ok=True)
        carried.write_bytes(Path(real).read_bytes())
        carried.chmod(0o644)

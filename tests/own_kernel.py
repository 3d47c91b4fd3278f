"""A Linux kernel of a test's own: another one than this machine's, over this machine's files.

Debian's user-mode-linux is a kernel (6.1, one processor, no network) as an ordinary program. It starts in about two
seconds, and has what this machine's kernel may lack: all controllers in control groups of version 2, nothing else
running. What a command changes there lies in its memory and is gone with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Final

from pratique.sandbox import linux

ROOT: Final = Path(__file__).resolve().parents[1]
#: What a kernel of its own has of its own: kind of file system, where.
_FRESH: Final = (
    ("proc", "/proc"), ("sysfs", "/sys"), ("cgroup2", "/sys/fs/cgroup"), ("devtmpfs", "/dev"), ("devpts", "/dev/pts"),
    ("tmpfs", "/dev/shm"), ("tmpfs", "/run"),
    # For what has to lie on a file system that can be an overlay's upper layer.
    ("tmpfs", "/tmp"), ("tmpfs", "/var/tmp"), ("tmpfs", "/home"),
)  # fmt: skip
_MEMORY: Final = "2G"
_SYS_FINIT_MODULE: Final = 313  # <asm/unistd_64.h>
_RB_POWER_OFF: Final = 0x4321FEDC  # <linux/reboot.h>


class OwnKernel:
    """`run` starts the kernel, runs one command as root, and ends it. `shared` is the one directory both can write."""

    def __init__(self, place: Path, package: Path) -> None:
        self._place = place
        self.shared = place / "shared"
        self.shared.mkdir()
        self._kernel = place / "kernel"
        subprocess.run(["dpkg-deb", "-x", package, self._kernel], check=True, timeout=60)

    def run(self, *words: str | os.PathLike[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """What came of it, within `timeout` seconds. Fails with what the kernel said if it never got there."""
        (overlay,) = self._kernel.glob("usr/lib/uml/modules/*/kernel/fs/overlayfs/overlay.ko")
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        job = {"words": [*map(os.fspath, words)], "module": str(overlay), "environment": environment}
        (self.shared / "job.json").write_text(json.dumps(job))
        (self.shared / "code").unlink(missing_ok=True)
        # In a process name space: the kernel's processes are several, and none outlives the one waited for.
        command = [
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
            self._kernel / "usr/bin/linux.uml", f"mem={_MEMORY}", f"uml_dir={self._place}/", "umid=uml",
            "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=fd:0,fd:1", "ssl=null", "loglevel=1",
            "panic=-1", "devtmpfs.mount=0", f"init={sys.executable}", "--", "-B", __file__, self.shared,
        ]  # fmt: skip
        console = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=timeout,
        ).stdout  # fmt: skip
        assert (self.shared / "code").exists(), f"user mode linux did not come as far as the command:\n{console}"
        out, err = ((self.shared / name).read_text(errors="replace") for name in ("out", "err"))
        return subprocess.CompletedProcess(job["words"], int((self.shared / "code").read_text()), out, err)


# -- in there: this file as the first process -------------------------------------------------------------------------


def _first(shared: Path) -> None:
    job = json.loads((shared / "job.json").read_text())
    _load(job["module"])
    _make_root(shared)
    with (shared / "out").open("wb") as out, (shared / "err").open("wb") as err:
        started = subprocess.Popen(
            job["words"], env=job["environment"], cwd="/root", stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    code = _reaped(started.pid)
    (shared / "code").write_text(str(code))


def _load(module: str) -> None:
    with open(module, "rb") as file:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(_SYS_FINIT_MODULE, file.fileno(), b"", 0) != 0:
            raise OSError(ctypes.get_errno(), f"{module} cannot be loaded")


def _make_root(shared: Path) -> None:
    """This machine's files below, memory above."""
    linux.mount("layers", "/tmp", "tmpfs")
    upper, work, merged = (Path("/tmp") / name for name in ("upper", "work", "merged"))
    for directory in (upper, work, merged):
        directory.mkdir()
    linux.mount("overlay", str(merged), "overlay", 0, f"lowerdir=/,upperdir={upper},workdir={work}")
    for kind, at in _FRESH:
        _mounted(kind, f"{merged}{at}")
    checkout = Path(f"{merged}{ROOT}")
    checkout.mkdir(parents=True, exist_ok=True)
    linux.bind(str(ROOT), str(checkout))
    _mounted("hostfs", f"{merged}{shared}", str(shared))
    os.chdir(merged)
    linux.pivot_root_here()


def _mounted(kind: str, at: str, data: str | None = None) -> None:
    Path(at).mkdir(parents=True, exist_ok=True)
    linux.mount(kind, at, kind, 0, data)


def _reaped(command: int) -> int:
    """What the command ends with; whoever else is left to process 1 is waited for, too."""
    while True:
        pid, status = os.wait()
        if pid == command:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    try:
        _first(Path(sys.argv[1]))
    except Exception:
        traceback.print_exc()  # here: after the end of the kernel nothing is printed
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(_RB_POWER_OFF)

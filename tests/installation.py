"""A host and an installer that changes it in each way there is; and a process of its own for what is done about it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def lay_out(tree: Path) -> None:
    """What the host has."""
    (tree / "conf").write_text("old\n")
    (tree / "gone/deep").mkdir(parents=True)
    (tree / "gone/deep/file").write_text("x")
    (tree / "gone/deep").chmod(0o2750)
    os.setxattr(tree / "gone/deep", "user.kept", b"yes")
    (tree / "dir").mkdir()
    (tree / "dir/kept").write_text("kept")
    (tree / "link").symlink_to("conf")
    (tree / "file").write_text("file")
    os.link(tree / "file", tree / "again")
    (tree / "tree").mkdir()
    for path in (tree, *tree.rglob("*")):
        os.utime(path, ns=(1, 1_000_000_001), follow_symlinks=False)


def install(tree: Path) -> None:
    """What the installer does."""
    with (tree / "conf").open("a") as file:
        file.write("new\n")
    shutil.rmtree(tree / "gone")
    (tree / "opt/app").mkdir(parents=True)
    (tree / "opt/app/run").write_text("prog")
    (tree / "opt/app/run").chmod(0o4755)
    os.link(tree / "opt/app/run", tree / "opt/app/twin")
    os.mkfifo(tree / "pipe")
    (tree / "dir").chmod(0o2775)
    (tree / "link").unlink()
    (tree / "link").symlink_to("dir")
    (tree / "file").unlink()
    (tree / "file").mkdir()
    (tree / "file/in").touch()
    (tree / "tree").rmdir()
    (tree / "tree").write_text("flat")


def traced(work: Callable[[], object], *options: str) -> tuple[bool, str]:
    """Run it in a process of its own under strace: whether it came to its end, and what strace wrote."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.waitpid(child, os.WUNTRACED)
    strace = subprocess.Popen(
        ["strace", "-q", "-p", str(child), *options], stderr=subprocess.PIPE, text=True, errors="replace"
    )
    while f"TracerPid:\t{strace.pid}" not in Path(f"/proc/{child}/status").read_text():
        assert strace.poll() is None, strace.stderr.read() if strace.stderr else ""
        time.sleep(0.002)
    os.kill(child, signal.SIGCONT)
    assert strace.stderr is not None
    said = strace.stderr.read()
    strace.wait()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, said
    return os.WIFEXITED(status), said


def different(found: dict[str, tuple[object, ...]], *expected: dict[str, tuple[object, ...]]) -> str:
    """Where one picture of a tree is not as others, for whoever reads that a test failed."""
    return "\n".join(
        f"{path}: {found.get(path)} / {one.get(path)}"
        for one in expected
        for path in sorted(found.keys() | one.keys())
        if found.get(path) != one.get(path)
    )

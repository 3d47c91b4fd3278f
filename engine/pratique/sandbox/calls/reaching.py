"""Calls that reach other processes: `process.signal` and `process.trace`, and what takes their means from them.

Process 1 and the companions are out of the program's reach: on them the program's observers and its verdict depend.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from pratique.sandbox.calls.context import EPERM, Answered, Context, Decode
from pratique.sandbox.calls.listener import Notification

_MOST_ABOVE: Final = 1000


def _kill(ctx: Context, call: Notification) -> Answered:
    return _signalled(ctx, call, _signed(call.a), call.b)


def _tkill(ctx: Context, call: Notification) -> Answered:
    return _signalled(ctx, call, _signed(call.a), call.b)


def _tgkill(ctx: Context, call: Notification) -> Answered:
    return _signalled(ctx, call, _signed(call.a), call.c)


def _queued_to_thread(ctx: Context, call: Notification) -> Answered:
    return _signalled(ctx, call, _signed(call.a), call.c)


def _by_pidfd(ctx: Context, call: Notification) -> Answered:
    try:
        info = os.open(f"{call.thread}/fdinfo/{call.a & 0xFFFFFFFF}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=ctx.proc)
    except OSError:
        return None
    try:
        content = os.read(info, 4096)
    finally:
        os.close(info)
    at = content.find(b"\nNSpid:")
    if at < 0:
        return None
    return _signalled(ctx, call, int(content[at + 7 : content.index(b"\n", at + 1)].split()[-1]), call.b)


def _signalled(ctx: Context, call: Notification, target: int, number: int) -> Answered:
    """Inside, only the session's own processes have a number; any other is somebody the installer did not start."""
    number &= 0xFFFFFFFF
    if not number or target == ctx.images.inside(call.thread):
        return None
    if target == -1 or _beside(ctx, abs(target)):  # -1: everybody there is
        return ctx.refuse(call, "process.signal", target="", signal=number, outside=True)
    if target <= 0:
        return ctx.tell(call, "process.signal", target="", signal=number, outside=False)
    program = _program(target)
    return ctx.tell(call, "process.signal", target=program, signal=number, outside=not program)


def _owner(ctx: Context, call: Notification) -> Answered:
    """F_SETOWN: who gets the signals of a descriptor, and F_SETSIG says which those are."""
    return EPERM if _beside(ctx, abs(_signed(call.c))) else None


def _bounded(ctx: Context, call: Notification) -> Answered:
    return EPERM if _beside(ctx, _signed(call.a)) else None


def _placed(ctx: Context, call: Notification) -> Answered:
    return EPERM if _beside(ctx, _signed(call.b)) else None


def _beside(ctx: Context, inside: int) -> bool:
    """Whether a process or thread of the session, by its number there, is none of the program's: process 1, say.

    The program's are all under its filter of calls, which is one more than this process and those beside it have.
    """
    try:
        theirs = _filters(os.open(f"/proc/{inside}/status", os.O_RDONLY | os.O_CLOEXEC)) if inside > 0 else None
    except OSError:
        return False  # nobody is there
    return theirs is not None and theirs <= _filters(
        os.open("self/status", os.O_RDONLY | os.O_CLOEXEC, dir_fd=ctx.proc)
    )


def _filters(status: int) -> int:
    with open(status, "rb") as file:
        return int(file.read().partition(b"\nSeccomp_filters:")[2].split(None, 1)[0])


def _ptrace(ctx: Context, call: Notification) -> Answered:
    return _traced(ctx, call, _signed(call.b))


def _vm_writev(ctx: Context, call: Notification) -> Answered:
    return _traced(ctx, call, _signed(call.a))


def _traced(ctx: Context, call: Notification, target: int) -> Answered:
    """Of its own descendants a program may be the debugger; of anybody else it may not."""
    own = ctx.images.inside(call.thread)
    if target == own:
        return None
    if not _descends(target, own):
        return ctx.refuse(call, "process.trace", target=_program(target))
    return ctx.tell(call, "process.trace", target=_program(target))


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return int(struct.unpack("=i", struct.pack("=I", value))[0])


def _program(inside: int) -> str:
    """The program of a process of the session, by its number there; "" when there is none."""
    try:
        return str(Path(f"/proc/{inside}/exe").readlink())
    except OSError:
        return ""


def _descends(process: int, ancestor: int) -> bool:
    for _ in range(_MOST_ABOVE):
        if process == ancestor:
            return True
        if process <= 1:
            return False
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                process = int(file.read(1024).rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return False
    return False


CALLS: Final[dict[str, Decode]] = {
    "kill": _kill, "tkill": _tkill, "tgkill": _tgkill, "rt_sigqueueinfo": _kill,
    "rt_tgsigqueueinfo": _queued_to_thread, "pidfd_send_signal": _by_pidfd,
    "ptrace": _ptrace, "process_vm_writev": _vm_writev, "fcntl": _owner, "fcntl64": _owner,
    "prlimit64": _bounded, "sched_setaffinity": _bounded, "sched_setscheduler": _bounded, "sched_setparam": _bounded,
    "sched_setattr": _bounded, "setpriority": _placed, "ioprio_set": _placed,
}  # fmt: skip

"""What is a thread's own: what it has open, and the numbers it goes by in the session.

Threads of one process need not have the same files open, and its first may end before the others: so it is always the
thread that is asked.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from pratique.sandbox.calls.listener import take_descriptor

_PIDFD_THREAD: Final = os.O_EXCL  # <linux/pidfd.h>, Linux 6.9


def taken(proc: int, thread: int, number: int) -> int:
    """A copy of a descriptor of the thread's. `proc`: of a /proc that shows it by that number. Raises `OSError`."""
    number &= 0xFFFFFFFF
    try:
        pidfd = os.pidfd_open(thread, _PIDFD_THREAD)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _taken_of_process(proc, thread, number)
    try:
        return take_descriptor(pidfd, number)
    finally:
        os.close(pidfd)


def _taken_of_process(proc: int, thread: int, number: int) -> int:
    """The same before Linux 6.9: of the process, if the thread has the same open by that number."""
    pidfd = os.pidfd_open(_numbers(proc, thread, b"\nTgid:")[0])
    try:
        copy = take_descriptor(pidfd, number)
    finally:
        os.close(pidfd)
    try:
        if os.path.samestat(os.fstat(copy), os.stat(f"{thread}/fd/{number}", dir_fd=proc)):
            return copy
        raise PermissionError(errno.EPERM, "the thread has files of its own open", f"{thread}/fd/{number}")
    except OSError:
        os.close(copy)
        raise


def named(proc: int, thread: int, name: bytes) -> bytes:
    """What /proc/self or /proc/thread-self lead the thread to, from /proc. Raises `OSError` when it has gone."""
    process = _inside(proc, thread, b"\nNStgid:")
    return b"%d" % process if name == b"self" else b"%d/task/%d" % (process, _inside(proc, thread, b"\nNSpid:"))


def _inside(proc: int, thread: int, which: bytes) -> int:
    """The first number is that of our own pid name space, the second that of the session's, whose /proc it sees."""
    numbers = _numbers(proc, thread, which)
    return numbers[min(1, len(numbers) - 1)]


def _numbers(proc: int, thread: int, which: bytes) -> list[int]:
    descriptor = os.open(f"{thread}/status", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        status = os.read(descriptor, 16 * 1024)
    finally:
        os.close(descriptor)
    at = status.index(which) + len(which)
    return list(map(int, status[at : status.index(b"\n", at)].split()))

"""The kernel's side of the call log: structures and requests of <linux/seccomp.h>, each as one function."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from typing import Final, NamedTuple

from pratique.sandbox.calls.numbers import native

_libc: Final = ctypes.CDLL(None, use_errno=True)

_SET_MODE_FILTER: Final = 1
_GET_NOTIF_SIZES: Final = 3
_FLAG_NEW_LISTENER: Final = 1 << 3
_FLAG_WAIT_KILLABLE_RECV: Final = 1 << 5  # Linux 5.19
_RECV: Final = 0xC0502100
_SEND: Final = 0xC0182101
_ID_VALID: Final = 0x40082102
_ADDFD: Final = 0x40182103
_SET_FLAGS: Final = 0x40082104
_SYNC_WAKE_UP: Final = 1
_CONTINUE: Final = 1
_ADDFD_SEND: Final = 2
_O_CLOEXEC: Final = os.O_CLOEXEC

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}  # <asm/unistd.h>
_PIDFD_GETFD: Final = 438

_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")
_NOTHING: Final = bytes(_NOTIFICATION.size)


class Notification(NamedTuple):
    """One call, held until it is answered. `thread`: in the reader's own pid name space."""

    id: int
    thread: int
    flags: int
    number: int
    machine: int
    instruction: int
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int


def available() -> bool:
    """Whether this kernel can hand calls to a supervisor (Linux 5.5, CONFIG_SECCOMP_FILTER)."""
    machine = native()
    if machine is None or machine.name not in _SECCOMP:
        return False
    sizes = ctypes.create_string_buffer(6)
    if _libc.syscall(_SECCOMP[machine.name], _GET_NOTIF_SIZES, 0, sizes) != 0:
        return False
    notification, response, _ = struct.unpack("=HHH", sizes.raw)
    return bool(notification == _NOTIFICATION.size and response == _RESPONSE.size)


def install(code: bytes) -> int:
    """Put the filter on the calling thread and what it starts, for good; the listener's descriptor. Raises `OSError`.

    Needs no_new_privs. From Linux 5.19 on, a call that has been received is interrupted by a deadly signal only, so
    that none comes twice.
    """
    machine = native()
    assert machine is not None, "the machine was asked after before"
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(held))
    for flags in (_FLAG_NEW_LISTENER | _FLAG_WAIT_KILLABLE_RECV, _FLAG_NEW_LISTENER):
        descriptor = int(_libc.syscall(_SECCOMP[machine.name], _SET_MODE_FILTER, flags, program))
        if descriptor >= 0:
            return descriptor
        if ctypes.get_errno() != errno.EINVAL:
            break
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), "seccomp")


def take_descriptor(pidfd: int, descriptor: int) -> int:
    """A copy of another process's descriptor. Raises `OSError`."""
    taken = int(_libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0))
    if taken < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "pidfd_getfd")
    return taken


def answer_on_our_processor(listener: int) -> None:
    """Supervisor and program take turns on one processor, which is several times as fast (Linux 6.6)."""
    try:
        fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY):
            raise


def receive(listener: int, into: bytearray) -> Notification | None:
    """The next call; None when whoever made it has gone meanwhile. `into` is room for it, made by `room()`."""
    into[:] = _NOTHING
    try:
        fcntl.ioctl(listener, _RECV, into)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    return Notification._make(_NOTIFICATION.unpack(into))


def room() -> bytearray:
    return bytearray(_NOTIFICATION.size)


def valid(listener: int, id: int) -> bool:
    """Whether the call still waits: what was read by its thread's number then was its thread's."""
    try:
        fcntl.ioctl(listener, _ID_VALID, id.to_bytes(8, "little"))
    except OSError:
        return False
    return True


def go_on(listener: int, id: int) -> bool:
    """Let the call be made. False, as with all answers: nobody waits for it any more."""
    return _answer(listener, _RESPONSE.pack(id, 0, 0, _CONTINUE))


def answer(listener: int, id: int, *, value: int = 0, error: int = 0) -> bool:
    """The call is not made, and seems to have returned `value` or failed with `error`."""
    return _answer(listener, _RESPONSE.pack(id, value, -error, 0))


def answer_with(listener: int, id: int, descriptor: int, *, close_on_exec: bool) -> bool:
    """The call is not made, and seems to have opened what is a copy of our descriptor."""
    flags = _O_CLOEXEC if close_on_exec else 0
    return _answer(listener, struct.pack("=QIIII", id, _ADDFD_SEND, descriptor, 0, flags), _ADDFD)


def _answer(listener: int, response: bytes, request: int = _SEND) -> bool:
    try:
        fcntl.ioctl(listener, request, response)
    except OSError as error:
        if error.errno != errno.ENOENT:  # it was killed meanwhile, or interrupted
            raise
        return False
    return True

"""Process 1 and the companions are out of the program's reach; its own processes are not."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable

import psutil
import pytest
from from_outside import descendant

from pratique.errors import PratiqueError
from pratique.hookspecs import Companion
from pratique.sandbox.quarantine import Quarantine

_MARK = "beside-the-program"
_BESIDE = Companion(
    name="still", argv=(sys.executable, "-c", "import os, time; os.write(3, b'ready\\n'); time.sleep(60)", _MARK),
    environment={}, settings=b"",
)  # fmt: skip
#: Tries everything on process 1, on the companion and on a child of its own: a line for each, with what it came to.
_TRIES = f"""
import ctypes, errno, fcntl, os, resource, signal, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
child = os.fork()
if child == 0:
    signal.pause()
(beside,) = [
    int(p) for p in os.listdir('/proc')
    if p.isdigit() and int(p) != os.getpid() and b'{_MARK}' in open(f'/proc/{{p}}/cmdline', 'rb').read().split(b'\\0')
]
end, _ = socket.socketpair()

def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), '')

tries = {{
    'kill': lambda p: os.kill(p, signal.SIGSTOP),
    'group': lambda p: os.kill(-p, signal.SIGSTOP),
    'thread': lambda p: checked(libc.syscall(234, p, p, signal.SIGSTOP)),
    'pidfd': lambda p: signal.pidfd_send_signal(os.pidfd_open(p), signal.SIGSTOP),
    'limit': lambda p: resource.prlimit(p, resource.RLIMIT_NOFILE, (64, 64)),
    'processor': lambda p: os.sched_setaffinity(p, {{0}}),
    'scheduler': lambda p: os.sched_setscheduler(p, os.SCHED_IDLE, os.sched_param(0)),
    'priority': lambda p: os.setpriority(os.PRIO_PROCESS, p, 19),
    'disk': lambda p: checked(libc.syscall(251, 1, p, 3 << 13)),
    'owner': lambda p: fcntl.fcntl(end, fcntl.F_SETOWN, p),
    'owners': lambda p: fcntl.fcntl(end, 15, struct.pack('ii', 1, p)),
}}
os.setpgid(child, child)
for whose, process in (('first', 1), ('beside', beside), ('own', child)):
    for name, do in tries.items():
        try:
            do(process)
            print(whose, name, 'done')
        except OSError as error:
            print(whose, name, errno.errorcode[error.errno])
for name, do in {{
    'everybody': lambda: os.kill(-1, signal.SIGSTOP), 'user': lambda: os.setpriority(os.PRIO_USER, 0, 19),
}}.items():
    try:
        do()
        print('all', name, 'done')
    except OSError as error:
        print('all', name, errno.errorcode[error.errno])
"""


def test_what_a_session_stands_on_cannot_be_stopped_or_starved(quarantine: Callable[..., Quarantine]):
    if os.uname().machine != "x86_64":
        pytest.fail("the numbers of the calls are those of x86_64")
    one = quarantine("python3", "-c", _TRIES, timeout=20)
    one.accompany([_BESIDE])
    said: list[bytes] = []
    ended = one.run(on_output=lambda data, _: said.append(data))
    lines = [line.split() for line in b"".join(said).decode().splitlines()]
    assert ended.exit_status == 0, lines
    assert [line for line in lines if line[0] in ("first", "beside") and line[2] not in ("EPERM", "EINVAL")] == []
    assert [line for line in lines if line[0] == "own" and line[2] != "done"] == [["own", "owners", "EINVAL"]]
    assert [line[2] for line in lines if line[0] == "all"] == ["EPERM", "EPERM"]
    assert len(lines) == 3 * 11 + 2
    assert one.companions_lost == frozenset()
    told = [event.fields for event in one.calls() if event.kind == "process.signal" and event.fields["outside"]]
    assert [(fields["signal"], fields["outcome"]) for fields in told] == [(signal.SIGSTOP, "denied")] * 9


def _is_first(process: psutil.Process) -> bool:
    with open(f"/proc/{process.pid}/status") as file:
        return any(line.startswith("NSpid:") and line.split()[-1] == "1" and len(line.split()) > 2 for line in file)


def test_a_companion_that_is_stopped_is_lost_and_the_session_goes_on(quarantine: Callable[..., Quarantine]):
    one = quarantine("sh", "-c", "echo started; while grep -qs beside[-]the-program /proc/[0-9]*/cmdline; do :; done")
    one.accompany([_BESIDE])

    def stop(data: bytes, stream: int) -> None:
        descendant(lambda process: process.cmdline()[-1:] == [_MARK]).send_signal(signal.SIGSTOP)

    assert one.run(on_output=stop).exit_status == 0
    assert one.companions_lost == {"still"}
    with pytest.raises(PratiqueError, match="ended before the program did"):
        list(one.companion("still"))


def test_a_session_that_fails_after_the_program_ran_is_judged_by_what_it_did(quarantine, host):
    one = quarantine("sh", "-c", "echo started; echo x > made; sleep 1; (sleep 30 &)")
    one.accompany([_BESIDE])

    def starve(data: bytes, stream: int) -> None:
        resource.prlimit(descendant(_is_first).pid, resource.RLIMIT_NOFILE, (0, 0))

    ended = one.run(on_output=starve)
    assert ended.exit_status is None
    assert [effect.path for effect in one.effects()] == [f"{host}/made"]
    assert any("ended early" in note for note in one.notes)
    assert one.companions_lost == {"still"}

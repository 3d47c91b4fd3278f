"""Calls that start and end programs: `process.exec`, and what a command line asks of the system."""

from __future__ import annotations

import os
import re
import stat
from typing import Final, NamedTuple

from pratique.sandbox import probes
from pratique.sandbox.calls import commands
from pratique.sandbox.calls.context import REAL, STAND_IN, WORKED, Answered, Context, Decode
from pratique.sandbox.calls.images import Executed
from pratique.sandbox.calls.listener import Notification
from pratique.sandbox.calls.naming import Place

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD
_AT_EMPTY_PATH: Final = 0x1000
_AT_SYMLINK_NOFOLLOW: Final = 0x100
#: Interpreters that are scripts themselves, followed as deep as Linux does.
_MOST_INTERPRETERS: Final = 5
_FIRST_LINE: Final = 256  # BINPRM_BUF_SIZE, <linux/binfmts.h>
_BLANKS: Final = b" \t"
_TERMINATOR: Final = re.compile(rb"[ \t\0]")
_EXECUTABLE: Final = 0o111


class _Image(NamedTuple):
    """What the kernel makes of a file to be executed."""

    program: str
    arguments: list[str]


def _execve(ctx: Context, call: Notification) -> Answered:
    name = ctx.memory.text(call.thread, call.a)
    place = None if name is None else ctx.names.place(call.thread, _HERE, name, follow=True)
    return _executed(ctx, call, place, name or b"", call.b)


def _execveat(ctx: Context, call: Notification) -> Answered:
    name = ctx.memory.text(call.thread, call.b)
    if name is None:
        return None
    if not name and call.e & _AT_EMPTY_PATH:
        place = ctx.names.descriptor(call.thread, call.a)
        return _executed(ctx, call, place, b"/dev/fd/%d" % (call.a & 0xFFFFFFFF), call.c)
    place = ctx.names.place(call.thread, call.a, name, follow=not call.e & _AT_SYMLINK_NOFOLLOW)
    return _executed(ctx, call, place, name, call.c)


def _executed(ctx: Context, call: Notification, place: Place | None, name: bytes, address: int) -> Answered:
    """Looking for a program along the PATH tries many names: only what can be executed is told."""
    if place is None or not stat.S_ISREG(place.mode) or not place.mode & _EXECUTABLE:
        return None
    words = ctx.memory.texts(call.thread, address, ctx.machine.word)
    if words is None:
        return None
    arguments = list(map(os.fsdecode, words))
    image = _image(ctx, call, place, os.fsdecode(name), arguments)
    if image is None:
        return None
    executed = Executed(image.program, tuple(image.arguments), ctx.names.working_directory(call.thread))
    answer = ctx.ask(call, "process.exec", path=place.path, arguments=" ".join(arguments))
    if answer is not None:
        return ctx.tell(call, "process.exec", path=place.path, arguments=" ".join(arguments)) or answer
    asked = commands.asked(arguments, place.path)
    now = ctx.images.current(call.thread)
    if now is not None and now.id in ctx.pretended and name == REAL + os.fsencode(now.program).rpartition(b"/")[2]:
        return None  # a stand-in makes way for the real program: that has been told
    for one in asked:  # a refused attempt is counted for who made it
        if (answer := ctx.ask(call, one.kind, **one.fields)) is not None and answer.error:
            ctx.tell(call, one.kind, **one.fields)
            return answer
    stand_in = _stand_in(ctx, place, name, call)
    if stand_in:
        executed = Executed(stand_in, tuple(arguments), executed.directory)
    told = {"path": place.path, "arguments": " ".join(arguments)}
    again = ctx.told_before("process.exec", told)
    entry = ctx.images.of(call.thread) if again else ctx.images.execute(call.thread, executed)
    if entry is None:
        return None
    ctx.tell(call, "process.exec", **told)
    for sign in probes.signs_in(arguments, place.path):
        ctx.tell(call, probes.KIND, sign=sign)
    # What is emulated is so by the stand-in, which asks: the call itself is made.
    outcomes = [ctx.tell(call, one.kind, **one.fields) for one in asked]
    if stand_in:
        ctx.pretended[entry.id] = bool(outcomes) and all(outcome is WORKED for outcome in outcomes)
    return None


def _stand_in(ctx: Context, place: Place, name: bytes, call: Notification) -> str:
    """The path of the stand-in that is executed; "" when it is none, or no longer one."""
    if place.path not in ctx.stand_ins or place.mode & 0o7777 != 0o755:
        return ""
    return place.path if (_beginning(ctx, call, place.path, "") or b"").startswith(STAND_IN) else ""


def _image(ctx: Context, call: Notification, place: Place, name: str, arguments: list[str]) -> _Image | None:
    """The program that will run, and its arguments: for a script, its interpreter's. None: it is no program."""
    program = place.path
    for _ in range(_MOST_INTERPRETERS + 1):
        first = _beginning(ctx, call, program, name)
        if first is None:
            return _Image(program, arguments)  # for executing only: no script then
        if not first.startswith(b"#!"):
            return _Image(program, arguments) if first.startswith(b"\x7fELF") else None
        words = _interpreter(first)
        if words is None:
            return None
        interpreter = ctx.names.place(call.thread, _HERE, words[0], follow=True)
        if interpreter is None or not interpreter.mode & _EXECUTABLE:
            return None
        arguments = [*map(os.fsdecode, words), name, *arguments[1:]]
        program, name = interpreter.path, os.fsdecode(words[0])
    return None


def _interpreter(first: bytes) -> list[bytes] | None:
    """The interpreter a script's first bytes name, and its argument if there is one. None: the kernel finds none.

    As <fs/binfmt_script.c> has it: a zero byte ends the line, only spaces and tabs part it, and without an end of the
    line a name that may have been cut off counts for nothing.
    """
    first = first.ljust(_FIRST_LINE, b"\0")
    end = first.partition(b"\0")[0].find(b"\n")
    if end < 0:
        end = _FIRST_LINE - 1
        if not _TERMINATOR.search(first[2:].lstrip(_BLANKS)):
            return None
    line = first[2:end].strip(_BLANKS)
    if not line:
        return None
    name, *rest = _TERMINATOR.split(line, 1)
    if rest and line[len(name) :][:1] != b"\0" and (argument := rest[0].lstrip(_BLANKS)):
        return [name, argument.partition(b"\0")[0]]
    return [name]


def _beginning(ctx: Context, call: Notification, path: str, name: str) -> bytes | None:
    try:
        if path.startswith("/memfd:"):
            descriptor = ctx.names.readable(call.thread, os.fsencode(name))
        else:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY)
    except OSError:
        return None
    try:
        return os.pread(descriptor, _FIRST_LINE, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _end(ctx: Context, call: Notification) -> Answered:
    ctx.images.before_end(call.thread)
    return None


def _chroot(ctx: Context, call: Notification) -> Answered:
    ctx.names.confined = True
    return None


CALLS: Final[dict[str, Decode]] = {
    "execve": _execve, "execveat": _execveat, "exit": _end, "exit_group": _end, "chroot": _chroot,
}  # fmt: skip

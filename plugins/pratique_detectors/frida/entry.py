"""A stop at the entry point of a program that is being started: after its libraries are ready, before its own code.

The session holds a process in its first `prlimit64(0, RLIMIT_STACK, NULL, ...)`, which glibc makes as it starts. That
is too early for Frida (no thread can be made yet: the default stack size is read by that very call), and nobody can
attach to a process whose call the session has not answered. So the first bytes of the entry point are replaced by a
jump to a few instructions, put where the program's code ends. They make the same call once more, which tells that the
process has come so far; sleep, a millisecond at a time, until they are told to go on; do what the replaced bytes did;
and go on behind them. They wait for some seconds at most: whatever becomes of us, the program runs as it would have.
"""

from __future__ import annotations

import platform
import struct
from pathlib import Path
from typing import Final, NamedTuple

# <elf.h>
AT_PHDR, AT_PHENT, AT_PHNUM, AT_ENTRY = 3, 4, 5, 9
PT_LOAD, PT_PHDR = 1, 6
PF_X: Final = 1
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_MOST_SEGMENTS: Final = 64
_PAGE: Final = 4096
_LARGEST_AUXV: Final = 4096

#: How often they sleep at most.
_MOST_SLEEPS: Final = 5000
#: push rdx; prlimit64(0, RLIMIT_STACK, NULL, NULL)
_TELL: Final = bytes.fromhex("52 b82e010000 31ff be03000000 31d2 4531d2 0f05")
#: push a timespec of 1 ms; mov ebx, _MOST_SLEEPS
_COUNT: Final = bytes.fromhex("6840420f00 6a00 bb") + _MOST_SLEEPS.to_bytes(4, "little")
#: nanosleep(rsp, NULL); dec ebx
_SLEEP: Final = bytes.fromhex("b823000000 4889e7 31f6 0f05 ffcb")
#: add rsp, 16; pop rdx
_DONE: Final = bytes.fromhex("4883c410 5a")
_TEST_SIZE: Final = 9  # cmp byte [rip + rel32], 0; jne rel8
_JUMP: Final = b"\xe9"  # jmp rel32
_JUMP_SIZE: Final = 5
#: What `_start` of the C libraries begins with, in whole instructions that do the same wherever they stand.
_BEGINNINGS: Final = (
    bytes.fromhex("f30f1efa 31ed"),  # endbr64; xor ebp, ebp
    bytes.fromhex("31ed 4989d1"),  # xor ebp, ebp; mov r9, rdx
    bytes.fromhex("31ed 4889e7"),  # xor ebp, ebp; mov rdi, rsp
)


class Unsuitable(Exception):
    """This program cannot be stopped at its entry point; the text says why."""


class Stop(NamedTuple):
    """One that was put in place, and what stood there."""

    process: int
    at: int
    before: bytes
    word: int  # address of the byte that says: go on


def supported() -> bool:
    return platform.machine() == "x86_64"


def put_stop(process: int) -> Stop:
    """Put one into a process that is held. Raises `Unsuitable`, `OSError`."""
    with Path(f"/proc/{process}/mem").open("r+b", buffering=0) as memory:
        vector = _auxiliary_vector(process)
        try:
            entry, table = vector[AT_ENTRY], vector[AT_PHDR]
            count, size = vector[AT_PHNUM], vector[AT_PHENT]
        except KeyError:
            raise Unsuitable("it has no program headers") from None
        if size != _SEGMENT.size or not 0 < count <= _MOST_SEGMENTS:
            raise Unsuitable("it is not a 64-bit program")
        memory.seek(table)
        segments = [_SEGMENT.unpack_from(part) for part in _parts(memory.read(count * size), size)]
        memory.seek(entry)
        begins = memory.read(16)
        replaced = next((one for one in _BEGINNINGS if begins.startswith(one)), None)
        if replaced is None:
            raise Unsuitable("it does not begin like a program of the C library")
        room = len(_detour(0, replaced, 0))
        at = _room(segments, table, room)
        memory.seek(at)
        memory.write(_detour(at, replaced, entry + len(replaced)))
        jump = _JUMP + struct.pack("<i", at - (entry + _JUMP_SIZE))
        memory.seek(entry)
        memory.write(jump.ljust(len(replaced), b"\x90"))
    return Stop(process, entry, replaced, at + room - 1)


def take_away(stop: Stop) -> None:
    """Let the program go on, with the bytes put back that stood there. Raises `OSError`: the process has gone."""
    with Path(f"/proc/{stop.process}/mem").open("r+b", buffering=0) as memory:
        memory.seek(stop.at)
        memory.write(stop.before)
        memory.seek(stop.word)
        memory.write(b"\1")


def _detour(at: int, replaced: bytes, back: int) -> bytes:
    """The instructions, to stand at `at`; the last byte is the word."""
    loop = len(_TELL) + len(_COUNT)
    done = loop + _TEST_SIZE + len(_SLEEP) + 2
    word = done + len(_DONE) + len(replaced) + _JUMP_SIZE
    test = b"\x80\x3d" + struct.pack("<i", word - (loop + 7)) + b"\0" + b"\x75" + _short(done - (loop + _TEST_SIZE))
    again = b"\x75" + _short(loop - done)
    return (
        _TELL + _COUNT + test + _SLEEP + again + _DONE + replaced
        + _JUMP + struct.pack("<i", back - (at + word) if at else 0) + b"\0"
    )  # fmt: skip


def _short(distance: int) -> bytes:
    return struct.pack("<b", distance)


def _auxiliary_vector(process: int) -> dict[int, int]:
    with Path(f"/proc/{process}/auxv").open("rb") as file:
        pairs = file.read(_LARGEST_AUXV)
    return dict(struct.iter_unpack("<QQ", pairs[: len(pairs) // 16 * 16]))


def _parts(table: bytes, size: int) -> list[bytes]:
    return [table[at : at + size] for at in range(0, len(table) // size * size, size)]


def _room(segments: list[tuple[int, ...]], table: int, needed: int) -> int:
    """Where the program's code ends and its page does not: nothing is there. Raises `Unsuitable`."""
    base = next((table - virtual for kind, _, _, virtual, *_ in segments if kind == PT_PHDR), 0)
    for kind, flags, _, virtual, _, _, size, _ in segments:
        end = (base + virtual + size + 15) & ~15
        if kind == PT_LOAD and flags & PF_X and -end % _PAGE >= needed:
            return end
    raise Unsuitable("its code leaves no room")

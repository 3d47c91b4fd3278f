"""From rules about calls to the kernel's filter language: classic BPF, as <linux/filter.h> and seccomp(2) have it.

The filter is a list: the calls a program makes most first, then those whose arguments are looked at, then the rest.
Calls that pass whatever their arguments are cost nothing: Linux (5.11 and later) works that out once, by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from pratique.sandbox.calls.numbers import LAST_KNOWN, X32_BIT, X86_64, Machine, number

# <linux/seccomp.h>: what a filter answers
ALLOW: Final = 0x7FFF0000
NOTIFY: Final = 0x7FC00000
_ERRNO: Final = 0x00050000

# <linux/filter.h>
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_JUMP: Final = 0x05  # BPF_JMP | BPF_JA
_RETURN: Final = 0x06  # BPF_RET | BPF_K

# offsets in struct seccomp_data
_NUMBER: Final = 0
_MACHINE: Final = 4
_ARGUMENTS: Final = 16

_ENOSYS: Final = 38


class Bits(msgspec.Struct, frozen=True):
    """Holds when any of these bits, all in one half of an argument, is set."""

    argument: int
    mask: int


class Is(msgspec.Struct, frozen=True):
    """Holds when the low half of an argument is this."""

    argument: int
    value: int


class Rule(msgspec.Struct, frozen=True):
    """What is done with a call when all tests hold. Of a call's rules the first that holds counts; none: it passes."""

    answer: int
    tests: tuple[Bits | Is, ...] = ()


Table: TypeAlias = "Mapping[str, Sequence[Rule]]"


def refuse(errno: int) -> Rule:
    return Rule(_ERRNO | errno)


def notify(*tests: Bits | Is) -> Rule:
    return Rule(NOTIFY, tests)


def assemble(parts: Iterable[tuple[Machine, Table]], commonest: Sequence[str] = ()) -> bytes:
    """The filter. Calls made in the way of any other machine are notified, all of them."""
    code = bytearray()
    for machine, table in parts:
        section = _section(machine, table, commonest)
        # A jump over the section can be longer than the 255 that a comparison can skip.
        code += _op(_LOAD, _MACHINE) + _op(_IF_EQUAL, machine.audit, 1, 0) + _op(_JUMP, len(section) // 8) + section
    return bytes(code) + _op(_RETURN, NOTIFY)


def _section(machine: Machine, table: Table, commonest: Sequence[str]) -> bytes:
    code = bytearray(_op(_LOAD, _NUMBER))
    passing = [n for n in (number(call, machine) for call in commonest if call not in table) if n is not None]
    for at, one in enumerate(passing):
        code += _op(_IF_EQUAL, one, len(passing) - 1 - at, 0 if at < len(passing) - 1 else 1)
    if passing:
        code += _op(_RETURN, ALLOW)
    if machine is X86_64:
        code += _op(_IF_AT_LEAST, X32_BIT, 0, 1) + _op(_RETURN, NOTIFY)
    code += _op(_IF_AT_LEAST, LAST_KNOWN + 1, 0, 1) + _op(_RETURN, _ERRNO | _ENOSYS)
    # Those with tests first: the others are either rare or slow anyway.
    for call in sorted(table, key=lambda call: not any(rule.tests for rule in table[call])):
        own = number(call, machine)
        if own is not None:
            block = _block(table[call])
            code += _op(_IF_EQUAL, own, 0, len(block) // 8) + block
    return bytes(code) + _op(_RETURN, ALLOW)


def _block(rules: Sequence[Rule]) -> bytes:
    code = bytearray()
    for rule in rules:
        steps = [*rule.tests]
        for at, test in enumerate(steps):
            # Each step is two instructions; when it does not hold, on to the next rule: behind the return.
            beyond = 2 * (len(steps) - 1 - at) + 1
            operation, value = (_IF_ANY_BIT, test.mask) if isinstance(test, Bits) else (_IF_EQUAL, test.value)
            half, value = (4, value >> 32) if value >> 32 else (0, value)
            code += _op(_LOAD, _ARGUMENTS + 8 * test.argument + half) + _op(operation, value, 0, beyond)
        code += _op(_RETURN, rule.answer)
        if not steps:
            return bytes(code)
    return bytes(code) + _op(_RETURN, ALLOW)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)

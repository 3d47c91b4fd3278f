"""The filter, run by a small machine of the test's own: what the kernel would answer to a call."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from pratique.sandbox.calls import bpf, numbers, treatment
from pratique.sandbox.calls.numbers import I386, LAST_KNOWN, X86_64

ALLOW, NOTIFY = "allow", "notify"


def run(code: bytes, number: int, arguments: tuple[int, ...] = (), machine: int = X86_64.audit) -> tuple[str, int]:
    """(what the filter answers, how many instructions it took)."""
    data = struct.pack("=IIQ6Q", number, machine, 0, *(*arguments, *[0] * 6)[:6])
    steps = list(struct.iter_unpack("=HBBI", code))
    at = taken = accumulator = 0
    while True:
        operation, if_true, if_false, value = steps[at]
        at += 1
        taken += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x05:
                at += value
            case 0x06:
                if value == 0x7FFF0000:
                    return ALLOW, taken
                if value == 0x7FC00000:
                    return NOTIFY, taken
                assert value & 0xFFFF0000 == 0x00050000
                return errno.errorcode[value & 0xFFFF], taken
            case _:
                raise AssertionError(f"no such operation: {operation:#x}")


@pytest.fixture(scope="module")
def code() -> bytes:
    table = treatment.table()
    return bpf.assemble([(X86_64, table), (I386, table)], treatment.COMMONEST)


def answer(code: bytes, call: str, *arguments: int, machine=X86_64) -> str:
    number = numbers.number(call, machine)
    assert number is not None
    return run(code, number, arguments, machine.audit)[0]


@pytest.mark.parametrize("machine", [X86_64, I386])
def test_each_call_is_treated_as_the_table_says(code, machine):
    for call in numbers.NUMBERS:
        if numbers.number(call, machine) is None:
            continue
        rules = treatment.table().get(call, ())
        if any(rule.tests for rule in rules):
            continue
        expected = ALLOW
        if rules:
            expected = NOTIFY if rules[0].answer == bpf.NOTIFY else errno.errorcode[rules[0].answer & 0xFFFF]
        assert answer(code, call, machine=machine) == expected, call


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("openat", (0xFFFFFF9C, 1, 0), ALLOW),
        ("openat", (0xFFFFFF9C, 1, 0o1), NOTIFY),
        ("openat", (0xFFFFFF9C, 1, 0o2), NOTIFY),
        ("openat", (0xFFFFFF9C, 1, 0o100), NOTIFY),
        ("openat", (0xFFFFFF9C, 1, 0o1000), NOTIFY),
        ("open", (1, 0o2000000), ALLOW),
        ("open", (1, 0o1101), NOTIFY),
        ("sendto", (3, 1, 1, 0, 0, 0), ALLOW),
        ("sendto", (3, 1, 1, 0, 0x7FFF00001000, 16), NOTIFY),
        ("sendto", (3, 1, 1, 0, 0x700000000000, 16), NOTIFY),
        ("kill", (1, 0), ALLOW),
        ("kill", (1, 9), NOTIFY),
        ("ptrace", (0, 0), ALLOW),
        ("ptrace", (16, 5), NOTIFY),
        ("ptrace", (0x4206, 5), NOTIFY),
        ("clone", (0x50F00,), ALLOW),
        ("clone", (0x10000011,), "EPERM"),
        ("prlimit64", (0, 7, 1, 0), ALLOW),
        ("prlimit64", (1, 7, 1, 0), NOTIFY),
        ("sched_setaffinity", (0, 8, 1), ALLOW),
        ("sched_setaffinity", (2, 8, 1), NOTIFY),
        ("setpriority", (0, 0, 5), ALLOW),
        ("setpriority", (0, 2, 5), NOTIFY),
        ("setpriority", (2, 0, 5), "EPERM"),
        ("ioprio_set", (1, 2, 5), NOTIFY),
        ("ioprio_set", (3, 0, 5), "EPERM"),
        ("fcntl", (3, 3), ALLOW),
        ("fcntl", (3, 8, 2), NOTIFY),
        ("fcntl", (3, 15, 1), "EINVAL"),
        ("ioctl", (3, 0x5401, 1), ALLOW),
        ("ioctl", (3, 0x8901, 1), "EINVAL"),
        ("unshare", (0x00020000,), ALLOW),
        ("unshare", (0x10020000,), "EPERM"),
    ],
)
def test_arguments_decide(code, call, arguments, expected):
    assert answer(code, call, *arguments) == expected


def test_a_process_is_held_only_when_wanted():
    held = bpf.assemble([(X86_64, treatment.table(holds=True))], treatment.COMMONEST)
    assert answer(held, "prlimit64", 0, 3, 0, 1) == NOTIFY
    assert answer(held, "prlimit64", 0, 3, 1, 0) == ALLOW
    assert answer(held, "prlimit64", 0, 7, 0, 1) == ALLOW


def test_what_the_table_cannot_know_is_not_let_pass(code):
    assert run(code, LAST_KNOWN + 1)[0] == "ENOSYS"
    assert run(code, LAST_KNOWN)[0] == ALLOW
    assert run(code, numbers.X32_BIT | 1)[0] == NOTIFY
    assert run(code, 1, machine=0xC00000B7)[0] == NOTIFY
    alone = bpf.assemble([(X86_64, treatment.table())])
    assert run(alone, 4, machine=I386.audit)[0] == NOTIFY


def test_the_commonest_calls_pass_after_a_few_instructions(code):
    for call in treatment.COMMONEST:
        number = numbers.number(call, X86_64)
        if number is not None:
            result, taken = run(code, number)
            assert result == ALLOW
            assert taken <= len(treatment.COMMONEST) + 4, call


@pytest.mark.parametrize(("header", "column"), [("unistd_64.h", 0), ("unistd_32.h", 1)])
def test_the_numbers_are_those_of_the_kernel_s_headers(header, column):
    (file,) = Path("/usr/include").glob(f"*/asm/{header}")
    known = dict(re.findall(r"^#define __NR_(\w+)\s+(\d+)$", file.read_text(), re.MULTILINE))
    ours = {call: found[column] for call, found in numbers.NUMBERS.items() if call in known}
    assert len(ours) > 90
    assert ours == {call: int(known[call]) for call in ours}
    # The rest is newer than the headers, or there is no such call.
    for call in numbers.NUMBERS.keys() - known.keys():
        assert (numbers.NUMBERS[call][column] or 500) > 450, call

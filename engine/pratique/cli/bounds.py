"""The options that bound what a program may use: memory, processor time, processes, room on the disk."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pratique.run import Limits

#: Options of `pratique run` that take a value.
OPTIONS: Final = frozenset({"--memory", "--cpu", "--processes", "--size"})
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_LEAST_MEMORY: Final = 16 << 20  # below, hardly any program starts
_LEAST_PROCESSES: Final = 8


def configure(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("bounds (of all processes together)")
    group.add_argument(
        "--memory", metavar="SIZE", type=_memory, help="with swap: 512M, 2G (default: three quarters of the machine's)"
    )
    group.add_argument("--cpu", metavar="PERCENT", type=_percent, help="of all processors together (default: a share)")
    group.add_argument("--processes", metavar="N", type=_processes, help="at one time (default: 2048)")
    group.add_argument(
        "--size", metavar="SIZE", type=size, help="what it writes: 500M, 20G (default: three quarters of the free room)"
    )


def limits(args: argparse.Namespace) -> Limits:
    from pratique.run import Limits

    return Limits(memory=args.memory, cpu=args.cpu, processes=args.processes, size=args.size)


def size(text: str) -> int:
    """
    >>> size("512M"), size("1.5GiB"), size("4096")
    (536870912, 1610612736, 4096)
    """
    upper = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = _UNITS.get(upper[-1:], 1)
    number = upper[:-1] if upper[-1:] in _UNITS else upper
    try:
        value = float(number) * unit
    except ValueError:
        value = -1.0
    if not 1 <= value < 1 << 60:
        raise argparse.ArgumentTypeError(f"expected a size such as 512M or 2G; found {text!r}")
    return int(value)


def _memory(text: str) -> int:
    value = size(text)
    if value < _LEAST_MEMORY:
        raise argparse.ArgumentTypeError(f"expected {_LEAST_MEMORY >> 20}M or more; found {text!r}")
    return value


def _percent(text: str) -> int:
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= 100):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100; found {text!r}")
    return int(number)


def _processes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and _LEAST_PROCESSES <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"expected a whole number from {_LEAST_PROCESSES} to 1000000; found {text!r}")
    return int(text)

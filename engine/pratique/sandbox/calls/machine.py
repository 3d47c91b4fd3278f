"""Calls that would change the machine itself: mounts, modules, swap, the power. None of them is ever made."""

from __future__ import annotations

import os
from typing import Final

from pratique.sandbox.calls.context import EPERM, Answered, Context, Decode
from pratique.sandbox.calls.listener import Notification

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD
_POWER: Final = {0x01234567: "reboot", 0xCDEF0123: "halt", 0x4321FEDC: "poweroff", 0x45584543: "kexec"}


def _text(ctx: Context, call: Notification, address: int) -> str:
    return os.fsdecode(ctx.memory.text(call.thread, address) or b"")


def _named(ctx: Context, call: Notification, address: int) -> str:
    """Where a path leads; as it was written, when that is nowhere."""
    name = ctx.memory.text(call.thread, address) or b""
    place = ctx.names.place(call.thread, _HERE, name, follow=True)
    return place.path if place is not None else os.fsdecode(name)


def _mount(ctx: Context, call: Notification) -> Answered:
    source, target, kind = _text(ctx, call, call.a), _named(ctx, call, call.b), _text(ctx, call, call.c)
    return ctx.refuse(call, "mount.call", source=source, target=target, type=kind)


def _umount(ctx: Context, call: Notification) -> Answered:
    return ctx.refuse(call, "mount.call", source="", target=_named(ctx, call, call.a), type="")


def _move_mount(ctx: Context, call: Notification) -> Answered:
    return ctx.refuse(call, "mount.call", source=_text(ctx, call, call.b), target=_text(ctx, call, call.d), type="")


def _pivot_root(ctx: Context, call: Notification) -> Answered:
    return ctx.refuse(call, "mount.call", source=_named(ctx, call, call.a), target="/", type="")


def _swap(ctx: Context, call: Notification) -> Answered:
    return ctx.refuse(call, "mount.call", source=_named(ctx, call, call.a), target="", type="swap")


def _module(ctx: Context, call: Notification) -> Answered:
    return ctx.refuse(call, "kernel.module", name="")


def _module_file(ctx: Context, call: Notification) -> Answered:
    place = ctx.names.descriptor(call.thread, call.a)
    name = place.path.rpartition("/")[2].partition(".ko")[0] if place is not None else ""
    return ctx.refuse(call, "kernel.module", name=name)


def _refused(ctx: Context, call: Notification) -> Answered:
    return EPERM


def _reboot(ctx: Context, call: Notification) -> Answered:
    verb = _POWER.get(call.c & 0xFFFFFFFF)
    if verb is None:
        return EPERM
    return ctx.refuse(call, "service.control", name="", verb=verb)


CALLS: Final[dict[str, Decode]] = {
    "mount": _mount, "umount": _umount, "umount2": _umount, "move_mount": _move_mount, "pivot_root": _pivot_root,
    "swapon": _swap, "swapoff": _swap, "init_module": _module, "create_module": _module,
    "finit_module": _module_file, "delete_module": _refused, "reboot": _reboot,
}  # fmt: skip

"""Kernel settings that only seem to be written: what was written is caught and told, nothing of it is put in force."""

from __future__ import annotations

import os

from pratique.sandbox.calls.context import Answer, Answered, Context
from pratique.sandbox.calls.listener import Notification


def nowhere() -> int:
    """Something to write to that is nobody's. The caller closes it."""
    return os.memfd_create("pratique", os.MFD_CLOEXEC)


def opened(ctx: Context, call: Notification, path: str, flags: int) -> Answered:
    """A setting is opened for writing. When it is to be emulated, its value is told once the writer has ended."""
    answer = ctx.ask(call, "kernel.setting", path=path)
    if answer is None or answer.error:
        return ctx.tell(call, "kernel.setting", path=path, value="")
    caught = nowhere()
    ctx.catch(call, path, caught)
    return Answer(descriptor=caught, close_on_exec=bool(flags & os.O_CLOEXEC))

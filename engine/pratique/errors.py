"""Every error a person can be shown, and the exit code each ends with (docs/exit-codes in the reference)."""

from __future__ import annotations

from typing import ClassVar


class PratiqueError(Exception):
    """Something that went wrong, said so that a person can mend it: what, and in `hint` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(PratiqueError):
    """Wrong usage, or the installer (or another file named) is missing, unreadable or damaged."""

    exit_code = 2


class PolicyError(PratiqueError):
    """An invalid policy; the one in force stays. `rendered` holds the diagnostics, ready to print."""

    exit_code = 3

    def __init__(self, message: str, *, rendered: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rendered = rendered


class HostFileError(PratiqueError):
    """An invalid role file; the one in force stays."""

    exit_code = 3


class CannotError(PratiqueError):
    """This machine or user cannot do that; nothing ran. `hint` is the command that mends it."""

    exit_code = 4


class ConflictError(PratiqueError):
    """The host changed meanwhile; nothing was committed."""

    exit_code = 5


class InstallerFailed(PratiqueError):
    """The installer itself failed; nothing was committed."""

    exit_code = 6


class DeadlineError(PratiqueError):
    """The deadline passed; everything the installer started is gone."""

    exit_code = 7


class NoRoomError(PratiqueError):
    """No room on the disk; nothing was committed."""

    exit_code = 8


class Interrupted(PratiqueError):
    """The person interrupted; nothing was committed."""

    exit_code = 130

"""The file decisions are kept in: JSON, for its owner only, replaced in one step under a lock.

One that cannot be read is kept aside, and said so once. One that others may write is not believed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pratique.decisions.record import SCHEMA, Book
from pratique.errors import CannotError, NoRoomError, PratiqueError

LARGEST: Final = 64 * 1024 * 1024  # bytes


class StoreError(PratiqueError):
    """The file of decisions cannot be used."""


class Change:
    """The book while the lock is held: put the new one in `book`."""

    __slots__ = ("book",)

    def __init__(self, book: Book) -> None:
        self.book = book


class BookFile:
    """The file at `path`, which need not exist yet. Several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Book:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return Book(schema=SCHEMA)
        except OSError as error:
            raise CannotError(
                f"the decisions in {self.path} cannot be read: {error.strerror}",
                hint=f"ls -l {self.path}; expected a file of your own",
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            held = os.fstat(descriptor)
            if held.st_uid not in (0, os.geteuid()) or held.st_mode & 0o022:
                # Whoever can write this file can have anything installed.
                raise CannotError(
                    f"{self.path} can be written by others than you; its decisions are not believed",
                    hint=f"look through it, then: chown {os.geteuid()} {self.path} && chmod 600 {self.path}",
                )
            content = file.read(LARGEST + 1)
        try:
            if len(content) > LARGEST:
                raise ValueError(f"larger than {LARGEST >> 20} MiB")
            book = msgspec.json.decode(content, type=Book)
            if book.schema != SCHEMA:
                raise ValueError(f"expected the schema {SCHEMA!r}, found {book.schema!r}")
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            raise self._kept_aside(held, str(error)) from None
        return book

    def _kept_aside(self, held: os.stat_result, reason: str) -> StoreError:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
        try:
            now = os.lstat(self.path)
            if (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino):  # nobody has put a good one in its place
                self.path.rename(aside)
        except FileNotFoundError:
            pass
        except OSError as error:
            return StoreError(
                f"the decisions in {self.path} are damaged ({reason}) and cannot be kept aside: {error.strerror}",
                hint=f"move {self.path} away by hand",
            )
        return StoreError(
            f"the decisions in {self.path} are damaged ({reason}); they were kept aside as {aside.name}",
            hint="run the command again: it starts with nothing remembered; mark anew what was blocked by hand",
        )

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """The book, under a lock; what it holds afterwards is written in one step, or nothing is."""
        with self._locked():
            change = Change(self.read())
            before = change.book
            yield change
            if change.book != before:
                self._write(change.book)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # A file of its own: the book is replaced, and a lock on a replaced file locks nothing.
        try:
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            kind = NoRoomError if error.errno in (errno.ENOSPC, errno.EDQUOT) else CannotError
            raise kind(
                f"decisions cannot be kept in {self.path.parent}: {error.strerror}",
                hint="PRATIQUE_STATE names another directory",
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, book: Book) -> None:
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(msgspec.json.format(msgspec.json.encode(book), indent=1) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            kind = NoRoomError if error.errno in (errno.ENOSPC, errno.EDQUOT) else CannotError
            raise kind(
                f"decisions cannot be kept in {self.path}: {error.strerror}; nothing was changed",
                hint=f"df {self.path.parent}; PRATIQUE_STATE names another directory",
            ) from None

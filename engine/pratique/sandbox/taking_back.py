"""Takes a transaction back that was not finished: every path as it was, whatever had been done by then.

It looks at what is there and not at what should have been done, so that it holds after a crash at any moment, and can
be interrupted and begun again itself. What somebody else put in place meanwhile is left alone, and named.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator

from pratique.sandbox import copying, originals
from pratique.sandbox.beneath import Beneath, split
from pratique.sandbox.durable import Durable
from pratique.sandbox.journal import Change, Done, Journal
from pratique.sandbox.space import remove_tree_at
from pratique.sandbox.states import Identity, identity


class TakenBack:
    """What became of it.

    `restored`: originals that are in place again, by path. `failed`, in words: what could not be taken back, and may be
    another time. `left`: what somebody else changed meanwhile; its original stays in the journal.
    """

    def __init__(self) -> None:
        self.restored: dict[str, Identity] = {}
        self.failed: list[str] = []
        self.left: list[str] = []


def take_back(journal: Journal, host: Beneath) -> TakenBack:
    """Everything the journal tells of, and then the journal itself, unless something could not be taken back.

    Raises `OSError` only when the disk fails.
    """
    out = TakenBack()
    with Durable(len(journal.changes)) as durable:
        work = _Work(journal, host, durable, out)
        if not (journal.done and journal.done.taken_back):
            work.remove_temporaries()
            if journal.staged is not None:
                work.remove_what_was_put()
                work.restore()
            work.restore_times()
            durable.wait()
    if out.failed:
        return out
    if journal.done is None:
        journal.end(Done(ended=time.time(), taken_back=True))
    else:
        journal.make_sure()
    if not out.left:
        journal.forget()
    # Only now: giving up the journal's link to an original is one more change of it.
    for change in journal.changes:
        if change.saved and (found := host.find(change.path)) is not None:
            out.restored[change.path] = identity(found)
    return out


class _Work:
    def __init__(self, journal: Journal, host: Beneath, durable: Durable, out: TakenBack) -> None:
        self._changes = journal.changes
        self._put = journal.staged or {}
        self._times = journal.times
        self._directory = journal.directory
        self._host = host
        self._durable = durable
        self._out = out

    def _each(self, changes: Iterable[Change], *, restoring: bool = False) -> Iterable[tuple[Change, int, str]]:
        """With the open directory and the name; a change whose directory is gone has nothing to be taken back."""
        for change in changes:
            above, name = split(change.path)
            try:
                yield change, self._host.directory(above), name
            except (FileNotFoundError, NotADirectoryError):
                if restoring:
                    self._leave(change, "the directory it was in is gone")
            except OSError as error:
                self._fail(change, error)

    def _fail(self, change: Change, error: OSError) -> None:
        self._out.failed.append(f"{change.path}: {in_words(error)}")

    @contextlib.contextmanager
    def _trying(self, change: Change) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._fail(change, error)

    def _leave(self, change: Change, reason: str) -> None:
        self._out.left.append(f"{change.path}: {reason}")

    def remove_temporaries(self) -> None:
        for change, directory, _ in self._each(one for one in self._changes if _temporary(one)):
            temporary = _temporary(change)
            path = f"{split(change.path)[0].rstrip('/')}/{temporary}"
            self._host.forget(path)
            with self._trying(change):
                if self._host.find(path) is not None:
                    remove_tree_at(directory, temporary)
                    self._durable.directory(directory)

    def _is_ours(self, change: Change, found: os.stat_result | None) -> bool:
        """Told by inode and time: numbers of devices may be others when the machine has started again.

        And by its kind: a directory that was brought back may have the number of a file that was put there and is gone.
        """
        put = self._put.get(change.path)
        if found is None or put is None or put.inode != found.st_ino:
            return False
        if stat.S_ISDIR(found.st_mode) or change.becomes_directory:
            return stat.S_ISDIR(found.st_mode) and change.becomes_directory
        return put.mtime_ns == found.st_mtime_ns

    def remove_what_was_put(self) -> None:
        """Deepest first. A file that replaced another stays until that one replaces it again."""
        for change, directory, name in self._each(reversed(self._changes)):
            dressed = change.was_directory and change.becomes_directory
            with self._trying(change):
                if change.after is not None and not dressed and self._is_ours(change, _look(name, directory)):
                    self._remove(change, directory, name)
                    self._durable.directory(directory)

    def _remove(self, change: Change, directory: int, name: str) -> None:
        if change.becomes_directory:
            self._host.forget(change.path)
            with contextlib.suppress(OSError):
                os.chmod(name, 0o700, dir_fd=directory)
            try:
                os.rmdir(name, dir_fd=directory)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                self._leave(change, "somebody else put something in it")
        elif change.before is None or change.was_directory:
            os.unlink(name, dir_fd=directory)

    def restore(self) -> None:
        directories = []
        for change, directory, name in self._each(
            (one for one in self._changes if one.before is not None), restoring=True
        ):
            with self._trying(change):
                found = _look(name, directory)
                if not change.was_directory:
                    self._put_back(change, directory, name, found)
                    continue
                directories.append(change)
                if found is None:
                    os.mkdir(name, 0o700, dir_fd=directory)
                    self._durable.directory(directory)
        for change in reversed(directories):
            assert change.before is not None
            with self._trying(change):
                descriptor = self._host.directory(change.path)
                copying.dress(descriptor, change.before.state, change.before.attributes)
                self._durable.directory(descriptor)

    def _put_back(self, change: Change, directory: int, name: str, found: os.stat_result | None) -> None:
        own = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            original = _look(change.saved, own)
            if original is None:
                return self._leave(change, f"its original {self._directory}/{change.saved} is gone")
            if found is not None:
                if (found.st_dev, found.st_ino) == (original.st_dev, original.st_ino):
                    return None
                if not self._is_ours(change, found):
                    kept_as_copy = change.saved.endswith(".copy")  # then the host's own never left, or is replaced
                    return None if kept_as_copy else self._leave(change, "somebody changed it meanwhile")
            temporary = _temporary(change)
            try:
                os.link(change.saved, temporary, src_dir_fd=own, dst_dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                if error.errno not in originals.CANNOT_LINK:
                    raise
                originals.copy(change.saved, own, temporary, directory, self._durable)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            self._durable.directory(directory)
        finally:
            os.close(own)

    def restore_times(self) -> None:
        for path, mtime_ns in self._times.items():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                descriptor = self._host.directory(path)
                if os.fstat(descriptor).st_mtime_ns == mtime_ns:
                    continue
                try:
                    copying.set_time(descriptor, mtime_ns)
                except OSError as error:
                    self._out.failed.append(f"{path}: its time: {in_words(error)}")
                self._durable.directory(descriptor)


def in_words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _temporary(change: Change) -> str:
    """The name beside its place under which what is new is made ready, or the original again; "" for neither."""
    return change.temporary or (f".pratique-back-{change.saved}" if change.saved else "")


def _look(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None

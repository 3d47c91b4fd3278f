"""Calls that change files, in the words of a policy: `file.*`, and what is written below /dev, /proc/sys and /sys.

A call that cannot succeed as things stand is not told: nothing is there to be deleted, the directory does not exist.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import Final

from pratique.sandbox.calls import settings
from pratique.sandbox.calls.context import EACCES, PRETEND, Answer, Answered, Context, Decode
from pratique.sandbox.calls.listener import Notification
from pratique.sandbox.calls.naming import Place
from pratique.sandbox.calls.permitted import may_name, may_write
from pratique.sandbox.calls.treatment import WRITING

_HERE: Final = 0xFFFFFF9C  # AT_FDCWD
# <linux/fcntl.h>
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_AT_SYMLINK_FOLLOW: Final = 0x400
_AT_EMPTY_PATH: Final = 0x1000
_TMPFILE: Final = os.O_TMPFILE & ~os.O_DIRECTORY
_RESOLVE_IN_ROOT: Final = 0x10  # <linux/openat2.h>
_RENAME_EXCHANGE: Final = 2  # <linux/fs.h>
_UNCHANGED: Final = 0xFFFFFFFF  # chown's -1
#: Of an extended attribute's value.
_MOST_VALUE: Final = 4096
_ACL_HEADER: Final = 4  # bytes
_ACL_ENTRY: Final = struct.Struct("<HHI")  # tag, permissions, whose
_ACL_SHIFTS: Final = {0x01: 6, 0x04: 3, 0x20: 0}  # owner, group, everybody else: where a mode has theirs

#: Devices that every program writes to, and what lies where anybody may put files.
_HARMLESS: Final = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "console")
_HARMLESS_BELOW: Final = ("pts/", "shm/", "mqueue/", "fd/")


def _place(
    ctx: Context, call: Notification, directory: int, address: int, *, follow: bool, inside: bool = False
) -> Place | None:
    name = ctx.memory.text(call.thread, address)
    return None if name is None else ctx.names.place(call.thread, directory, name, follow=follow, inside=inside)


# -- opening ----------------------------------------------------------------------------------------------------------


def _open(ctx: Context, call: Notification) -> Answered:
    return _opened(ctx, call, _HERE, call.a, call.b, call.c)


def _openat(ctx: Context, call: Notification) -> Answered:
    return _opened(ctx, call, call.a, call.b, call.c, call.d)


def _openat2(ctx: Context, call: Notification) -> Answered:
    how = ctx.memory.read(call.thread, call.c, 24)
    if len(how) < 24:
        return None
    flags, mode, resolve = struct.unpack("=QQQ", how)
    return _opened(ctx, call, call.a, call.b, flags, mode, inside=bool(resolve & _RESOLVE_IN_ROOT))


def _creat(ctx: Context, call: Notification) -> Answered:
    return _opened(ctx, call, _HERE, call.a, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, call.b)


def _opened(
    ctx: Context, call: Notification, directory: int, address: int, flags: int, mode: int, *, inside: bool = False
) -> Answered:
    alone = flags & os.O_CREAT and flags & os.O_EXCL
    place = _place(ctx, call, directory, address, follow=not (alone or flags & os.O_NOFOLLOW), inside=inside)
    if place is None or flags & _TMPFILE == _TMPFILE:
        return None  # a file without a name is told when it is given one
    path, there = place
    if not flags & WRITING:
        read = stat.S_ISREG(there) and not flags & os.O_PATH and ctx.reads(path)
        return ctx.tell(call, "file.read", path=path, hidden=False) if read else None
    if path.startswith(("/dev/", "/proc/", "/sys/")):
        return _special(ctx, call, place, flags)
    if path == PRETEND and ctx.stand_ins:
        return _pretend(ctx, call)
    if not there:
        if not flags & os.O_CREAT or not may_name(path):
            return None
        return ctx.tell(call, "file.create", path=path, type="file", mode=mode & 0o7777) or ctx.tell(
            call, "file.write", path=path
        )
    if alone or not stat.S_ISREG(there) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC) or not may_write(path):
        return None
    return ctx.tell(call, "file.write", path=path)


def _special(ctx: Context, call: Notification, place: Place, flags: int) -> Answered:
    path, there = place
    if path.startswith("/dev/"):
        name = path[5:]
        if name in _HARMLESS or name.startswith(_HARMLESS_BELOW):
            return None
        return _in_place_of(ctx, ctx.tell(call, "device.write", path=path), flags)
    if not stat.S_ISREG(there) or not path.startswith(("/proc/sys/", "/sys/", "/proc/sysrq-trigger")):
        return None  # a process's own /proc files: its children's names, its oom score
    return settings.opened(ctx, call, path, flags)


def _pretend(ctx: Context, call: Notification) -> Answered:
    """A stand-in asks whether it is to do as if."""
    image = ctx.images.of(call.thread)
    pretended = image is not None and ctx.pretended.get(image.id, False)
    return Answer(descriptor=settings.nowhere()) if pretended else EACCES


def _in_place_of(ctx: Context, answer: Answer | None, flags: int) -> Answered:
    """What was to be opened only seemed to be: something to write to, that nobody will read."""
    if answer is None or answer.error:
        return answer
    return Answer(descriptor=settings.nowhere(), close_on_exec=bool(flags & os.O_CLOEXEC))


# -- names ------------------------------------------------------------------------------------------------------------


def _delete(ctx: Context, call: Notification, place: Place | None, *, directory: bool) -> Answered:
    if place is None or not place.mode or stat.S_ISDIR(place.mode) != directory or not may_name(place.path):
        return None
    return ctx.tell(call, "file.delete", path=place.path, type=place.type)


def _unlink(ctx: Context, call: Notification) -> Answered:
    return _delete(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), directory=False)


def _rmdir(ctx: Context, call: Notification) -> Answered:
    return _delete(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), directory=True)


def _unlinkat(ctx: Context, call: Notification) -> Answered:
    place = _place(ctx, call, call.a, call.b, follow=False)
    return _delete(ctx, call, place, directory=bool(call.c & 0x200))  # AT_REMOVEDIR


def _create(ctx: Context, call: Notification, place: Place | None, **fields: object) -> Answered:
    if place is None or place.mode or not may_name(place.path):
        return None
    return ctx.tell(call, "file.create", path=place.path, **fields)


def _mkdir(ctx: Context, call: Notification) -> Answered:
    place = _place(ctx, call, _HERE, call.a, follow=False)
    return _create(ctx, call, place, type="directory", mode=call.b & 0o7777)


def _mkdirat(ctx: Context, call: Notification) -> Answered:
    place = _place(ctx, call, call.a, call.b, follow=False)
    return _create(ctx, call, place, type="directory", mode=call.c & 0o7777)


def _symlink(ctx: Context, call: Notification) -> Answered:
    return _linked_to(ctx, call, call.a, _HERE, call.b)


def _symlinkat(ctx: Context, call: Notification) -> Answered:
    return _linked_to(ctx, call, call.a, call.b, call.c)


def _linked_to(ctx: Context, call: Notification, target: int, directory: int, address: int) -> Answered:
    text = ctx.memory.text(call.thread, target)
    place = _place(ctx, call, directory, address, follow=False)
    if text is None:
        return None
    return _create(ctx, call, place, type="link", target=os.fsdecode(text), mode=0o777)


def _mknod(ctx: Context, call: Notification) -> Answered:
    return _made(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), call.b)


def _mknodat(ctx: Context, call: Notification) -> Answered:
    return _made(ctx, call, _place(ctx, call, call.a, call.b, follow=False), call.c)


def _made(ctx: Context, call: Notification, place: Place | None, mode: int) -> Answered:
    kind = Place("", mode if stat.S_IFMT(mode) else mode | stat.S_IFREG).type
    return _create(ctx, call, place, type=kind, mode=mode & 0o7777)


def _link(ctx: Context, call: Notification) -> Answered:
    return _another_name(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), _HERE, call.b)


def _linkat(ctx: Context, call: Notification) -> Answered:
    if call.e & _AT_EMPTY_PATH and ctx.memory.text(call.thread, call.b) == b"":
        old = ctx.names.descriptor(call.thread, call.a)
    else:
        old = _place(ctx, call, call.a, call.b, follow=bool(call.e & _AT_SYMLINK_FOLLOW))
    return _another_name(ctx, call, old, call.c, call.d)


def _another_name(ctx: Context, call: Notification, old: Place | None, directory: int, address: int) -> Answered:
    new = _place(ctx, call, directory, address, follow=False)
    if old is None or not old.mode or new is None or new.mode or not may_name(new.path):
        return None
    answer = ctx.tell(call, "file.create", path=new.path, type=old.type, mode=stat.S_IMODE(old.mode))
    return answer or (ctx.tell(call, "file.write", path=new.path) if stat.S_ISREG(old.mode) else None)


def _rename(ctx: Context, call: Notification) -> Answered:
    return _renamed(ctx, call, (_HERE, call.a), (_HERE, call.b))


def _renameat(ctx: Context, call: Notification) -> Answered:
    return _renamed(ctx, call, (call.a, call.b), (call.c, call.d))


def _renameat2(ctx: Context, call: Notification) -> Answered:
    return _renamed(ctx, call, (call.a, call.b), (call.c, call.d), exchange=bool(call.e & _RENAME_EXCHANGE))


def _renamed(
    ctx: Context, call: Notification, old: tuple[int, int], new: tuple[int, int], *, exchange: bool = False
) -> Answered:
    source, target = _place(ctx, call, *old, follow=False), _place(ctx, call, *new, follow=False)
    if source is None or not source.mode or target is None or source.path == target.path:
        return None
    if (exchange and not target.mode) or not (may_name(source.path) and may_name(target.path)):
        return None
    if stat.S_ISDIR(source.mode) or (exchange and stat.S_ISDIR(target.mode)):
        ctx.names.moved(call.thread)
    answer = ctx.tell(call, "file.rename", path=source.path, to=target.path)
    if exchange and answer is None:
        answer = ctx.tell(call, "file.rename", path=target.path, to=source.path)
    return answer


# -- content and attributes -------------------------------------------------------------------------------------------


def _truncate(ctx: Context, call: Notification) -> Answered:
    place = _place(ctx, call, _HERE, call.a, follow=True)
    if place is None or not stat.S_ISREG(place.mode) or not may_write(place.path):
        return None
    return ctx.tell(call, "file.write", path=place.path)


def _chmod(ctx: Context, call: Notification) -> Answered:
    return _mode(ctx, call, _place(ctx, call, _HERE, call.a, follow=True), call.b)


def _fchmod(ctx: Context, call: Notification) -> Answered:
    return _mode(ctx, call, ctx.names.descriptor(call.thread, call.a), call.b)


def _fchmodat(ctx: Context, call: Notification) -> Answered:
    return _mode(ctx, call, _place(ctx, call, call.a, call.b, follow=True), call.c)


def _fchmodat2(ctx: Context, call: Notification) -> Answered:
    return _mode(ctx, call, _flagged(ctx, call, call.a, call.b, call.d), call.c)


def _flagged(ctx: Context, call: Notification, directory: int, address: int, flags: int) -> Place | None:
    """As calls have it whose flags say whether links are followed, and whether no path means the directory itself."""
    if flags & _AT_EMPTY_PATH and ctx.memory.text(call.thread, address) == b"":
        return ctx.names.descriptor(call.thread, directory)
    return _place(ctx, call, directory, address, follow=not flags & _AT_SYMLINK_NOFOLLOW)


def _mode(ctx: Context, call: Notification, place: Place | None, mode: int) -> Answered:
    if place is None or not place.mode:
        return None
    mode &= 0o7777
    regular = stat.S_ISREG(place.mode)
    return ctx.tell(
        call, "file.mode", path=place.path, mode=mode, setuid=regular and bool(mode & 0o4000),
        setgid=regular and bool(mode & 0o2000), world_writable=bool(mode & 0o002),
    )  # fmt: skip


def _chown(ctx: Context, call: Notification) -> Answered:
    return _owner(ctx, call, _place(ctx, call, _HERE, call.a, follow=True), call.b, call.c)


def _lchown(ctx: Context, call: Notification) -> Answered:
    return _owner(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), call.b, call.c)


def _fchown(ctx: Context, call: Notification) -> Answered:
    return _owner(ctx, call, ctx.names.descriptor(call.thread, call.a), call.b, call.c)


def _fchownat(ctx: Context, call: Notification) -> Answered:
    return _owner(ctx, call, _flagged(ctx, call, call.a, call.b, call.e), call.c, call.d)


def _owner(ctx: Context, call: Notification, place: Place | None, owner: int, group: int) -> Answered:
    if place is None or not place.mode:
        return None
    named = ["" if one & _UNCHANGED == _UNCHANGED else str(one & 0xFFFFFFFF) for one in (owner, group)]
    return ctx.tell(call, "file.owner", path=place.path, owner=named[0], group=named[1])


def _setxattr(ctx: Context, call: Notification) -> Answered:
    return _attribute(ctx, call, _place(ctx, call, _HERE, call.a, follow=True), call.b, call.c, call.d)


def _lsetxattr(ctx: Context, call: Notification) -> Answered:
    return _attribute(ctx, call, _place(ctx, call, _HERE, call.a, follow=False), call.b, call.c, call.d)


def _fsetxattr(ctx: Context, call: Notification) -> Answered:
    return _attribute(ctx, call, ctx.names.descriptor(call.thread, call.a), call.b, call.c, call.d)


def _setxattrat(ctx: Context, call: Notification) -> Answered:
    how = ctx.memory.read(call.thread, call.e, 16)  # struct xattr_args, <linux/xattr.h>
    if len(how) < 16:
        return None
    value, size, _ = struct.unpack("=QII", how)
    return _attribute(ctx, call, _flagged(ctx, call, call.a, call.b, call.c), call.d, value, size)


def _attribute(ctx: Context, call: Notification, place: Place | None, name: int, value: int, size: int) -> Answered:
    written = ctx.memory.text(call.thread, name, 256)
    if place is None or not place.mode or written is None:
        return None
    content = ctx.memory.read(call.thread, value, min(size, _MOST_VALUE)) if value else b""
    if written == b"system.posix_acl_access" and (permissions := _permissions(content)) is not None:
        return _mode(ctx, call, place, place.mode & 0o7000 | permissions)
    text = content.rstrip(b"\0").decode("utf-8", "backslashreplace")
    return ctx.tell(call, "file.attribute", path=place.path, name=os.fsdecode(written), value=text)


def _permissions(content: bytes) -> int | None:
    """The mode that an access list without anybody in it is another way to set; None for other lists. `cp -p` does so.

    `struct posix_acl_xattr_header` and entries, <linux/posix_acl_xattr.h>.
    """
    if len(content) != _ACL_HEADER + 3 * _ACL_ENTRY.size:
        return None
    by_tag = {tag: allowed for tag, allowed, _ in _ACL_ENTRY.iter_unpack(content[_ACL_HEADER:])}
    if by_tag.keys() != _ACL_SHIFTS.keys():
        return None
    return int(sum((allowed & 0o7) << _ACL_SHIFTS[tag] for tag, allowed in by_tag.items()))


CALLS: Final[dict[str, Decode]] = {
    "open": _open, "openat": _openat, "openat2": _openat2, "creat": _creat,
    "unlink": _unlink, "rmdir": _rmdir, "unlinkat": _unlinkat, "mkdir": _mkdir, "mkdirat": _mkdirat,
    "symlink": _symlink, "symlinkat": _symlinkat, "mknod": _mknod, "mknodat": _mknodat,
    "link": _link, "linkat": _linkat, "rename": _rename, "renameat": _renameat, "renameat2": _renameat2,
    "truncate": _truncate, "truncate64": _truncate,
    "chmod": _chmod, "fchmod": _fchmod, "fchmodat": _fchmodat, "fchmodat2": _fchmodat2,
    "chown": _chown, "lchown": _lchown, "fchown": _fchown, "fchownat": _fchownat,
    "chown32": _chown, "lchown32": _lchown, "fchown32": _fchown,
    "setxattr": _setxattr, "lsetxattr": _lsetxattr, "fsetxattr": _fsetxattr, "setxattrat": _setxattrat,
}  # fmt: skip

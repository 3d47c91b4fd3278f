"""Effects: every lasting change, told as events. The truth about files: what runs inside cannot bypass it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pratique import STANDARD_KINDS, Effect, Event, EventKind, Session, hookimpl

_EMITTED = (
    "file.create", "file.write", "file.delete", "file.mode", "file.owner", "file.attribute",
    "account.add", "account.modify", "account.delete", "service.add", "service.enable",
    "package.install", "package.remove",
)  # fmt: skip

#: Most of a text file that is compared line by line; what a policy asks of lines concerns settings, not data.
LARGEST_TEXT = 64 * 1024  # bytes
#: Most text an event carries in `added` or `removed`.
MOST_LINES = 16 * 1024  # characters


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name in _EMITTED]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    for effect in session.effects():
        if effect.type == "file":
            yield from file_events(effect, session)
        elif effect.type == "account":
            yield account_event(effect)
        elif effect.type == "service":
            yield from service_event(effect)
        elif effect.type == "package":
            yield package_event(effect)


def _event(kind: str, effect: Effect, **fields: Any) -> Event:
    return Event(kind, process=effect.process, component=effect.component, effect=effect.id, **fields)


def file_events(effect: Effect, session: Session) -> Iterator[Event]:
    """What happened to one path, in the order a program would have done it."""
    before, after = effect.before, effect.after
    packaged = effect.details.get("by_package_manager") == "true"
    package = effect.details.get("package", "")
    if after is None or (before is not None and before.type != after.type):
        yield _event(
            "file.delete", effect,
            path=effect.path, type=before.type if before else "", by_package_manager=packaged, package=package,
        )  # fmt: skip
    if after is None:
        return
    new = before is None or before.type != after.type
    if new or (after.type == "link" and before is not None and after.target != before.target):
        yield _event(
            "file.create", effect,
            path=effect.path, type=after.type, target=after.target, mode=after.mode,
            by_package_manager=packaged, package=package,
        )  # fmt: skip
    old_hash = before.sha256 if before is not None and before.type == "file" else ""
    if after.type == "file" and (after.size if new else after.sha256 != old_hash):
        added, removed = changed_lines(effect, session)
        yield _event(
            "file.write", effect,
            path=effect.path, size=after.size, added=added, removed=removed, executable=bool(after.mode & 0o111),
            by_package_manager=packaged, package=package,
        )  # fmt: skip
    capabilities = effect.details.get("capabilities", "")
    special = after.mode & 0o6000 or (after.type == "file" and after.mode & 0o002) or capabilities
    if (new and special) or (not new and before is not None and (after.mode != before.mode or capabilities)):
        yield _event(
            "file.mode", effect,
            path=effect.path, mode=after.mode, setuid=after.type == "file" and bool(after.mode & 0o4000),
            setgid=after.type == "file" and bool(after.mode & 0o2000),
            world_writable=after.type != "link" and bool(after.mode & 0o002), capabilities=capabilities,
            by_package_manager=packaged, package=package,
        )  # fmt: skip
    if before is not None and not new and (before.uid, before.gid) != (after.uid, after.gid):
        yield _event("file.owner", effect, path=effect.path, owner=str(after.uid), group=str(after.gid))


def changed_lines(effect: Effect, session: Session) -> tuple[str, str]:
    """Lines that came and went in a small text file; ("", "") for anything else, and for a hidden file's stand-in."""
    if effect.unfit or effect.after is None or effect.after.size > LARGEST_TEXT:
        return "", ""
    new = _lines(session.read(effect.path, LARGEST_TEXT + 1))
    old = _lines(session.read_before(effect.path, LARGEST_TEXT + 1)) if effect.before is not None else []
    if new is None or old is None:
        return "", ""
    had, has = set(old), set(new)
    added = "\n".join(line for line in new if line not in had)
    removed = "\n".join(line for line in old if line not in has)
    return added[:MOST_LINES], removed[:MOST_LINES]


def _lines(content: bytes | None) -> list[str] | None:
    if content is None or len(content) > LARGEST_TEXT or b"\0" in content:
        return None
    return content.decode("utf-8", "replace").splitlines()


def account_event(effect: Effect) -> Event:
    name, uid = effect.details.get("name", ""), number(effect.details.get("uid", ""))
    if effect.op == "add":
        return _event(
            "account.add", effect,
            name=name, uid=uid, home=effect.details.get("home", ""), shell=effect.details.get("shell", ""),
            can_log_in=effect.details.get("can_log_in") == "true",
        )  # fmt: skip
    if effect.op == "delete":
        return _event("account.delete", effect, name=name, uid=uid)
    return _event("account.modify", effect, name=name, uid=uid, change=effect.details.get("change", ""))


def number(text: str) -> int | None:
    """A uid as the program wrote it into passwd; None for what is no number, which it may well have written."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def service_event(effect: Effect) -> Iterator[Event]:
    if effect.op == "delete":
        return
    details = effect.details
    common = {
        "name": details.get("name", ""),
        "path": effect.path,
        "by_package_manager": details.get("by_package_manager") == "true",
        "package": details.get("package", ""),
    }
    if details.get("what") == "enable":
        yield _event("service.enable", effect, **common)
    else:
        yield _event("service.add", effect, type=details.get("unit", ""), **common)


def package_event(effect: Effect) -> Event:
    name, manager = effect.details.get("package", ""), effect.details.get("manager", "")
    if effect.op == "delete":
        return _event("package.remove", effect, name=name, manager=manager)
    return _event("package.install", effect, name=name, version=effect.details.get("version", ""), manager=manager)

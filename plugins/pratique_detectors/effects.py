"""Effects: every lasting change, told as events. The truth about files: what runs inside cannot bypass it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pratique import STANDARD_KINDS, Effect, Event, EventKind, Session, hookimpl
from pratique_detectors.changed_lines import changed_lines
from pratique_detectors.lost import Lost
from pratique_detectors.through_links import MOST_PATHS, links_before, names_beneath, other_ways, resolved, seen_through

_EMITTED = (
    "file.create", "file.write", "file.delete", "file.mode", "file.owner", "file.attribute",
    "account.add", "account.modify", "account.delete", "service.add", "service.enable",
    "package.install", "package.remove",
)  # fmt: skip


@hookimpl
def event_kinds() -> list[EventKind]:
    return [kind for kind in STANDARD_KINDS if kind.name in _EMITTED]


@hookimpl
def observe(session: Session) -> Iterator[Event]:
    files = {effect.path: effect for effect in session.effects(type="file")}
    links = links_before(session.home)
    lost = Lost(files.values(), session)
    for effect in session.effects():
        if effect.type == "file":
            for event in file_events(effect, session, files, lost):
                yield event
                for path in other_ways(effect.path, links):
                    yield _event(event.kind, effect, **{**event.fields, "path": path})
        elif effect.type == "account":
            yield account_event(effect)
        elif effect.type == "service":
            yield from service_event(effect)
        elif effect.type == "package":
            yield package_event(effect)
    yield from events_through_links(files)


def _event(kind: str, effect: Effect, **fields: Any) -> Event:
    # Whose component it is, is told by the effect, once it is known which process wrote it.
    return Event(kind, process=effect.process, effect=effect.id, **fields)


def file_events(effect: Effect, session: Session, files: Mapping[str, Effect], lost: Lost) -> Iterator[Event]:
    """What happened to one path, in the order a program would have done it."""
    before, after = effect.before, effect.after
    by = _by(effect)
    if after is None or (before is not None and before.type != after.type):
        kind = before.type if before else ""
        yield _event("file.delete", effect, path=effect.path, type=kind, lost=effect in lost, **by)
    if after is None:
        return
    new = before is None or before.type != after.type
    led_elsewhere = after.type == "link" and (new or before is None or after.target != before.target)
    if new or led_elsewhere:
        yield _event(
            "file.create", effect, path=effect.path, type=after.type, target=after.target, mode=after.mode, **by
        )  # fmt: skip
    old_hash = before.sha256 if before is not None and before.type == "file" else ""
    if led_elsewhere or (after.type == "file" and (after.size if new else after.sha256 != old_hash)):
        yield from write_events(effect, session, files)
    capabilities = effect.details.get("capabilities", "")
    special = after.mode & 0o6000 or (after.type == "file" and after.mode & 0o002) or capabilities
    if (new and special) or (not new and before is not None and (after.mode != before.mode or capabilities)):
        yield _event(
            "file.mode", effect,
            path=effect.path, mode=after.mode, setuid=after.type == "file" and bool(after.mode & 0o4000),
            setgid=after.type == "file" and bool(after.mode & 0o2000),
            world_writable=after.type != "link" and bool(after.mode & 0o002), capabilities=capabilities, **by,
        )  # fmt: skip
    if before is not None and not new and (before.uid, before.gid) != (after.uid, after.gid):
        yield _event("file.owner", effect, path=effect.path, owner=str(after.uid), group=str(after.gid))
    for name, value in effect.details.items():
        if name.startswith("xattr:"):
            yield _event("file.attribute", effect, path=effect.path, name=name.removeprefix("xattr:"), value=value)


def _by(effect: Effect) -> dict[str, Any]:
    return {
        "by_package_manager": effect.details.get("by_package_manager") == "true",
        "package": effect.details.get("package", ""),
    }


def write_events(effect: Effect, session: Session, files: Mapping[str, Effect]) -> Iterator[Event]:
    """New content at a path. That of a link is what it leads to."""
    after = effect.after
    assert after is not None
    content = effect
    if after.type == "link":
        content = files.get(resolved(effect.path, files), effect)
        after = content.after or after
    for added, removed in changed_lines(effect, content, session):
        yield _event(
            "file.write", effect,
            path=effect.path, size=after.size, added=added, removed=removed,
            executable=after.type == "file" and bool(after.mode & 0o111), **_by(effect),
        )  # fmt: skip


def events_through_links(files: Mapping[str, Effect]) -> Iterator[Event]:
    """A link to a directory puts everything in it in another place, too. Revert such a thing by dropping the link."""
    beneath = names_beneath(files)
    told = 0
    for link in files.values():
        if link.after is None or link.after.type != "link":
            continue
        for path, found in seen_through(link, files, beneath):
            after = found.after
            assert after is not None
            told += 1
            if told > MOST_PATHS:
                raise ValueError(f"links lead to more than {MOST_PATHS:,} paths; the rest was not told a second time")
            yield _event(
                "file.create", link, path=path, type=after.type, target=after.target, mode=after.mode, **_by(link)
            )
            if after.type in ("file", "link"):
                yield _event("file.write", link, path=path, size=after.size, added="", removed="",
                             executable=after.type == "file" and bool(after.mode & 0o111), **_by(link))  # fmt: skip


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

"""User accounts and group memberships, read out of passwd(5), group(5) and shadow(5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from pratique.recording import Effect

_PASSWD, _GROUP, _SHADOW, _GSHADOW = "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"
_LARGEST = 16 * 1024 * 1024  # bytes
_NO_LOGIN = frozenset({"nologin", "false", "sync", ""})

Reader = Callable[[str, int], bytes | None]


class Account(msgspec.Struct, frozen=True):
    name: str
    uid: str
    gid: str
    home: str
    shell: str

    @property
    def can_log_in(self) -> bool:
        return self.shell.rsplit("/", 1)[-1] not in _NO_LOGIN


def _rows(content: bytes | None) -> dict[str, list[str]]:
    rows = {}
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) >= 2 and fields[0] and not line.startswith("#"):
            rows[fields[0]] = fields
    return rows


def _accounts(content: bytes | None) -> dict[str, Account]:
    return {
        name: Account(name, row[2], row[3], row[5], row[6]) for name, row in _rows(content).items() if len(row) >= 7
    }


def changes(effects: Sequence[Effect], read: Reader, read_before: Reader) -> Iterator[Effect]:
    """Effects of type "account"; details: name, uid, home, shell, can_log_in, change."""
    touched = {effect.path: effect for effect in effects if effect.type == "file"}
    parts = tuple(touched[path].id for path in (_PASSWD, _GROUP, _SHADOW, _GSHADOW) if path in touched)
    if not parts:
        return
    before, after = _accounts(read_before(_PASSWD, _LARGEST)), _accounts(read(_PASSWD, _LARGEST))
    if _PASSWD not in touched:
        after = before
    for name in after.keys() - before.keys():
        yield _account(after[name], "add", "added", parts)
    for name in before.keys() - after.keys():
        yield _account(before[name], "delete", "removed", parts)
    modified = dict.fromkeys(after.keys() & before.keys(), "")
    for name in modified:
        old, new = before[name], after[name]
        said = [
            f"{field} {getattr(old, field)} -> {getattr(new, field)}"
            for field in ("uid", "gid", "home", "shell")
            if getattr(old, field) != getattr(new, field)
        ]
        modified[name] = ", ".join(said)
    if _GROUP in touched:
        for name, groups in _joined(read_before(_GROUP, _LARGEST), read(_GROUP, _LARGEST)).items():
            if name in modified:
                said_groups = "joined " + ", ".join(groups)
                modified[name] = f"{modified[name]}, {said_groups}" if modified[name] else said_groups
    if _SHADOW in touched:
        old_rows, new_rows = _rows(read_before(_SHADOW, _LARGEST)), _rows(read(_SHADOW, _LARGEST))
        for name in old_rows.keys() & new_rows.keys() & modified.keys():
            if old_rows[name][1] != new_rows[name][1]:
                modified[name] = f"{modified[name]}, password" if modified[name] else "password"
    for name, change in sorted(modified.items()):
        if change:
            yield _account(after[name], "modify", change, parts)


def _joined(before: bytes | None, after: bytes | None) -> Mapping[str, list[str]]:
    """user -> groups joined during the session, by the member lists."""

    def members(content: bytes | None) -> set[tuple[str, str]]:
        return {
            (user, group)
            for group, row in _rows(content).items()
            if len(row) >= 4
            for user in row[3].split(",")
            if user
        }

    joined: dict[str, list[str]] = {}
    for user, group in sorted(members(after) - members(before)):
        joined.setdefault(user, []).append(group)
    return joined


def _account(account: Account, op: str, change: str, parts: tuple[int, ...]) -> Effect:
    return Effect(
        id=0, type="account", op=op, path=_PASSWD, parts=parts,  # type: ignore[arg-type]
        details={
            "name": account.name, "uid": account.uid, "home": account.home, "shell": account.shell,
            "can_log_in": "true" if account.can_log_in else "false", "change": change,
        },
    )  # fmt: skip

"""User accounts and group memberships, read out of passwd(5), group(5) and shadow(5).

The program under judgement wrote these files, so they are read as the C library reads them: lines end at a newline
only, of several lines for one name the first counts, a number may have blanks and a sign in front, and what is missing
behind the group is empty. Read any other way, a line could make an administrator whom nobody sees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from pratique.recording import Effect

_PASSWD, _GROUP, _SHADOW, _GSHADOW = "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"
_LARGEST = 16 * 1024 * 1024  # bytes
#: An empty shell is /bin/sh (passwd(5)), and so not among them.
_NO_LOGIN = frozenset({"nologin", "false", "sync"})
_BLANKS = " \t\n\v\f\r"
_NUMBER = re.compile(rf"[{_BLANKS}]*([+-]?)([0-9]+)")
_LARGEST_ID = 0xFFFFFFFF

Reader = Callable[[str, int], bytes | None]


class Account(msgspec.Struct, frozen=True):
    name: str
    uid: str
    gid: str
    home: str
    shell: str
    password: str

    @property
    def can_log_in(self) -> bool:
        return self.shell.rsplit("/", 1)[-1] not in _NO_LOGIN


def _rows(content: bytes | None) -> Iterator[list[str]]:
    for line in (content or b"").decode("utf-8", "replace").split("\n"):
        said = line.lstrip(_BLANKS)
        if said and not said.startswith("#"):
            yield said.split(":")


def _number(text: str) -> str | None:
    """An id as strtoul(3) reads it, in plain digits; None for what is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    value = int(match[2][-400:])
    if value and (match[1] == "-" or value > _LARGEST_ID):
        value = _LARGEST_ID
    return str(value)


def _accounts(content: bytes | None) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for row in _rows(content):
        if len(row) < 4 or not row[0] or row[0] in found:
            continue
        uid, gid = _number(row[2]), _number(row[3])
        if uid is not None and gid is not None:
            home, *shell = [*row[5:], "", ""][: max(2, len(row) - 5)]
            found[row[0]] = Account(row[0], uid, gid, home, ":".join(shell), row[1])
    return found


def _passwords(content: bytes | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _rows(content):
        if len(row) >= 2 and row[0]:
            found.setdefault(row[0], row[1])
    return found


def changes(effects: Sequence[Effect], read: Reader, read_before: Reader) -> Iterator[Effect]:
    """Effects of type "account"; details: name, uid, home, shell, can_log_in, change.

    A new account that is in groups besides its own is added, and then modified by joining them.
    """
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
    changed: dict[str, list[str]] = {name: [] for name in after}
    for name in after.keys() & before.keys():
        old, new = before[name], after[name]
        changed[name] += [
            f"{field} {getattr(old, field)} -> {getattr(new, field)}"
            for field in ("uid", "gid", "home", "shell")
            if getattr(old, field) != getattr(new, field)
        ]
    old_groups = read_before(_GROUP, _LARGEST)
    new_groups = read(_GROUP, _LARGEST) if _GROUP in touched else old_groups
    for name, groups in _joined(_members(old_groups, before), _members(new_groups, after)).items():
        if name in changed:
            changed[name].append("joined " + ", ".join(groups))
    old_words, new_words = _passwords(read_before(_SHADOW, _LARGEST)), _passwords(read(_SHADOW, _LARGEST))
    for name in after.keys() & before.keys():
        in_shadow = _SHADOW in touched and old_words.get(name) != new_words.get(name)
        if in_shadow or before[name].password != after[name].password:
            changed[name].append("password")
    for name, said in sorted(changed.items()):
        if said:
            yield _account(after[name], "modify", ", ".join(said), parts)


def _members(content: bytes | None, accounts: Mapping[str, Account]) -> set[tuple[str, str]]:
    """(user, group) by the member lists and by the accounts' own groups, save one of the user's own name.

    A group is its number: whoever is in another group of the same number is in the one that has the name first, too.
    """
    first: dict[str, str] = {}
    found: set[tuple[str, str]] = set()
    for row in _rows(content):
        number = _number(row[2]) if len(row) >= 3 else None
        if number is None:
            continue
        names = {row[0], first.setdefault(number, row[0])}
        users = row[3].split(",") if len(row) > 3 else []
        found.update((user.strip(_BLANKS), name) for user in users if user for name in names)
    found.update((name, first[own.gid]) for name, own in accounts.items() if own.gid in first)
    return {(user, group) for user, group in found if user != group}


def _joined(before: set[tuple[str, str]], after: set[tuple[str, str]]) -> Mapping[str, list[str]]:
    """user -> groups joined during the session."""
    joined: dict[str, list[str]] = {}
    for user, group in sorted(after - before):
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

"""User accounts and group memberships, read out of passwd(5), group(5) and shadow(5).

The program under judgement wrote these files, so they are read as the C library reads them: lines end at a newline
only, of several lines for one name the first counts, a number may have blanks and a sign in front, and what is missing
behind the group is empty. Read any other way, a line could make an administrator whom nobody sees.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from pratique.meaning.changed import Changed
from pratique.meaning.shared_files import USER_LISTS, USERS
from pratique.recording import Effect, Share

_PASSWD, _GROUP, _SHADOW, _GSHADOW = "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"
_LARGEST = 16 * 1024 * 1024  # bytes
#: Accounts of one session that are told apart; each costs a look at all of them.
_MOST_TAKEN_APART = 40
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


def changes(effects: Sequence[Effect], changed: Changed, read: Reader, read_before: Reader) -> list[Effect]:
    """Effects of type "account"; details: name, uid, gid, home, shell, can_log_in, change.

    A new account that is in groups besides its own is added, and then modified by joining them. An account has its
    lines in the files all accounts share, its own group, and where it came or went in the session, its home and mail.
    `needs` are places in this list.
    """
    touched = {effect.path: effect for effect in effects if effect.type == "file"}
    if touched.keys().isdisjoint((_PASSWD, _GROUP, _SHADOW, _GSHADOW)):
        return []
    old = _Records(*(read_before(path, _LARGEST) for path in (_PASSWD, _GROUP, _SHADOW)))
    new = _Records(*(read(path, _LARGEST) for path in (_PASSWD, _GROUP, _SHADOW)))
    before, after = old.accounts, new.accounts
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    joined = _joined(old.members, new.members)
    modified = {name: said for name in sorted(after) if (said := _modified(name, old, new, joined))}
    own_groups = _own_groups(old, new)
    holdings = _Holdings(changed, touched, own_groups, old, new)
    holdings.too_many = len(added) + len(removed) + len(modified) > _MOST_TAKEN_APART
    homes = _homes(touched, [after[name] for name in added], [before[name] for name in removed])
    out: list[Effect] = []
    for name in added:
        # An account whose first group is another's is nothing without that one.
        needs = tuple(
            at for at, other in enumerate(added) if other != name and after[name].gid in own_groups[other].values()
        )
        held = holdings.of_all(name)
        out.append(_account(after[name], "add", "added", held, homes.get(name, ()), needs))
    for name in removed:
        out.append(_account(before[name], "delete", "removed", holdings.of_all(name), homes.get(name, ())))
    for name, said in modified.items():
        out.append(_account(after[name], "modify", ", ".join(said), holdings.of_modified(name)))
    return out


def _modified(name: str, old: _Records, new: _Records, joined: Mapping[str, list[str]]) -> list[str]:
    """What changed of an account that is there now, in words."""
    was, now = old.accounts.get(name), new.accounts[name]
    said = []
    if was is not None:
        for field in ("uid", "gid", "home", "shell"):
            if getattr(was, field) != getattr(now, field):
                said.append(f"{field} {getattr(was, field)} -> {getattr(now, field)}")
    if name in joined:
        said.append("joined " + ", ".join(joined[name]))
    if was is not None and (old.words.get(name) != new.words.get(name) or was.password != now.password):
        said.append("password")
    return said


class _Records:
    """What passwd, group and shadow say together."""

    def __init__(self, passwd: bytes | None, group: bytes | None, shadow: bytes | None) -> None:
        self.accounts = _accounts(passwd)
        self.members = _members(group, self.accounts)
        self.words = _passwords(shadow)
        self.groups = {row[0]: _number(row[2]) for row in _rows(group) if len(row) >= 3}

    def of(self, name: str) -> tuple[Account | None, str | None, frozenset[str]]:
        groups = frozenset(group for user, group in self.members if user == name)
        return self.accounts.get(name), self.words.get(name), groups


def _merged(shares: Iterable[Share]) -> tuple[Share, ...]:
    """One share for each file."""
    pieces: dict[int, set[int]] = {}
    for share in shares:
        pieces.setdefault(share.file, set()).update(share.pieces)
    return tuple(Share(file, tuple(sorted(own))) for file, own in pieces.items())


class _Holdings:
    """What each account has in the files all accounts share; it is taken apart only where that was tried and held."""

    def __init__(
        self, changed: Changed, touched: Mapping[str, Effect], own_groups: Mapping[str, Mapping[str, str | None]],
        old: _Records, new: _Records,
    ) -> None:  # fmt: skip
        self._changed = changed
        self._own_groups = own_groups
        self._old = old
        self._new = new
        self._whole = tuple(touched[path].id for path in (_PASSWD, _GROUP, _SHADOW, _GSHADOW) if path in touched)
        self.too_many = False

    def of_all(self, name: str) -> tuple[Share, ...]:
        """Its lines, its memberships and its own group with everything in it."""
        own = self._own_groups.get(name, {})
        groups = self._held(USER_LISTS, lambda key: key.split(",")[0] in own or key.partition(",")[2] == name)
        held = _merged((*self._held(USERS, lambda key: key == name), *groups))
        return held if self._tried(held, lambda left: left.of(name) == self._old.of(name)) else self._all_of_them()

    def of_modified(self, name: str) -> tuple[Share, ...]:
        """What it had before and has otherwise now; of a new account, its memberships."""
        held = self._held(USER_LISTS, lambda key: key.partition(",")[2] == name)
        if name in self._old.accounts:
            held = _merged((*held, *self._held(USERS, lambda key: key == name)))
            as_before = self._tried(held, lambda left: left.of(name) == self._old.of(name))
        else:
            as_before = self._tried(held, lambda left: not left.of(name)[2])
        return held if as_before else self._all_of_them()

    def _held(self, paths: Iterable[str], is_own: Callable[[str], bool]) -> tuple[Share, ...]:
        # The tools keep each file as it was before their last change beside it, under its name and a minus.
        both = [f"{path}{kept}" for path in paths for kept in ("", "-")]
        return tuple(share for path in both if (share := self._changed.share(path, is_own)) is not None)

    def _tried(self, held: tuple[Share, ...], is_undone: Callable[[_Records], bool]) -> bool:
        """Whether the account is as it should be in what is left without these pieces."""
        if self.too_many or any(self._changed.indivisible(path) is not None for path in (_PASSWD, _GROUP, _SHADOW)):
            return False
        return is_undone(_Records(*(self._changed.without(path, held) for path in (_PASSWD, _GROUP, _SHADOW))))

    def _all_of_them(self) -> tuple[Share, ...]:
        return tuple(Share(file, ()) for file in self._whole)


def _own_groups(old: _Records, new: _Records) -> dict[str, dict[str, str | None]]:
    """The groups that came or went with an account: of its name, or those it is in first and nobody else is.

    Account -> group -> number.
    """
    found: dict[str, dict[str, str | None]] = {}
    for here, there in ((new, old), (old, new)):
        users = Counter(account.gid for account in here.accounts.values())
        for name in here.accounts.keys() - there.accounts.keys():
            gid = here.accounts[name].gid
            found[name] = {
                group: number
                for group, number in here.groups.items()
                if group not in there.groups and (group == name or (number == gid and users[gid] == 1))
            }
    return found


def _homes(
    touched: Mapping[str, Effect], added: Iterable[Account], removed: Iterable[Account]
) -> dict[str, tuple[int, ...]]:
    """Account -> its home and mail, where they came with it or went with it."""
    roots: dict[str, str] = {}
    for accounts, op in ((added, "add"), (removed, "delete")):
        for account in accounts:
            home = posixpath.normpath(account.home) if account.home.startswith("/") else ""
            for path in (home, f"/var/mail/{account.name}", f"/var/spool/mail/{account.name}"):
                if path in touched and touched[path].op == op:
                    roots.setdefault(path, account.name)
    found: dict[str, list[int]] = {}
    for path, effect in touched.items():
        above = path
        while above and above not in roots:
            above = above.rpartition("/")[0]
        if above:
            found.setdefault(roots[above], []).append(effect.id)
    return {name: tuple(ids) for name, ids in found.items()}


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


def _account(
    account: Account, op: Literal["add", "modify", "delete"], change: str, held: tuple[Share, ...],
    own: tuple[int, ...] = (), needs: tuple[int, ...] = (),
) -> Effect:  # fmt: skip
    return Effect(
        id=0, type="account", op=op, path=_PASSWD, parts=own, shares=held, needs=needs,
        details={
            "name": account.name, "uid": account.uid, "gid": account.gid, "home": account.home, "shell": account.shell,
            "can_log_in": "true" if account.can_log_in else "false", "change": change,
        },
    )  # fmt: skip

"""Files that hold what several have put there, and how each is told in tokens.

Accounts and packages have their records in files that all of them share. A record is known by its key: the user's or
group's name, the package's. `USER_LISTS` have members besides, each with the key "group,member".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pratique.meaning import blocks
from pratique.meaning.pieces import Change, Splitter, Token, Tokens, by_key, compare

LARGEST: Final = 64 * 1024 * 1024  # bytes; a dpkg status file of a full desktop has about 6 MiB
LARGEST_SETTINGS: Final = 4 * 1024 * 1024

_BLANKS = b" \t\n\v\f\r"


def _names(content: bytes) -> Tokens:
    """Lines `name:...`; the key is the name."""
    told = blocks.lines(content)
    return Tokens(tuple(Token(line.text, _name(line.text)) for line in told.tokens), told.cut)


def _name(line: bytes) -> str:
    said = line.lstrip(_BLANKS)
    return "" if said.startswith(b"#") else said.split(b":")[0].rstrip(b"\n").decode("utf-8", "replace")


def _members(content: bytes) -> Tokens:
    """Lines `name:password:number or administrators:member,member`."""
    told = blocks.lines(content)
    out: list[Token] = []
    for line in told.tokens:
        key = _name(line.text)
        head, colon, listed = line.text[:-1].rpartition(b":")
        members = listed.split(b",") if listed else []
        if not key or head.count(b":") != 2 or not all(members):
            out.append(Token(line.text, key))
            continue
        out.append(Token(head + colon, key))
        out.extend(Token(one, f"{key},{one.strip(_BLANKS).decode('utf-8', 'replace')}", member=True) for one in members)
        out.append(Token(b"\n", key))
    return Tokens(tuple(out), told.cut)


_PACKAGE = re.compile(rb"^Package: *(.*?) *$", re.MULTILINE)
_ARCHITECTURE = re.compile(rb"^Architecture: *(.*?) *$", re.MULTILINE)


def _stanzas(content: bytes) -> Tokens:
    """Paragraphs of fields (deb822); the key is `package:architecture`."""
    out = []
    for text in re.split(rb"(?<=\n\n)(?!\n)", content):
        if text:
            name, architecture = _PACKAGE.search(text), _ARCHITECTURE.search(text)
            key = f"{_text(name[1])}:{_text(architecture[1]) if architecture else ''}" if name else ""
            out.append(Token(text, key))
    return Tokens(tuple(out))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _diversions(content: bytes) -> Tokens:
    """Three lines each: from, to, the package."""
    told = blocks.lines(content)
    out = []
    for at in range(0, len(told.tokens), 3):
        record = told.tokens[at : at + 3]
        package = _text(record[2].text.strip()) if len(record) == 3 else ""
        out.append(Token(b"".join(line.text for line in record), package))
    return Tokens(tuple(out), told.cut)


def _last_words(content: bytes) -> Tokens:
    """Lines that end with the package they are of: dpkg's triggers."""
    told = blocks.lines(content)
    return Tokens(
        tuple(Token(line.text, _text(line.text.split()[-1].split(b"/")[0] if line.text.split() else b""))
              for line in told.tokens), told.cut,
    )  # fmt: skip


_LOGGED = re.compile(
    rb"[-0-9]+ [:0-9]+ (?:status \S+|install|upgrade|configure|remove|purge|disappear|trigproc|conffile) (\S+)"
)


def _log(content: bytes) -> Tokens:
    """dpkg's log: `date time what package:architecture ...`."""
    told = blocks.lines(content)
    out = []
    for line in told.tokens:
        match = _LOGGED.match(line.text)
        out.append(Token(line.text, _text(match[1]) if match else ""))
    return Tokens(tuple(out), told.cut)


_Teller = Callable[[bytes], Tokens]

USERS: Final = ("/etc/passwd", "/etc/shadow", "/etc/subuid", "/etc/subgid")
USER_LISTS: Final = ("/etc/group", "/etc/gshadow")
PACKAGE_RECORDS: Final = (
    "/var/lib/dpkg/status", "/var/lib/dpkg/status-old", "/var/lib/dpkg/available", "/var/lib/dpkg/available-old",
    "/var/lib/apt/extended_states", "/var/lib/dpkg/diversions", "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/triggers/File", "/var/log/dpkg.log",
)  # fmt: skip

#: The tools of shadow keep the file before their last change beside it, under its name and a minus.
_RECORDS: Final[dict[str, _Teller]] = {
    **{f"{path}{old}": _names for path in USERS for old in ("", "-")},
    **{f"{path}{old}": _members for path in USER_LISTS for old in ("", "-")},
    **dict.fromkeys(PACKAGE_RECORDS[:5], _stanzas),
    "/var/lib/dpkg/diversions": _diversions,
    "/var/lib/dpkg/diversions-old": _diversions,
    "/var/lib/dpkg/triggers/File": _last_words,
    "/var/log/dpkg.log": _log,
}

_TABLES = re.compile(
    r"^(?:/etc/(?:crontab|cron\.d/.*|hosts(?:\.allow|\.deny)?|fstab|exports|shells|environment|modules|sudoers(?:\.d/.*)?"
    r"|ld\.so\.preload|ld\.so\.conf(?:\.d/.*)?|resolv\.conf|hosts\.equiv|apt/sources\.list(?:\.d/.*\.list)?|services"
    r"|at\.(?:allow|deny)|cron\.(?:allow|deny)|security/access\.conf)"
    r"|/var/spool/cron/.*|.*/\.ssh/(?:authorized_keys2?|known_hosts)|.*/\.rhosts)$"
)
_SETTINGS = re.compile(
    r"^(?:/etc/.*|.*/\.[^/]+|.*/\.config/.*|.*\.(?:conf|cfg|cnf|ini|list|rules|pth|desktop|service|timer|socket|sh)|.*/[^/.]*rc)$"
)


def is_record(path: str) -> bool:
    return path in _RECORDS


def is_table(path: str) -> bool:
    """Whether each line of the file stands for itself."""
    return _TABLES.match(path) is not None


def largest(path: str) -> int:
    """Bytes of the longest file of this name that is looked into; 0 for one that goes or stays as a whole."""
    if path in _RECORDS:
        return LARGEST
    return LARGEST_SETTINGS if is_table(path) or _SETTINGS.match(path) else 0


def parts(path: str, content: bytes) -> tuple[bytes, ...]:
    """The texts it consists of, one after the other: whole records where the file has them, lines of any other."""
    tell = _RECORDS.get(path)
    if tell is not None:
        told = tuple(token.text for token in tell(content).tokens)
        if b"".join(told) == content:  # members of a list are told without what is between them
            return told
    return tuple(content.splitlines(keepends=True))


def change(path: str, before: bytes, after: bytes) -> Change | None:
    """What happened to such a file, in pieces; None for what goes or stays as a whole.

    The same contents give the same pieces, now and when they are put on the host.
    """
    if max(len(before), len(after)) > largest(path):
        return None
    tell = _RECORDS.get(path)
    split: Splitter = by_key
    if tell is None:
        if b"\0" in before or b"\0" in after:
            return None
        tell, split = blocks.lines, blocks.entries if is_table(path) else blocks.apart
    old, new = tell(before), tell(after)
    if old.content() != before or new.content() != after:
        return None  # told in other words than it was written
    found = compare(old, new, split)
    return found if found.pieces else None

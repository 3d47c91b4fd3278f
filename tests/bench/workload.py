"""The rules and events every engine is measured on: made up, realistic in shape, the same in every run.

A rule speaks of one kind of event and of its path: equal to, beneath a directory, of an extension beneath a directory,
or matching a regular expression; a third ask something more. Events are files of an installation: most touch nothing a
rule speaks of, some come near, and one in twenty is a hit. No two events have the same path.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import Literal

KINDS = ("file.write", "file.create", "file.read")
#: Hits are on the first rules, so that they are the same however many rules follow.
HIT_RULES = 100


@dataclass(frozen=True, slots=True)
class Rule:
    number: int
    kind: str
    sort: Literal["exact", "beneath", "extension", "regex"]
    place: str  # the path, the directory, or the directory the expression begins with
    tail: str = ""  # the extension, or the name the expression asks for
    unmanaged: bool = False  # and not by_package_manager
    larger: int | None = None  # and size > this


@dataclass(frozen=True, slots=True)
class Happening:
    kind: str
    path: str
    by_package_manager: bool
    size: int


def rules(count: int) -> list[Rule]:
    source = random.Random(2024)
    return [_rule(source, number) for number in range(count)]


def _word(source: random.Random) -> str:
    return "".join(source.choices(string.ascii_lowercase, k=source.randint(3, 9)))


_PLACES = ("/etc", "/opt", "/usr/lib", "/usr/share", "/var/lib", "/home/ann/.config", "/home/ann", "/usr/local/lib")


def _rule(source: random.Random, number: int) -> Rule:
    place = f"{source.choice(_PLACES)}/{_word(source)}{number}"
    sort = source.choices(("exact", "beneath", "extension", "regex"), (40, 30, 20, 10))[0]
    more = source.random()
    return Rule(
        number=number,
        kind=source.choice(KINDS),
        sort=sort,  # type: ignore[arg-type]
        place=f"{place}/{_word(source)}.conf" if sort == "exact" else place,
        tail={"extension": f".{_word(source)[:4]}", "regex": f"lib{_word(source)}"}.get(sort, ""),
        unmanaged=more < 0.25,
        larger=1000 if more > 0.93 else None,
    )


def happenings(count: int, *, seed: int = 1, new_directories: bool = False) -> list[Happening]:
    """`new_directories`: every event lies in a directory of its own, so that nothing learnt of one helps another."""
    source = random.Random(seed)
    known = rules(HIT_RULES)
    directories = [_directory(source) for _ in range(max(1, count // 25))]
    out = []
    for number in range(count):
        chance = source.random()
        if chance < 0.05:
            kind, path = _hit(source, source.choice(known), number)
        elif chance < 0.25:  # near: a rule's own directory, or one beside it
            near = source.choice(known).place
            kind, path = source.choice(KINDS), f"{near.rpartition('/')[0]}/{_word(source)}{number}"
        else:
            directory = _directory(source) if new_directories else source.choice(directories)
            kind, path = source.choice(KINDS), f"{directory}/{_word(source)}{number}.{_word(source)[:3]}"
        if new_directories and chance >= 0.05:
            path = f"{path}.d/{number}"
        out.append(Happening(kind, path, source.random() < 0.1, source.randint(0, 100_000)))
    return out


def _directory(source: random.Random) -> str:
    deeper = "/".join(_word(source) for _ in range(source.randint(1, 4)))
    return f"{source.choice(_PLACES)}/{deeper}"


def _hit(source: random.Random, rule: Rule, number: int) -> tuple[str, str]:
    match rule.sort:
        case "exact":
            return rule.kind, rule.place
        case "beneath":
            return rule.kind, f"{rule.place}/{_word(source)}/{number}"
        case "extension":
            return rule.kind, f"{rule.place}/{number}{rule.tail}"
        case "regex":
            return rule.kind, f"{rule.place}/{number}/{rule.tail}-{number}.so"
